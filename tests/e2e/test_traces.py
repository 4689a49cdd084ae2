"""Does Jaeger, on our configuration, keep spans over a restart and know which service calls which?"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from examples.ports import free_port
from obs import config, stack
from tests.conftest import ROOT
from tests.e2e.servers import serving, until

TRACE, PARENT, CHILD = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "53995c3f42cd8ad8"


@dataclass(frozen=True)
class Jaeger:
    """A Jaeger that can be started, and started again: its files, and the ports it was given."""

    folder: Path
    ports: dict[int, int]

    def running(self) -> AbstractContextManager[object]:
        """Run it until the block ends."""
        ready = f"http://127.0.0.1:{self.ports[13133]}/status"
        return serving("jaeger", "--config", self.folder / "jaeger.yml", ready=ready, log=self.folder / "jaeger.log")

    def asked(self, path: str, **parameters: str) -> Any:
        """Return what its query service answers."""
        answer = requests.get(f"http://127.0.0.1:{self.ports[16686]}/api/{path}", params=parameters, timeout=10)
        return answer.json()["data"] if answer.ok else None


@pytest.fixture(scope="module")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Jaeger:
    """Write our configuration, moved to this test's folder and ports."""
    folder = tmp_path_factory.mktemp("jaeger")
    text = config.render(stack.load(ROOT / "stack.toml"))["jaeger/jaeger.yml"]
    ports = {port: free_port() for port in (4317, 4318, 13133, 16685, 16686, 8888)}
    text = text.replace("/var/lib/jaeger", str(folder)).replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - taken out
    for port, free in ports.items():
        text = text.replace(f":{port}", f":{free}").replace(f"port: {port}", f"port: {free}")
    (folder / "jaeger.yml").write_text(text, encoding="utf-8")
    return Jaeger(folder, ports)


@pytest.fixture(scope="module")
def restarted(jaeger: Jaeger) -> Iterator[Jaeger]:
    """Send one request's two spans, stop Jaeger, and start it again."""
    with jaeger.running():
        answer = requests.post(f"http://127.0.0.1:{jaeger.ports[4318]}/v1/traces", json=spans(), timeout=10)
        assert answer.ok, answer.text
        until(lambda: bool(jaeger.asked(f"traces/{TRACE}")), "the trace did not arrive")
    with jaeger.running():
        yield jaeger


def spans() -> dict[str, Any]:
    """Return a request to the API that put a job on a queue, and the job, as OTLP."""
    now = time.time_ns()
    client = {"traceId": TRACE, "spanId": PARENT, "name": "POST /v1/jobs", "kind": 2}
    server = {"traceId": TRACE, "spanId": CHILD, "parentSpanId": PARENT, "name": "deliver", "kind": 5}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                "scopeSpans": [
                    {"spans": [span | {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1_000_000)}]}
                ],
            }
            for service, span in (("rce-api", client), ("rce-worker", server))
        ]
    }


def test_a_trace_outlives_a_restart(restarted: Jaeger) -> None:
    """The trace of an id is found, both services in it, after Jaeger was stopped and started."""
    (trace,) = restarted.asked(f"traces/{TRACE}")

    assert {process["serviceName"] for process in trace["processes"].values()} == {"rce-api", "rce-worker"}
    assert {span["spanID"] for span in trace["spans"]} == {PARENT, CHILD}


def test_the_service_map_shows_who_calls_whom(restarted: Jaeger) -> None:
    """The map has an edge from the API to its worker."""
    found = restarted.asked("dependencies", endTs=str(int(time.time() * 1000)), lookback="3600000")

    assert [(edge["parent"], edge["child"], edge["callCount"]) for edge in found] == [("rce-api", "rce-worker", 1)]


def test_jaeger_tells_prometheus_how_it_is(restarted: Jaeger) -> None:
    """Its own metrics are where `targets.jaeger` is scraped."""
    answer = requests.get(f"http://127.0.0.1:{restarted.ports[8888]}/metrics", timeout=10)

    assert "otelcol_process_memory_rss_bytes" in answer.text
