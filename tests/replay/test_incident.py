"""Does a post-mortem tell what Prometheus remembers?"""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner

from obs.alerting import Group
from obs.alerting.histories import requests, timed
from obs.alerting.recording import recordings
from obs.alerting.render import group_body
from obs.alerting.slo import availability, latency
from obs.cli.cli import main, obs
from obs.proofs.promtool import find
from obs.replay.episodes import cost
from obs.stack import Stack

START = 1_763_647_200  # 2025-11-20T14:00Z


class Prometheus(BaseHTTPRequestHandler):
    """Answers the two questions an incident asks; a stand-in, for a real server would need a past."""

    status = 200

    def do_POST(self) -> None:
        """Answer with one alert that fired for five minutes, and a tenth of the budget."""
        answer: dict[str, object]
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.path.endswith("query_range"):
            values = [[START + 300 + 30 * n, "1"] for n in range(11)]
            answer = {"metric": {"alertname": "ApiErrorRatioHigh", "severity": "page"}, "values": values}
        else:
            answer = {"metric": {}, "value": [float(form["time"][0]), "0.1"]}
        body = json.dumps(
            {"status": "success" if self.status == 200 else "error", "data": {"result": [answer]}}
        ).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a Prometheus that remembers one incident."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def stack_file(tmp_path: Path, root: Path, address: str) -> Path:
    """Return a stack file whose Prometheus is the stand-in."""
    text = (root / "stack.toml").read_text().replace("http://localhost:9090", address)
    (tmp_path / "stack.toml").write_text(text)
    return tmp_path / "stack.toml"


def new(stack_file: Path, out: Path, *more: str) -> list[str]:
    """Return the arguments of `obs incident new` for one hour."""
    hour = ("--from", "2025-11-20T14:00Z", "--to", "2025-11-20T15:00Z")
    return ["--stack", str(stack_file), "incident", "new", "Rooms closed", *hour, "--out", str(out), *more]


def test_a_post_mortem_has_timeline_and_cost(stack_file: Path, tmp_path: Path) -> None:
    """The alerts of the hour and what they cost stand in the page, with nothing left to fill by machine."""
    out = tmp_path / "post-mortem.md"

    result = CliRunner().invoke(obs, new(stack_file, out))

    assert result.exit_code == 0, result.output
    text = out.read_text()
    assert "# Post-mortem: Rooms closed" in text
    assert "| 2025-11-20 14:05 | `ApiErrorRatioHigh` (page) fires |" in text
    assert "| 2025-11-20 14:10 | `ApiErrorRatioHigh` clears |" in text
    assert "| Availability | 99.900% over 30d | 10.0% |" in text
    assert "${" not in text


def test_an_existing_page_is_kept(stack_file: Path, tmp_path: Path) -> None:
    """What somebody wrote by hand is never overwritten."""
    out = tmp_path / "post-mortem.md"
    out.write_text("mine")

    result = CliRunner().invoke(obs, new(stack_file, out))

    assert "exists; give another file with --out" in result.output
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--to", "2025-11-20T13:00Z"), "--to 2025-11-20T13:00Z is not after --from 2025-11-20T14:00Z"),
        (("--to", "yesterday"), "'yesterday': takes a time such as 2026-11-20T14:05Z"),
    ],
)
def test_a_wrong_range_is_named(stack_file: Path, tmp_path: Path, arguments: tuple[str, str], sentence: str) -> None:
    """A range that ends before it begins writes nothing."""
    result = CliRunner().invoke(obs, new(stack_file, tmp_path / "x.md", *arguments))

    assert result.exit_code == 2
    assert sentence in result.output
    assert not (tmp_path / "x.md").exists()


def test_an_unreachable_prometheus_is_one_sentence(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], production: Stack
) -> None:
    """No traceback, no half-written page: the address and the setting to fix."""
    dead = replace(production.prometheus, url="http://127.0.0.1:1")
    (tmp_path / "stack.toml").write_text(
        (root / "stack.toml").read_text().replace(production.prometheus.url, dead.url, 1)
    )
    monkeypatch.setattr("sys.argv", ["obs", *new(tmp_path / "stack.toml", tmp_path / "x.md")])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert "http://127.0.0.1:1/api/v1/query: can't be reached (Connection refused)" in capsys.readouterr().err
    assert not (tmp_path / "x.md").exists()


@pytest.mark.parametrize("born", [False, True], ids=["0 before", "born in the outage"])
@pytest.mark.parametrize("between", ["15s", "30s"])
def test_an_outage_costs_what_a_hand_computes(
    production: Stack, root: Path, tmp_path: Path, between: str, *, born: bool
) -> None:
    """Of 185 minutes five failed, and a thousandth may: 5 / 0.185 is 27 times the budget, however rules are spaced."""
    ok, bad = requests(production, "200"), requests(production, "500")
    rules = Group("recording", "recording", recordings(production))
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [group_body(production, rules)]}))
    asked = {"expr": f"100 * {cost(production, availability(production), timedelta(minutes=5))}", "eval_time": "185m"}
    test = {
        "interval": "15s",
        "input_series": [
            {"series": ok, "values": "0+150x720 108000+0x60"},
            {"series": bad, "values": f"{'_x721' if born else '0+0x720'} 150+150x60"},
        ],
        "promql_expr_test": [asked],
    }
    body = {"rule_files": ["rules.json"], "evaluation_interval": between, "tests": [test]}
    (tmp_path / "test.json").write_text(json.dumps(body))

    told = find(root).test_rules([tmp_path / "test.json"])[0].told

    assert float(told.split()[-1]) == pytest.approx(5 / 185 / 0.001 * 100, rel=0.02)


def test_slow_requests_cost_what_a_hand_computes(production: Stack, root: Path, tmp_path: Path) -> None:
    """Half of the requests of ten minutes in three hours are slow, where a twentieth may be."""
    rules = Group("recording", "recording", recordings(production))
    (tmp_path / "rules.json").write_text(json.dumps({"groups": [group_body(production, rules)]}))
    asked = {"expr": f"100 * {cost(production, latency(production), timedelta(minutes=10))}", "eval_time": "180m"}
    drawn = timed(production, within="0+150x680 102075+75x40", over="0+150x720")
    test = {
        "interval": "15s",
        "input_series": [{"series": series, "values": values} for series, values in drawn.items()],
        "promql_expr_test": [asked],
    }
    body = {"rule_files": ["rules.json"], "evaluation_interval": "30s", "tests": [test]}
    (tmp_path / "test.json").write_text(json.dumps(body))

    told = find(root).test_rules([tmp_path / "test.json"])[0].told

    assert float(told.split()[-1]) == pytest.approx(5 / 180 / 0.05 * 100, rel=0.02)
