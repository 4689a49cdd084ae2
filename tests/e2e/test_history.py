"""Does a real Prometheus' past go through the rules, and does it say what each query costs?"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from obs.cli.cli import obs
from obs.preview import remote
from obs.preview.asking import Server
from obs.preview.serving import ServingError, prometheus
from obs.preview.story import Series
from obs.programs import programs
from obs.programs.ask import AskError
from tests.conftest import ROOT
from tests.e2e.programs import program

SCRAPE_SECONDS = 15
NOW = int(time.time())
REDIS = (("instance", "redis-exporter:9121"), ("job", "redis"))


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return a Prometheus that remembers two hours, in which Redis' exporter was dead for twenty minutes, twice."""
    monkeypatch.setenv("PATH", str(Path(program("prometheus")).parent), prepend=":")
    monkeypatch.chdir(ROOT)
    moments = range(NOW - 7200, NOW, SCRAPE_SECONDS)
    up = [(1000 * at, 0.0 if at - NOW + 7200 in range(1200, 2400) or at > NOW - 1200 else 1.0) for at in moments]
    with prometheus(programs.find(ROOT), None) as (url, _):
        remote.write(url, [Series(tuple(sorted({"__name__": "up", **dict(REDIS)}.items())), tuple(up))])
        yield url


def run(*arguments: str) -> Result:
    """Run the tool."""
    return CliRunner().invoke(obs, arguments)


def test_a_past_goes_through_the_rules_as_they_are(address: str) -> None:
    """Each firing has its labels, its beginning after the hold, and its end; one that lasts has none."""
    result = run("drill", "--from", address, "--days", "1", "--json", "RedisExporterDown")

    assert result.exit_code == 0, result.output
    first, second = json.loads(result.output)
    assert first["labels"] == dict(REDIS)
    assert first["start"] - (NOW - 6000) == pytest.approx(300, abs=60)
    assert first["end"] - (NOW - 4800) == pytest.approx(0, abs=60)
    assert second["start"] - (NOW - 1200) == pytest.approx(300, abs=60)


def test_how_often_each_would_have_fired_is_a_table(address: str) -> None:
    """The noisiest first, and what stayed silent is counted."""
    result = run("drill", "--from", address, "--days", "1", "RedisExporterDown", "RedisDown")

    lines = [line.split() for line in result.output.splitlines()]
    assert lines[1][:3] == ["RedisExporterDown", "ticket", "2"]
    assert "0 pages, 2 tickets; 1 alerts silent" in result.output


def test_a_board_over_its_budget_is_named_with_what_would_help(address: str, tmp_path: Path) -> None:
    """The board, its dearest query and a recording; the exit code is 1, and 0 within the budget."""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")
    (tmp_path / "stack.toml").write_text(f"{text}\n[cost]\ngroup_samples = 1\n", encoding="utf-8")

    held = run("cost", "--from", address, "redis")
    over = run("--stack", str(tmp_path / "stack.toml"), "cost", "--from", address, "redis")

    assert held.exit_code == 0, held.output
    assert over.exit_code == 1
    assert "rules redis reads " in over.output
    assert "samples; `cost` of stack.toml allows 1" in over.output


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of one block, in which Redis' exporter was up for an hour."""
    folder = tmp_path_factory.mktemp("blocks")
    labels = ",".join(f'{name}="{value}"' for name, value in REDIS)
    samples = (f"up{{{labels}}} 1 {at}\n" for at in range(NOW - 3600, NOW, SCRAPE_SECONDS))
    (folder / "samples").write_text(f"# TYPE up gauge\n{''.join(samples)}# EOF\n", encoding="utf-8")
    command = [str(program("promtool")), "tsdb", "create-blocks-from", "openmetrics", "samples", "made"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "made"


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("meta.json", "meta.json does not describe a block: "),
        ("index", "corrupted block"),
        ("chunks/000001", "segment doesn't include enough bytes"),
    ],
)
def test_a_corrupt_block_is_one_error(blocks: Path, tmp_path: Path, part: str, says: str) -> None:
    """Cut short, whichever part of it: what is wrong is said, by us or by Prometheus, and nothing is replayed."""
    shutil.copytree(blocks, tmp_path / "cut")
    file = next((tmp_path / "cut").glob(f"*/{part}"))
    file.write_bytes(file.read_bytes()[:40])

    result = run("drill", "--from", str(tmp_path / "cut"), "--days", "1", "RedisExporterDown")

    assert isinstance(result.exception, ServingError | AskError)
    assert says in str(result.exception)
    assert result.stdout == ""


def test_a_prometheus_that_dies_is_one_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers the first question and none of the others: which address is silent is said, and nothing printed."""
    asked = Server.range

    def dying(server: Server, text: str, start: float, end: float, step: float) -> dict[str, Any]:
        return asked(replace(server, url="http://127.0.0.1:9"), text, start, end, step)

    monkeypatch.setattr(Server, "range", dying)
    result = run("drill", "--from", address, "--days", "1")

    assert isinstance(result.exception, AskError)
    assert "http://127.0.0.1:9/api/v1/query_range can't be asked: ConnectionError" in str(result.exception)
    assert result.stdout == ""
