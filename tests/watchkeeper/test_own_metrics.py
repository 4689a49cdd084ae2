"""An application declares metrics of its own, counts them anywhere, and they are scraped and checked like ours."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.watchkeeper.conftest import Worker
from tests.watchkeeper.reading import eventually, scrape
from tests.watchkeeper.servers import ROOT
from tests.watchkeeper.serving import client, samples
from watchkeeper import Counter, Gauge, Histogram, Label, Telemetry, instrument
from watchkeeper.contract.metrics import Metric
from watchkeeper.declared import REGISTRY
from watchkeeper.recorder import Recorder
from watchkeeper.store.redis import RedisStore

METRICS = "/api/metrics/prometheus"
CHANNEL = Label("channel", "Where an order came from.", ("web", "phone"))
ORDERS = Counter("orders_total", "Orders taken.", labels=(CHANNEL,))
BASKETS = Gauge("baskets_open", "Baskets not yet paid.")
PRICE = Histogram("order_price_euros", "What was paid.", unit="", buckets=(10, 100))
WEB, PHONE = '{channel="web"}', '{channel="phone"}'
FORK_WITH_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"


@pytest.fixture(autouse=True)
def _afresh() -> None:
    """Count from zero: what is declared belongs to the process."""
    for family in REGISTRY.families():
        family.reset()
    if (owner := REGISTRY.owner()) is not None:  # of a test that did not stop it
        REGISTRY.release(owner)


def test_counting_from_anywhere_is_scraped() -> None:
    """Threads, loops and jobs count into the same series; label values are there at zero from the beginning."""
    telemetry = Telemetry.read(service="shop", logs=False)

    async def pay() -> None:
        ORDERS.inc(channel="web")

    before = samples(scrape(telemetry.recorder), "orders_total")
    with ThreadPoolExecutor(4) as pool:
        for _ in range(100):
            pool.submit(ORDERS.inc, 2, channel="web")
    asyncio.run(pay())
    with telemetry.jobs.run("mail"):
        PRICE.observe(50)
    BASKETS.inc(3)
    BASKETS.dec()

    text = scrape(telemetry.recorder)
    assert before == {WEB: 0, PHONE: 0}
    assert samples(text, "orders_total") == {WEB: 201, PHONE: 0}
    assert samples(text, "baskets_open") == {"": 2}
    assert samples(text, "order_price_euros_bucket") == {'{le="10.0"}': 0, '{le="100.0"}': 1, '{le="+Inf"}': 1}
    assert "# HELP orders_total Orders taken.\n# TYPE orders_total counter\n" in text


def test_a_value_that_was_not_declared_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """A client that chooses cannot make series: the update is dropped, counted as such, and named once."""
    telemetry = Telemetry.read(service="shop", logs=False)
    for number in range(3):
        ORDERS.inc(channel=f"carrier pigeon {number}")

    text = scrape(telemetry.recorder)
    assert samples(text, "orders_total") == {WEB: 0, PHONE: 0}
    assert samples(text, "telemetry_updates_dropped_total")['{reason="invalid"}'] == 3
    assert caplog.text.count("orders_total: label 'channel' is never 'carrier pigeon 0'; it takes: web, phone") == 1
    assert "pigeon 1" not in caplog.text


def test_labels_that_do_not_fit_are_an_error() -> None:
    """The first call shows it, whatever the data."""
    with pytest.raises(ValueError, match="orders_total got the labels chanel; it takes: channel"):
        ORDERS.inc(chanel="web")


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            lambda: Counter("orders", "Orders."),
            "orders is a counter; the name of a counter, and no other, ends in _total",
        ),
        (lambda: Gauge("open_total", "Open."), "open_total is a gauge"),
        (lambda: Counter("http_requests_total", "Mine."), "http_requests_total is a standard series"),
        (lambda: Counter("order-s_total", "Orders."), "'order-s_total' is no name for Prometheus"),
        (lambda: Counter("users_total", "Users.", labels=(Label("user", "Who."),)), "label 'user' lists no values"),
        (lambda: Counter("orders_total", "Something else."), "orders_total is declared twice"),
        (lambda: Histogram("wait_seconds", "Waits.", buckets=(2, 1)), "bucket edges rise"),
        (
            lambda: Counter("many_total", "Many.", labels=(Label("n", "N.", tuple(map(str, range(1001)))),)),
            "more than 1000 combinations",
        ),
    ],
)
def test_what_cannot_be_declared(declare: Any, message: str) -> None:
    """A declaration that Prometheus or a reader would stumble over is refused where it stands."""
    with pytest.raises(ValueError, match=message):
        declare()


def test_the_same_declaration_twice_is_one() -> None:
    """A module imported under two names counts into one series."""
    again = Counter("orders_total", "Orders taken.", labels=(CHANNEL,))
    again.inc(channel="web")
    ORDERS.inc(channel="web")

    assert samples(scrape(Recorder(declared=REGISTRY)), "orders_total")[WEB] == 2


def test_a_declaration_is_a_metric_of_the_contract() -> None:
    """What the application counts with is what boards and alerts ask for."""
    assert isinstance(ORDERS, Metric)
    assert (ORDERS.kind, ORDERS.labels, PRICE.bucket.name) == ("counter", (CHANNEL,), "order_price_euros_bucket")


@pytest.mark.filterwarnings(FORK_WITH_THREADS)
def test_workers_add_up_once(worker: Worker, redis_url: str) -> None:
    """Two recorders of one process deliver it once; a forked child delivers its own; nothing is doubled or lost."""
    one, other = (
        Recorder(store=RedisStore(redis_url, "chat", timeout=5), interval=0.05, declared=REGISTRY) for _ in range(2)
    )
    ORDERS.inc(5, channel="web")
    one.start()
    other.start()
    child = os.fork()
    if child == 0:
        ORDERS.inc(2, channel="web")
        one.stop()
        other.stop()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    one.stop()
    ORDERS.inc(channel="web")  # the other takes over
    other.start()
    other.stop()

    reader = worker()
    eventually(lambda: samples(scrape(reader), "orders_total") == {WEB: 8, PHONE: 0})


async def test_a_collector_of_prometheus_client_is_shown_beside() -> None:
    """Counters, gauges, histograms and summaries an application already has are in the scrape, as a parser reads it."""
    registry = prometheus_client.CollectorRegistry()
    sold = prometheus_client.Counter("sold", "Sold.", ["kind"], registry=registry)
    load = prometheus_client.Gauge("load", "Load.", registry=registry, multiprocess_mode="max")
    took = prometheus_client.Histogram("took_seconds", "Took.", ["zone"], buckets=(0.1, 1), registry=registry)
    size = prometheus_client.Summary("size_bytes", "Size.", registry=registry)
    prometheus_client.Counter("http_requests", "Theirs, not ours.", registry=registry).inc(99)
    prometheus_client.Info("build", "Build.", registry=registry).info({"commit": 'a"b'})

    async def sell(_: Request) -> PlainTextResponse:
        sold.labels("tea\n").inc(2)
        load.set(0.5)
        took.labels("eu").observe(0.5)
        size.observe(10)
        return PlainTextResponse("ok")

    app = instrument(Starlette(routes=[Route("/sell", sell)]), logs=False, collectors=[registry])
    async with client(app) as session:
        await session.get("/sell")
        await session.get("/sell")
        text = (await session.get(METRICS)).text

    assert samples(text, "sold_total") == {'{kind="tea\\n"}': 4}
    assert samples(text, "load") == {"": 0.5}
    assert samples(text, "took_seconds_bucket") == {
        '{le="0.1",zone="eu"}': 0,
        '{le="1.0",zone="eu"}': 2,
        '{le="+Inf",zone="eu"}': 2,
    }
    assert (samples(text, "took_seconds_sum"), samples(text, "size_bytes_sum")) == ({'{zone="eu"}': 1}, {"": 20})
    assert samples(text, "size_bytes_count") == {"": 2}
    assert samples(text, "build_info") == {'{commit="a\\"b"}': 1}
    assert samples(text, "http_requests_total") == {'{method="GET",route="/sell",status="200"}': 2}
    families = list(text_string_to_metric_families(text))
    assert {family.name: family.type for family in families}["size_bytes"] == "summary"


def test_collectors_add_up_over_workers(worker: Worker, redis_url: str) -> None:
    """Each worker delivers what its collectors say; a counter that began anew, and a worker that left, stay counted."""

    class Source:
        """A collector whose numbers are set by hand."""

        def __init__(self, value: float) -> None:
            self.value = value

        def collect(self) -> Iterator[Any]:
            family = CounterMetricFamily("sold", "Sold.")
            family.add_metric([], self.value)
            yield family

    sources = [Source(3), Source(4)]
    one, other = (Recorder(store=RedisStore(redis_url, "chat", timeout=5), collectors=[each]) for each in sources)
    one.flush()
    other.flush()
    sources[0].value = 5
    one.stop()
    sources[1].value = 6
    other.flush()

    assert samples(scrape(worker()), "sold_total") == {"": 11}
    other.stop()
    assert samples(scrape(worker()), "sold_total") == {"": 11}


def test_a_collector_that_fails_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Our own counts are shown, and the log names the failure once."""

    class Broken:
        def collect(self) -> Iterator[Any]:
            raise RuntimeError("no")

    recorder = Recorder(collectors=[Broken()])
    texts = [scrape(recorder) for _ in range(2)]

    assert all("telemetry_workers 1.0" in text for text in texts)
    assert caplog.text.count("a collector of prometheus_client cannot be read") == 1


def test_process_metrics_by_a_switch() -> None:
    """They are there when asked for, and nobody pays for them otherwise."""
    with_them = scrape(Telemetry.read(process_metrics=True, logs=False).recorder)
    without = scrape(Telemetry.read(logs=False).recorder)

    assert {"process_resident_memory_bytes", "python_gc_collections_total", "python_info"} <= {
        line.split()[2] for line in with_them.splitlines() if line.startswith("# TYPE")
    }
    assert "process_" not in without


def test_the_guide_shows_what_works() -> None:
    """The example of the documentation declares and counts."""
    guide = Path(ROOT, "docs/telemetry.md").read_text(encoding="utf-8")
    _, _, section = guide.partition("## Metrics of your own")
    code = section.partition("```python\n")[2].partition("```")[0]
    exec(code, {})  # noqa: S102 - our own documentation

    text = scrape(Telemetry.read(logs=False).recorder)
    assert samples(text, "shop_orders_total")[WEB] == 1
    assert (samples(text, "shop_baskets_open"), samples(text, "shop_packing_seconds_sum")) == ({"": 3}, {"": 42})
