"""How do two hours of every series come to be within a minute, the same on every run?"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product

from obs import content
from tests.exposition.recording import RECORDINGS
from watchkeeper.contract.labels import LE, STATUS, Label
from watchkeeper.contract.metrics import CONTRACT, Metric

STEP_SECONDS = 60
GROWTH = 0.01
"""How much of its recorded value a counter gains at each step: all grow in straight lines, so every rate is exact."""

RECORDED = {
    "redis": ["redis-7.0.15-primary.prom", "redis-7.0.15-replica.prom"],
    "mongodb": ["mongodb-8.0.prom"],
    "prometheus": ["prometheus-3.16.0.prom"],
    "alertmanager": ["alertmanager-0.33.1.prom"],
    "loki": ["loki-3.7.8.prom"],
    "otelcol": ["otelcol-0.165.1.prom"],
    "promtail": ["promtail-1.6.1.prom"],
    "jaeger": ["jaeger-2.prom"],
}
"""What is served for a target that was recorded; the API's series are made from the contract."""

VALUES = {STATUS.name: ("200", "404", "500")}
GROWING = {metric.name for metric in content.here().exporters if metric.kind == "counter"}
_SAMPLE = re.compile(r"(?P<series>(?P<name>[a-zA-Z_:][\w:]*)(?:\{.*\})?) (?P<value>\S+)(?: \d+)?")


@dataclass(frozen=True, slots=True)
class Sample:
    """One series: its text up to the value, its first value, and what it gains at each step."""

    series: str
    value: float
    gain: float


@dataclass
class Past:
    """Serves every target's past, one step further with each scrape, up to ``end`` (seconds since 1970)."""

    end: int
    steps: int
    scraped: dict[str, int] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether every target that was scraped has reached the end."""
        return bool(self.scraped) and min(self.scraped.values()) > self.steps

    def exposition(self, target: str) -> str:
        """Return the next step of a target, timestamps included."""
        step = min(self.scraped.get(target, 0), self.steps)
        self.scraped[target] = self.scraped.get(target, 0) + 1
        moment = (self.end - (self.steps - step) * STEP_SECONDS) * 1000
        return "".join(f"{one.series} {one.value + one.gain * step!r} {moment}\n" for one in SAMPLES.get(target, ()))


def recorded(files: list[str]) -> dict[str, Sample]:
    """Return the samples of recordings; a series that two of them hold is taken from the first."""
    found: dict[str, Sample] = {}
    for file in files:
        growing = False
        for line in (RECORDINGS / file).read_text(encoding="utf-8").splitlines():
            if line.startswith("# TYPE "):
                growing = line.split()[3] in {"counter", "histogram", "summary"}
            elif sample := _SAMPLE.fullmatch(line):
                value = float(sample["value"])
                gains = (growing or sample["name"] in GROWING) and "quantile=" not in sample["series"]
                found.setdefault(sample["series"], Sample(sample["series"], value, value * GROWTH if gains else 0.0))
    return found


def declared() -> Iterator[Sample]:
    """Yield samples for every series of the contract, two or three of each label."""
    for number, metric in enumerate(CONTRACT, start=1):
        for labels in combinations(metric.labels):
            if metric.kind != "histogram":
                yield Sample(_series(metric.name, labels), number, number * GROWTH if metric.kind == "counter" else 0.0)
                continue
            yield from _histogram(metric, labels, number * 100.0)


def combinations(labels: tuple[Label, ...]) -> Iterator[dict[str, str]]:
    """Yield label sets, with values the labels may take."""
    choices = [VALUES.get(label.name, label.values[:2] or ("one", "two")) for label in labels]
    for values in product(*choices):
        yield dict(zip((label.name for label in labels), values, strict=True))


def _histogram(metric: Metric, labels: dict[str, str], total: float) -> Iterator[Sample]:
    edges = [*metric.buckets, float("inf")]
    for rank, edge in enumerate(edges, start=1):
        text = "+Inf" if edge == float("inf") else repr(float(edge))
        count = total * rank / len(edges)
        yield Sample(_series(f"{metric.name}_bucket", labels | {LE.name: text}), count, count * GROWTH)
    for part in ("count", "sum"):
        yield Sample(_series(f"{metric.name}_{part}", labels), total, total * GROWTH)


def _series(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


SAMPLES: dict[str, tuple[Sample, ...]] = {
    "api": tuple(declared()),
    **{target: tuple(recorded(files).values()) for target, files in RECORDED.items()},
}


@contextmanager
def served(past: Past) -> Iterator[int]:
    """Serve ``/TARGET`` on a free port until the block ends, and return the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = past.exposition(self.path.removeprefix("/")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Say nothing: what failed is seen in Prometheus."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
