"""Can a panel lie at three in the morning? What the vocabulary makes of a question, and what every board shows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from obs.boards import dashboards, panels
from obs.boards.grafana import panel_json
from obs.boards.model import panels as shown
from obs.boards.panels import Column, Panel, Query, at_least, at_most
from obs.query import promql
from obs.query.promql import rate, ratio, select, total
from obs.stack import Stack
from watchkeeper.contract.labels import STATUS
from watchkeeper.contract.metrics import REQUESTS, WS_CONNECTIONS, WS_USERS

GRID = {"x": 0, "y": 0, "w": 8, "h": 8}


def drawn(panel: Panel) -> dict[str, Any]:
    """Return the JSON of a panel."""
    return panel_json(panel, GRID | {"w": panel.width, "h": panel.height})


def defaults(panel: Panel) -> dict[str, Any]:
    """Return what holds for every value of a panel."""
    found: dict[str, Any] = drawn(panel)["fieldConfig"]["defaults"]
    return found


@pytest.fixture(scope="module")
def every(production: Stack) -> list[tuple[str, dict[str, Any]]]:
    """Return every panel of every board, and what a message calls it."""

    def walk() -> Iterator[tuple[str, dict[str, Any]]]:
        for board in dashboards.boards(production):
            yield from ((f"{board.slug} / {panel['title']}", panel) for panel in shown(board.model))

    return list(walk())


def test_a_number_is_about_now_and_says_when_it_knows_nothing() -> None:
    """It is asked once, so what is dead has no last value; null and NaN are an orange "no data", never a green one."""
    model = drawn(panels.number("Errors", "errors", why="Red: look.", unit="short", steps=at_most(1)))

    assert model["targets"][0]["instant"] is True
    assert "range" not in model["targets"][0]
    assert model["options"]["graphMode"] == "none"
    assert model["fieldConfig"]["defaults"]["mappings"] == [
        {
            "type": "special",
            "options": {"match": "null+nan", "result": {"text": "no data", "color": "orange", "index": 99}},
        }
    ]


def test_a_share_of_failures_is_zero_before_the_first_one() -> None:
    """The failures' series is born with the first: until then the ratio reads 0, on a panel and in a table."""
    failed, every = total(rate(REQUESTS, STATUS.re("5.."), over="5m")), total(rate(REQUESTS, over="5m"))

    assert ratio(failed, every) == f"({failed} or 0 * {every}) / ({every} > 0)"
    share = drawn(panels.share("Errors", failed, every, why="Red: look."))
    assert share["targets"][0]["expr"] == ratio(failed, every)


def test_a_level_that_is_missing_is_unknown_not_zero() -> None:
    """Only what counts begins at nothing."""
    assert ratio(select(WS_USERS), select(WS_CONNECTIONS)) == f"({WS_USERS.name}) / ({WS_CONNECTIONS.name} > 0)"


def test_a_condition_has_no_zero_to_compare() -> None:
    """A share of 0 is above no limit, so a rule does not pay for it."""
    assert promql.above("rate(a[5m])", "rate(b[5m])", 0.1) == "(rate(a[5m])) / (rate(b[5m]) > 0) > 0.1"


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ({"Rate": Column("a", "reqps"), "Errors": Column("b", "short", at_most(1))}, ("Errors", True)),
        ({"Rate": Column("a", "reqps"), "Up": Column("b", "short", at_least(1))}, ("Up", False)),
        ({"Rate": Column("a", "reqps"), "Size": Column("b", "bytes")}, ("Rate", True)),
    ],
)
def test_a_table_begins_with_the_worst(columns: dict[str, Column], first: tuple[str, bool]) -> None:
    """What is red above comes highest first, what is red below lowest first."""
    (sort,) = drawn(panels.table("Worst", columns, why="Look."))["options"]["sortBy"]

    assert (sort["displayName"], sort["desc"]) == first


@pytest.mark.parametrize(
    ("unit", "steps", "reach"),
    [
        ("percentunit", at_most(0.02), 0.024),
        ("percentunit", (), 0.01),
        ("short", (), 1),
        ("ops", (), 0.01),
        ("s", at_most(900), 1080),
    ],
)
def test_an_axis_shows_its_limit_and_makes_nothing_of_zeros(unit: str, steps: Any, reach: float) -> None:
    """The axis reaches beyond the limit; over zeros it does not run to 100."""
    panel = panels.series("It", Query("it", "it"), why="Look.", unit=unit, steps=steps)

    assert defaults(panel)["custom"]["axisSoftMax"] == reach


def test_shares_of_a_limit_are_drawn_against_all_of_it() -> None:
    """One per cent of memory does not climb from floor to roof."""
    found = defaults(panels.used("Disk", Query("disk", "disk"), why="Look.", unit="percentunit", steps=at_most(0.9)))

    assert (found["min"], found["max"]) == (0, 1)
    assert "axisSoftMax" not in found["custom"]


def test_states_are_words_in_colour() -> None:
    """1 and 0 are UP in green and DOWN in red, as a number, over time, and in a table."""
    words = {
        "0": {"text": "DOWN", "color": "red", "index": 0},
        "1": {"text": "UP", "color": "green", "index": 1},
    }
    mapping = {"type": "value", "options": words}

    assert defaults(panels.up("Up", "up", why="Look."))["mappings"][0] == mapping
    timeline = drawn(panels.timeline("Up", Query("up", "{{instance}}"), why="Look."))
    assert (timeline["type"], timeline["fieldConfig"]["defaults"]["mappings"]) == ("state-timeline", [mapping])
    table = drawn(panels.table("Up", {"Up": Column("up", "short", at_least(1), panels.UP)}, why="Look."))
    (override,) = table["fieldConfig"]["overrides"]
    assert {"id": "mappings", "value": [mapping]} in override["properties"]


def colors(*legends: str) -> dict[str, str]:
    """Return the colours a plot gives by name, pattern to colour."""
    panel = panels.series("It", *(Query(one, one) for one in legends), why="Look.", unit="short")
    overrides = drawn(panel)["fieldConfig"]["overrides"]
    return {one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"] for one in overrides}


def test_colour_means_something() -> None:
    """Status classes, failures and ratings have their colour whatever else is on the plot; other names have none."""
    assert colors("{{status}}") == {"/^2/": "green", "/^3/": "blue", "/^4/": "orange", "/^5/": "red"}
    assert colors("{{queue}} processed", "{{queue}} failed") == {
        "/(^| )processed$/": "green",
        "/(^| )failed$/": "red",
    }
    assert colors("good", "needs improvement", "poor") == {
        "/(^| )good$/": "green",
        "/(^| )needs improvement$/": "orange",
        "/(^| )poor$/": "red",
    }
    assert colors("{{route}}", "unfailed") == {}


def test_a_legend_is_a_list_or_a_sorted_table_where_there_is_room() -> None:
    """A table stands at the right of a wide plot, highest now first; below a narrow one it would take the plot."""
    wide, narrow = (
        drawn(panels.series("It", Query("it", "{{route}}"), why="Look.", unit="short", width=width))["options"][
            "legend"
        ]
        for width in (12, 8)
    )

    assert (wide["displayMode"], wide["placement"], wide["sortBy"], wide["sortDesc"]) == (
        "table",
        "right",
        "Last",
        True,
    )
    assert wide["calcs"] == ["last"], "lastNotNull shows what is over as if it were now"
    assert (narrow["displayMode"], narrow["placement"]) == ("list", "bottom")


def test_numbers_are_of_one_size_and_percentages_have_one_digit() -> None:
    """Neither the text nor the digits of a value decide how important it looks."""
    model = drawn(panels.number("Errors", "errors", why="Look.", unit="percentunit"))

    assert model["options"]["text"] == {"valueSize": 36}
    assert model["fieldConfig"]["defaults"]["decimals"] == 1


def test_red_areas_stand_for_pages_alone(production: Stack) -> None:
    """Neither the Watchdog, which always fires, nor a ticket of days tints a board."""
    for board in dashboards.boards(production):
        (pages,) = [one for one in board.model["annotations"]["list"] if one["iconColor"] == "red"]
        assert 'alertstate="firing"' in pages["expr"], board.slug
        assert 'severity="page"' in pages["expr"], board.slug


def test_nothing_asks_for_alerts_without_saying_which(every: list[tuple[str, dict[str, Any]]]) -> None:
    """Every question for alerts names a severity, so none counts the Watchdog."""
    asked = [(where, target["expr"]) for where, panel in every for target in panel.get("targets", ())]

    vague = [
        where
        for where, text in asked
        for inside in re.findall(r"ALERTS\{([^}]*)\}", text)
        if 'severity="' not in inside or 'alertstate="firing"' not in inside
    ]
    assert any("ALERTS{" in text for _, text in asked)
    assert vague == []


def test_what_is_about_now_looks_back_as_long_as_alerts_do(every: list[tuple[str, dict[str, Any]]]) -> None:
    """A number or table of a day has no rate over minutes that depend on its width; no curve asks a range per point."""
    for where, panel in every:
        for target in panel.get("targets", ()):
            if target.get("instant"):
                assert "$__rate_interval" not in target["expr"], where
                assert "$__interval" not in target["expr"], where
            else:
                assert "$__range" not in target["expr"], where


def test_every_number_and_table_is_instant(every: list[tuple[str, dict[str, Any]]]) -> None:
    """Nothing that says how things are shows how they were."""
    kinds = {panel["type"] for _, panel in every}
    old = [
        where
        for where, panel in every
        if panel["type"] in {"stat", "table"} and not all(target.get("instant") for target in panel["targets"])
    ]

    assert {"stat", "table", "state-timeline"} <= kinds
    assert old == []
