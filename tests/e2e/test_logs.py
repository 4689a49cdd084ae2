"""Does a line come out of Loki masked, labelled, at its own time, once, and found by the saved queries?"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from examples.ports import free_port
from obs import config, stack
from obs.config import otelcol
from obs.query import logql
from tests.conftest import ROOT
from tests.e2e.servers import serving, until
from tests.stack import parts

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


SHIPPERS = ("otelcol", "promtail")


@dataclass
class Shipped:
    """Log files as Docker writes them, a shipper that reads them, and the Loki it sends to."""

    shipper: str
    folder: Path
    ports: Mapping[str, int]
    ends: ExitStack
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def loki(self) -> str:
        """The address of Loki."""
        return f"http://127.0.0.1:{self.ports['loki']}"

    def write(self, container: str, *lines: str) -> None:
        """Let a container write lines."""
        (self.folder / container).mkdir(exist_ok=True)
        with (self.folder / container / f"{container}-json.log").open("a", encoding="utf-8") as file:
            file.writelines(docker(container, line) for line in lines)

    def start_loki(self) -> None:
        """Start Loki on what it holds, and wait until it answers."""
        folder, port = self.folder, self.ports["loki"]
        text = config.render(WITH[self.shipper])["loki/loki.yml"].replace("/loki", f"{folder}/loki")
        (folder / "loki.yml").write_text(text, encoding="utf-8")
        listen = (f"-server.http-listen-port={port}", f"-server.grpc-listen-port={free_port()}")
        self._start("loki", f"-config.file={folder}/loki.yml", *listen, port=port, ready="ready")

    def start_shipper(self) -> None:
        """Start the shipper where it was, and wait until it answers."""
        port = self.ports["shipper"]
        if self.shipper == "promtail":
            (self.folder / "promtail.yml").write_text(promtail(self), encoding="utf-8")
            listen = (f"-server.http-listen-port={port}", "-server.grpc-listen-port=0")
            self._start("promtail", f"-config.file={self.folder}/promtail.yml", *listen, port=port, ready="metrics")
        else:
            (self.folder / "otelcol.yml").write_text(collector(self), encoding="utf-8")
            gates = f"--feature-gates={otelcol.GATES}"
            self._start("otelcol", f"--config={self.folder}/otelcol.yml", gates, port=port, ready="metrics")

    def _start(self, name: str, *arguments: str, port: int, ready: str) -> None:
        log = self.folder / f"{name}.log"
        self.running[name] = self.ends.enter_context(
            serving(name, *arguments, ready=f"http://127.0.0.1:{port}/{ready}", log=log)
        )

    def kill(self, name: str) -> None:
        """End a program at once, as a power cut does."""
        self.running[name].kill()
        self.running[name].wait()

    def lines(self, selector: str = '{container=~".+"}') -> list[str]:
        """Return every line that Loki has."""
        return [line.rstrip("\n") for _, (_, line) in asked(self.loki, selector)]


WITH = {name: parts.shipping(name) for name in SHIPPERS}


@contextmanager
def shipping(shipper: str, folder: Path) -> Iterator[Shipped]:
    """Yield log files and what reads them, nothing of it started yet; end all of it."""
    with ExitStack() as ends:
        yield Shipped(shipper, folder, {"loki": free_port(), "shipper": free_port()}, ends)


@pytest.fixture(scope="module", params=SHIPPERS)
def shipped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """Write the lines as Docker does, and run each shipper and Loki on our configuration until all have arrived."""
    with shipping(request.param, tmp_path_factory.mktemp("logs")) as shipped:
        for container, lines in LINES.items():
            shipped.write(container, *lines)
        shipped.start_loki()
        shipped.start_shipper()
        wanted = sum(map(len, LINES.values()))
        until(lambda: len(shipped.lines()) == wanted, f"not every line arrived; see {shipped.folder}")
        yield shipped


@pytest.fixture
def loki(shipped: Shipped) -> str:
    """Return Loki's address."""
    return shipped.loki


def docker(container: str, line: str, *, whole: bool = True) -> str:
    """Return a line, or a part of one, as Docker's json-file driver wraps it."""
    attributes = {"com.docker.compose.service": container}
    end = "\n" if whole else ""
    written = {"log": f"{line}{end}", "stream": "stdout", "attrs": attributes, "time": NOW.isoformat()}
    return json.dumps(written) + "\n"


def promtail(shipped: Shipped) -> str:
    """Return the configuration with its addresses moved to this test's."""
    content = yaml.safe_load(config.render(WITH["promtail"])["promtail-config.yml"])
    content["positions"]["filename"] = str(shipped.folder / "positions.yaml")
    content["clients"][0]["url"] = f"{shipped.loki}/loki/api/v1/push"
    content["scrape_configs"][0]["static_configs"][0]["labels"]["__path__"] = str(shipped.folder / "*" / "*-json.log")
    return yaml.safe_dump(content)


def collector(shipped: Shipped) -> str:
    """Return the configuration with its addresses moved to this test's."""
    content = yaml.safe_load(config.render(WITH["otelcol"])["otelcol.yml"])
    content["extensions"]["file_storage"]["directory"] = str(shipped.folder / "state")
    content["exporters"]["otlp_http"]["endpoint"] = f"{shipped.loki}/otlp"
    content["receivers"]["file_log"]["include"] = [str(shipped.folder / "*" / "*-json.log")]
    (reader,) = content["service"]["telemetry"]["metrics"]["readers"]
    reader["pull"]["exporter"]["prometheus"] |= {"host": "127.0.0.1", "port": shipped.ports["shipper"]}
    return yaml.safe_dump(content)


def asked(address: str, expr: str) -> list[tuple[dict[str, str], list[str]]]:
    """Return each line or sample that answers a query, with the labels of its stream."""
    answer = requests.get(
        f"{address}/loki/api/v1/query_range",
        params={"query": expr, "since": "1h", "step": "1m", "limit": "5000"},
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
    assert {stream.get("filename", stream["container"]) for stream in labels} == set(LINES)


@pytest.mark.parametrize("shipper", SHIPPERS)
def test_no_line_is_lost_when_either_side_is_killed(shipper: str, tmp_path: Path) -> None:
    """Lines written while the shipper or Loki is dead, or as either is killed, are all there in the end."""
    written = [f"line {number}" for number in range(1200)]
    batches = [written[start : start + 300] for start in range(0, len(written), 300)]
    with shipping(shipper, tmp_path) as shipped:
        shipped.start_loki()
        shipped.start_shipper()
        for turn, batch in enumerate(batches):
            victim = ("loki", shipper)[turn % 2]
            shipped.write("api", *batch[:100])
            shipped.kill(victim)
            shipped.write("worker", *batch[100:200])
            (shipped.start_loki, shipped.start_shipper)[turn % 2]()
            shipped.write("api", *batch[200:])

        lost: set[str] = set(written)

        def arrived() -> bool:
            lost.difference_update(shipped.lines())
            return not lost

        until(arrived, f"lines are lost; see {tmp_path}")


def test_a_secret_that_docker_cut_in_two_is_masked(tmp_path: Path) -> None:
    """Docker cuts a line every 16 kB: the collector joins the parts before it looks for secrets."""
    filler = "x" * 16000
    with shipping("otelcol", tmp_path) as shipped:
        shipped.start_loki()
        (tmp_path / "api").mkdir()
        text = docker("api", f"{filler} password=hun", whole=False) + docker("api", "ter2 and the rest")
        (tmp_path / "api" / "api-json.log").write_text(text, encoding="utf-8")
        shipped.start_shipper()
        until(lambda: len(shipped.lines()) > 0, "the line did not arrive")

        assert shipped.lines() == [f"{filler} password=*** and the rest"]


HOSTILE = (
    '{"level": {"a": 1}, "service": [1], "timestamp": 5}',
    '{"level": ["info"], "service": null, "timestamp": "yesterday"}',
    '{"level": "info", "timestamp": "9999-01-01T00:00:00Z"}',
    '{"level": "info", "timestamp": "0001-01-01T00:00:00Z"}',
    "[1]",
    "5",
    "{",
    "\u0000 \u2028 \ud83d",
    "${env:HOME} $1 ${1}",
)


def test_a_hostile_line_takes_no_other_with_it(tmp_path: Path) -> None:
    """Wrong types, times out of range, what is no JSON, within Docker's line or instead of it: all arrive."""
    with shipping("otelcol", tmp_path) as shipped:
        shipped.start_loki()
        shipped.write("stranger", *HOSTILE, "the last line")
        broken = (
            "not JSON",
            "[1, 2]",
            '{"log": 5}',
            '{"log": {"a": 1}}',
            '{"attrs": 7, "log": "no service\\n", "time": 7}',
        )
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "b-json.log").write_text("".join(f"{line}\n" for line in broken), encoding="utf-8")
        shipped.start_shipper()
        everything = '{environment="production"}'
        until(
            lambda: len(shipped.lines(everything)) == len(HOSTILE) + 1 + len(broken), f"not every line; see {tmp_path}"
        )

        assert {"the last line", "${env:HOME} $1 ${1}", "no service", "not JSON"} <= set(shipped.lines(everything))
        counted = requests.get(f"http://127.0.0.1:{shipped.ports['shipper']}/metrics", timeout=10).text
        assert "otelcol_exporter_send_failed_log_records_total" not in counted
