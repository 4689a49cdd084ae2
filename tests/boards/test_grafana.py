"""Does Grafana get the shape that it would write itself?"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from obs.boards import dashboards, panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import Panel
from obs.stack import Stack
from watchkeeper.contract.metrics import REQUESTS


@pytest.fixture(scope="session")
def built(production: Stack) -> tuple[Dashboard, ...]:
    """Return every dashboard."""
    return tuple(dashboards.boards(production))


def walk(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Return everything in a model with its path."""
    yield at, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from walk(inner, f"{at}.{key}")


def charts(built: tuple[Dashboard, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every panel but rows, with what a message calls it."""
    for dashboard in built:
        for panel in dashboard.model["panels"]:
            if panel["type"] != "row":
                yield f"{dashboard.slug} / {panel['title']}", panel


def test_nothing_is_null(built: tuple[Dashboard, ...]) -> None:
    """Grafana writes no nulls, so a null would be a diff after the first save."""
    assert [at for dashboard in built for at, value in walk(dashboard.model) if value is None] == []


def test_no_stale_shape_is_left(built: tuple[Dashboard, ...]) -> None:
    """What grafanalib still writes for old Grafana is gone."""
    stale = {"intervalFactor", "maxDataPoints", "step", "metric", "target", "query", "noValue", "columns", "editable"}
    for where, panel in charts(built):
        assert not stale & panel.keys(), where
        for target in panel.get("targets", ()):
            assert not stale & target.keys(), where


def test_every_model_says_what_a_board_needs(built: tuple[Dashboard, ...]) -> None:
    """Schema, shared crosshair, variables, annotations and links are on every dashboard."""
    for dashboard in built:
        model = dashboard.model
        assert (model["schemaVersion"], model["graphTooltip"]) == (42, 1), dashboard.slug
        names = [variable["name"] for variable in model["templating"]["list"]]
        assert names[0] == "datasource", dashboard.slug
        assert {"environment", "instance"} <= set(names), dashboard.slug
        asks_loki = any(panel["type"] == "logs" for panel in model["panels"])
        assert ("logs" in names) == asks_loki, dashboard.slug
        assert {note["name"] for note in model["annotations"]["list"]} == {"Deploys", "Pages"}, dashboard.slug
        assert [link["title"] for link in model["links"]] == ["Dashboards", "Runbook", "Explore"], dashboard.slug


def test_every_panel_says_how_to_act(built: tuple[Dashboard, ...]) -> None:
    """Unit, description and data source are on every panel, and a name on every series."""
    for where, panel in charts(built):
        assert len(panel["description"]) > 15, where
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] in ("${datasource}", "${logs}"), where
            assert target["refId"], where
            assert target["datasource"]["type"] == "loki" or target["legendFormat"], where


def test_one_panel_more_is_one_panel_of_diff(production: Stack) -> None:
    """A panel put in at the top leaves every other panel as it was, but for its place."""

    def layout(*shown: Panel) -> dict[str, Any]:
        model = board(production, slug="x", title="X", why="A board.", jobs=["rce-api"], rows={"Row": shown}).model
        return {
            panel["title"]: {key: value for key, value in panel.items() if key != "gridPos"}
            for panel in model["panels"]
        }

    first, second, third = (
        panels.traffic(title, REQUESTS, why="Something to do.") for title in ("One", "Two", "Three")
    )

    after = layout(third, first, second)
    del after["Three"]
    assert after == layout(first, second)


def test_rows_wrap_without_overlap(production: Stack) -> None:
    """Panels fill 24 columns and go on below the tallest of their line."""
    wide = [panels.traffic(f"P{n}", REQUESTS, why="Something.", width=10, height=4 + n) for n in range(5)]

    model = board(production, slug="x", title="X", why="A board.", jobs=["rce-api"], rows={"Row": wide}).model

    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in model["panels"][1:]]
    assert places == [(0, 1, 10, 4), (10, 1, 10, 5), (0, 6, 10, 6), (10, 6, 10, 7), (0, 13, 10, 8)]


def test_two_panels_with_one_slug_are_refused(production: Stack) -> None:
    """Ids come from titles: twins are named when the board is built."""
    twins = [panels.traffic("Same", REQUESTS, why="Something.") for _ in range(2)]

    with pytest.raises(ValueError, match="panels 'Same' and 'Same' share an id; give one of them a slug="):
        board(production, slug="x", title="X", why="A board.", jobs=["rce-api"], rows={"Row": twins})


def test_a_panel_without_a_legend_is_refused() -> None:
    """A line nobody can name is not drawn."""
    with pytest.raises(ValueError, match="panel 'Odd': a query has no legend; name its series: up"):
        panels.series("Odd", panels.Query("up"), why="Something.", unit="short")


def test_output_is_the_same_in_every_process(root: Path) -> None:
    """The hash seed of the interpreter does not reach a single byte."""
    program = (
        "import hashlib, pathlib; from obs import stack; from obs.output import build;"
        "built = build(stack.load(pathlib.Path('stack.toml')));"
        "print(hashlib.sha256(repr(sorted(built.texts.items())).encode()).hexdigest())"
    )

    def digest(seed: str) -> str:
        command = [sys.executable, "-c", program]
        return subprocess.check_output(command, cwd=root, env={"PYTHONHASHSEED": seed}, text=True)

    assert digest("0") == digest("1") == digest("4242")
