"""Workers are processes: they fork, are stopped, killed and replaced, and the totals stay exact."""

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from examples.ports import free_port
from tests.watchkeeper.conftest import Worker
from tests.watchkeeper.reading import eventually, value
from tests.watchkeeper.servers import Running, process, wait_until_up
from tests.watchkeeper.serving import samples
from watchkeeper.asgi.middleware import MetricsMiddleware
from watchkeeper.contract.metrics import REQUESTS
from watchkeeper.recorder import Recorder
from watchkeeper.store.redis import RedisStore

INTERVAL = 0.3
FORK_WITH_THREADS = "ignore:This process .* is multi-threaded:DeprecationWarning"
LINE = '{method="GET",route="/",status="200"}'
THINGS = '{method="GET",route="/things/{id}",status="200"}'


def delivered(recorder: Recorder) -> int:
    """Return what has arrived in the store."""
    return int(value(recorder, REQUESTS.name, LINE) or 0)


def test_a_worker_that_stops_cleanly_loses_nothing(worker: Worker, redis_url: str) -> None:
    """The last counts are delivered on the way out, without anybody calling for it."""
    with process("tests.watchkeeper.counting", REDIS_URL=redis_url, INTERVAL="60") as running:
        eventually(lambda: running.lines() > 100)
        written = running.stop()

    assert delivered(worker()) == int(written.splitlines()[-1].split()[0])


def test_a_killed_worker_loses_at_most_one_interval(worker: Worker, redis_url: str) -> None:
    """Whatever kill -9 took was counted after the last flush began, one interval ago at most."""
    with process("tests.watchkeeper.counting", REDIS_URL=redis_url, INTERVAL=str(INTERVAL)) as running:
        eventually(lambda: running.lines() > 1000)
        written = running.stop(signal.SIGKILL)

    arrived = delivered(worker())
    moments = [float(line.split()[1]) for line in written.splitlines()]
    assert arrived > 0
    assert all(moments[-1] - lost <= INTERVAL + 0.5 for lost in moments[arrived:])  # half a second for a busy machine


@pytest.mark.filterwarnings(FORK_WITH_THREADS)
def test_a_forked_child_delivers_its_own(worker: Worker, redis_url: str) -> None:
    """A process that forks while it delivers: parent and child each deliver what they counted, once."""
    recorder = Recorder(store=RedisStore(redis_url, "chat"), interval=0.05)
    recorder.add(REQUESTS, ("GET", "/", "200"), 5)
    recorder.start()
    child = os.fork()
    if child == 0:
        recorder.add(REQUESTS, ("GET", "/", "200"), 2)
        recorder.stop()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    recorder.stop()

    assert delivered(worker()) == 7


def test_several_event_loops(worker: Worker, redis_url: str) -> None:
    """Applications in several loops of one process share a recorder and one delivery."""
    recorder = Recorder(store=RedisStore(redis_url, "chat"), interval=0.05)

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    middleware = MetricsMiddleware(app, recorder, route=lambda _: "/")

    async def visit() -> None:
        transport = httpx.ASGITransport(middleware)
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.test") as client:
            for _ in range(50):
                await client.get("/")

    before = threading.active_count()
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(asyncio.run, visit()) for _ in range(4)]:
            future.result()
    assert threading.active_count() == before + 1
    recorder.stop()

    assert delivered(worker()) == 200


SERVERS = {
    "uvicorn": ("uvicorn", "tests.watchkeeper.served:app", "--workers", "2", "--port"),
    "gunicorn --preload": (
        "gunicorn",
        "tests.watchkeeper.served:app",
        "--preload",
        *("--workers", "2", "--worker-class", "asgi", "--graceful-timeout", "5", "--bind"),
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_rolling_deploy(redis_url: str, name: str) -> None:
    """A server of two workers is replaced by another under traffic: no request is lost or doubled, no count falls."""
    sent = 0

    def start(stack: ExitStack) -> tuple[str, Running]:
        port = free_port()
        where = f"127.0.0.1:{port}" if name.startswith("gunicorn") else str(port)
        running = stack.enter_context(process(*SERVERS[name], where, REDIS_URL=redis_url))
        wait_until_up(f"http://127.0.0.1:{port}/api/metrics/prometheus")
        return f"http://127.0.0.1:{port}", running

    def visit(url: str, times: int) -> None:
        nonlocal sent
        for number in range(times):  # a connection each, so that all workers get some
            assert httpx.get(f"{url}/things/{number}").status_code == 200
            sent += 1

    def shown(url: str) -> float:
        answer = httpx.get(f"{url}/api/metrics/prometheus")
        return samples(answer.text, REQUESTS.name).get(THINGS, 0)

    with ExitStack() as stack:
        old_url, old = start(stack)
        visit(old_url, 40)
        new_url, _ = start(stack)
        visit(old_url, 20)
        visit(new_url, 20)
        before = shown(old_url)
        old.stop()
        assert shown(new_url) >= before
        eventually(lambda: shown(new_url) == sent)


def test_a_hung_redis_does_not_slow_requests_down(redis_url: str, admin: Any) -> None:
    """Requests never wait for the store: their latency with a frozen server is what it was before."""
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(process(*SERVERS["uvicorn"][:2], "--port", str(port), REDIS_URL=redis_url))
        url = f"http://127.0.0.1:{port}"
        wait_until_up(f"{url}/things/0")
        pid = admin.info("server")["process_id"]
        client = stack.enter_context(httpx.Client())
        os.kill(pid, signal.SIGSTOP)
        try:
            slowest = 0.0
            for number in range(300):
                started = time.monotonic()
                assert client.get(f"{url}/things/{number}").status_code == 200
                slowest = max(slowest, time.monotonic() - started)
                time.sleep(0.005)
            refused = client.get(f"{url}/api/metrics/prometheus", timeout=8)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert slowest < 0.5  # a store call gives up after a second: had a request waited, it would show
        assert refused.status_code == 503
        eventually(lambda: samples(client.get(f"{url}/api/metrics/prometheus").text, REQUESTS.name).get(THINGS) == 301)
