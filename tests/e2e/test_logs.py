"""Does a container's line come out of Loki masked, labelled, at its own time, and found by the saved queries?"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from examples.ports import free_port
from obs import config, stack
from obs.query import logql
from tests.conftest import ROOT
from tests.e2e.servers import serving, until

STACK = stack.load(ROOT / "stack.toml")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOW = datetime.now(UTC)


def request(**fields: Any) -> str:
    """Return a line as `telemetry` writes it for a request."""
    line = {
        "timestamp": NOW.isoformat(timespec="microseconds"),
        "level": "info",
        "message": "GET /v1/rooms",
        "service": STACK.service.name,
        "environment": "production",
        "trace_id": TRACE,
        "route": "/v1/rooms",
        "status": 200,
        "duration_seconds": 0.01,
    }
    return json.dumps(line | fields)


LINES = {
    "api": [
        request(),
        request(level="error", status=500, exception_type="RuntimeError", exception_message="no room"),
        request(duration_seconds=2.5),
        request(level="critical", message="out of memory"),
    ],
    "worker": [request(level="error", queue="deliveries", message="job failed")],
    "redis": ["1:M 23 Nov 2026 22:00:00.000 * Ready to accept connections tcp", '{"broken": '],
    "mongodb": ['{"t":{"$date":"2026-11-23T22:00:00Z"},"s":"I","c":"NETWORK","msg":"Waiting for connections"}'],
    "stranger": [
        'to http://user:hunter2@db/?token=abcdef&page=2 with "authorization": "Basic aGVsbG8=" and Bearer abcdefgh1',
        request(level="shouting", service="Not a service!"),
        *(request(service=f"invented-{number}") for number in range(20)),
    ],
}
FILLED_IN = {"$__auto": "5m", "$trace_id": TRACE, "$route": "/v1/rooms"}


@pytest.fixture(scope="module")
def loki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Write the lines as Docker does, run Promtail and Loki on our configuration, and return Loki's address."""
    folder = tmp_path_factory.mktemp("logs")
    for container, lines in LINES.items():
        wrapped = [docker(container, line) for line in lines]
        (folder / container).mkdir()
        (folder / container / f"{container}-json.log").write_text("".join(wrapped), encoding="utf-8")
    port, shipper = free_port(), free_port()
    files = config.render(STACK)
    (folder / "loki.yml").write_text(files["loki/loki.yml"].replace("/loki", f"{folder}/loki"), encoding="utf-8")
    (folder / "promtail.yml").write_text(promtail(files["promtail-config.yml"], folder, port), encoding="utf-8")
    grpc = free_port()
    with (
        serving(
            "loki",
            f"-config.file={folder}/loki.yml",
            f"-server.http-listen-port={port}",
            f"-server.grpc-listen-port={grpc}",
            ready=f"http://127.0.0.1:{port}/ready",
            log=folder / "loki.log",
        ),
        serving(
            "promtail",
            f"-config.file={folder}/promtail.yml",
            f"-server.http-listen-port={shipper}",
            "-server.grpc-listen-port=0",
            ready=f"http://127.0.0.1:{shipper}/ready",
            log=folder / "promtail.log",
        ),
    ):
        address = f"http://127.0.0.1:{port}"
        wanted = sum(map(len, LINES.values()))
        until(lambda: len(asked(address, '{container=~".+"}')) == wanted, f"not every line arrived; see {folder}")
        yield address


def docker(container: str, line: str) -> str:
    """Return a line as Docker's json-file driver wraps it."""
    attributes = {"com.docker.compose.service": container}
    written = {"log": f"{line}\n", "stream": "stdout", "attrs": attributes, "time": NOW.isoformat()}
    return json.dumps(written) + "\n"


def promtail(text: str, folder: Path, port: int) -> str:
    """Return the configuration with its addresses moved to this test's."""
    content = yaml.safe_load(text)
    content["positions"]["filename"] = str(folder / "positions.yaml")
    content["clients"][0]["url"] = f"http://127.0.0.1:{port}/loki/api/v1/push"
    content["scrape_configs"][0]["static_configs"][0]["labels"]["__path__"] = str(folder / "*" / "*-json.log")
    return yaml.safe_dump(content)


def asked(address: str, expr: str) -> list[tuple[dict[str, str], list[str]]]:
    """Return each line or sample that answers a query, with the labels of its stream."""
    answer = requests.get(
        f"{address}/loki/api/v1/query_range",
        params={"query": expr, "since": "1h", "step": "1m", "limit": "500"},
        timeout=20,
    )
    assert answer.ok, answer.text
    results = answer.json()["data"]["result"]
    return [(result.get("stream", result.get("metric")), value) for result in results for value in result["values"]]


@pytest.mark.parametrize("query", logql.queries(STACK), ids=lambda query: query.name)
def test_a_saved_query_finds_what_it_is_for(loki: str, query: logql.SavedQuery) -> None:
    """Every query of dashboards and runbooks is valid LogQL, and finds the lines written for it."""
    expr = query.expr
    for variable, value in FILLED_IN.items():
        expr = expr.replace(variable, value)

    found = asked(loki, expr)

    assert found, f"{query.name}: {expr} finds nothing"
    assert not any("__error__" in labels for labels, _ in found)


def test_a_line_keeps_its_own_time_and_words(loki: str) -> None:
    """The time is the line's own, to the microsecond; a line that is no JSON stays as it was written."""
    (labels, (moment, line)), *_ = asked(loki, '{container="api", level="critical"}')
    texts = [line for _, (_, line) in asked(loki, '{container="redis"}')]

    assert int(moment) // 1000 == int(NOW.timestamp() * 1_000_000)
    assert json.loads(line)["message"] == "out of memory"
    assert labels["service"] == "rce-api"
    assert sorted(text.rstrip("\n") for text in texts) == sorted(LINES["redis"])


def test_secrets_of_other_programs_are_masked(loki: str) -> None:
    """Passwords in addresses, tokens in queries and credentials in headers do not reach Loki."""
    text = "".join(line for _, (_, line) in asked(loki, '{container="stranger"}'))

    assert "http://user:***@db/?token=***&page=2" in text
    assert not any(secret in text for secret in ("hunter2", "abcdef", "aGVsbG8"))


def test_a_line_cannot_invent_a_label_value(loki: str) -> None:
    """Levels are the known ones, services ours or the container, whatever a line claims: streams do not multiply."""
    labels = requests.get(f"{loki}/loki/api/v1/series", params={"match[]": '{container=~".+"}'}, timeout=20).json()[
        "data"
    ]

    assert {stream["level"] for stream in labels} <= {*logql.LEVELS, logql.UNKNOWN}
    assert {stream["service"] for stream in labels} == {"rce-api", "redis", "mongodb", "stranger"}
    assert {name for stream in labels for name in stream} <= {*logql.STREAM_LABELS, "filename", "service_name"}
    assert {stream["filename"] for stream in labels} == set(LINES)
