"""The words of the panel vocabulary: what they derive, and what they refuse."""

import subprocess
import sys
from pathlib import Path

import pytest

from obs.boards import panels
from obs.boards.grafana import panel_json
from obs.query.promql import quantile, rate, ratio, select, total
from tests.conftest import ROOT
from watchkeeper.contract.labels import JOB
from watchkeeper.contract.metrics import JOBS_PROCESSED, REQUEST_DURATION, REQUESTS, RESPONSE_SIZE, WS_CONNECTIONS

GRID = {"x": 0, "y": 0, "w": 8, "h": 8}


def unit(*exprs: str, **shape: str) -> str:
    """Return the unit that a plot of queries is shown in."""
    queries = (panels.Query(expr, "it") for expr in exprs)
    model = panel_json(panels.series("It", *queries, why="Look.", **shape), GRID)  # type: ignore[arg-type]
    return str(model["fieldConfig"]["defaults"]["unit"])


@pytest.mark.parametrize(
    ("expr", "name"),
    [
        (total(rate(REQUESTS, over="5m")), "ops"),
        (select(WS_CONNECTIONS), "short"),
        (quantile(0.95, REQUEST_DURATION, over="5m"), "s"),
        (total(rate(RESPONSE_SIZE.sum, over="5m")), "Bps"),
        (total(rate(REQUEST_DURATION.sum, over="5m")), "percentunit"),
        (
            ratio(total(rate(REQUESTS, over="5m"), by=(JOB,)), total(rate(REQUESTS, over="5m"), by=(JOB,))),
            "percentunit",
        ),
        (f"count({select(JOBS_PROCESSED)})", "short"),
        ("redis_memory_used_bytes", "bytes"),
        ("1000 * redis_rdb_last_save_timestamp_seconds", "dateTimeAsIso"),
        ("time() - redis_rdb_last_save_timestamp_seconds", "s"),
        ("vector(1)", "short"),
    ],
)
def test_the_unit_is_what_the_query_answers_in(expr: str, name: str) -> None:
    """Rates, quantiles, ratios, counts and moments are shown as what they are, without a word from the board."""
    assert unit(expr) == name


def test_a_unit_that_is_given_is_kept() -> None:
    """A board may differ on purpose."""
    assert unit(total(rate(REQUESTS, over="5m")), unit="reqps") == "reqps"


def test_the_first_certain_unit_counts() -> None:
    """A line of a plain number beside a measured one takes the unit of the measured one."""
    assert unit("vector(3)", "redis_memory_used_bytes") == "bytes"


def test_a_misspelt_keyword_is_a_type_error(tmp_path: Path) -> None:
    """What a word takes is known to the type checker, and so to an editor."""
    module = tmp_path / "board.py"
    good = "from obs.boards import panels\npanels.number('Up', 'up', why='Look.', width=6)\n"
    module.write_text(good + "panels.number('Up', 'up', why='Look.', widht=6)\n", encoding="utf-8")

    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(module)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert 'board.py:3: error: Unexpected keyword argument "widht" for "number"' in done.stdout
    assert "board.py:2" not in done.stdout
