"""Does the diff tell every change, whatever else changed?"""

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from obs.boards.dashboards import boards
from obs.cli.cli import obs
from obs.diff import diff_dashboard, diff_object
from obs.diff.normalise import canonical
from obs.stack import Stack
from tests.deploy.test_equality import mutated
from tests.deploy.world import GROUP_MODELS, notifications

Model = dict[str, Any]
FIRST, COUNT = int(os.environ.get("SEED", "0")), int(os.environ.get("MUTATIONS", "300"))
SEEDS = range(FIRST, FIRST + COUNT)
"""One mutation a seed; `make diff-test` runs ten thousand, and the name of a failed test ends with its seed."""

RULES = Path(__file__).parents[2] / "infra/observability/prometheus/rules"


def told(before: Model, after: Model) -> list[str]:
    """Return what is said of a change, subject and text."""
    return sorted(f"{one.subject}: {one.text}" for one in diff_dashboard(before, after).sentences)


@pytest.fixture(scope="module")
def models(production: Stack) -> list[Model]:
    """Return the dashboards of this repository."""
    return [dict(board.model) for board in boards(production)]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_change_hides_behind_another(models: list[Model], seed: int) -> None:
    """What is said of a change is said as well when something else changed; `seed` picks dashboard and mutation."""
    chance = random.Random(seed)
    before = chance.choice(models)
    after = mutated(before, chance)
    both = {**copy.deepcopy(after), "weekStart": "monday"}

    alone, together = told(before, after), told(before, both)

    assert bool(alone) == (canonical("dashboard", before) != canonical("dashboard", after))
    assert together == sorted([*alone, ': week starts on set to "monday"'])


@pytest.fixture(scope="module")
def objects(models: list[Model]) -> list[tuple[str, Model]]:
    """Return objects of every kind, the rare kinds as often as the frequent."""
    files = (yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml")))
    groups = [*GROUP_MODELS, *(group for file in files for group in file["groups"])]
    kinds: list[list[tuple[str, Model]]] = [
        [("dashboard", model) for model in models],
        [("rule-group", group) for group in groups],
        [(str(one.key.kind), one.document) for one in notifications()],
    ]
    return [one for kind in kinds for _ in range(60 // len(kind)) for one in kind]


@pytest.mark.parametrize("seed", SEEDS)
def test_another_state_is_another_text(objects: list[tuple[str, Model]], seed: int) -> None:
    """Two states that differ are not told alike from a third, whatever both changed; `seed` picks object and states."""
    chance = random.Random(seed)
    kind, before = chance.choice(objects)
    first = mutated(before, chance)
    second = mutated(first, chance)

    said = [
        sorted((one.subject, one.text, one.before, one.after) for one in diff_object(kind, before, state).sentences)
        for state in (first, second)
    ]

    # Of what came or went as a whole the inside is not told.
    whole = any(text.split(" (")[0].endswith((" added", " removed")) for _, text, *_ in said[0])
    assert whole or (said[0] == said[1]) == (canonical(kind, first) == canonical(kind, second))


def panel(**fields: Any) -> Model:
    """Return a dashboard of one panel."""
    place = {"h": 8, "w": 12, "x": 0, "y": 0}
    return {
        "uid": "u",
        "title": "T",
        "panels": [{"id": 1, "title": "A", "type": "timeseries", "gridPos": place} | fields],
    }


def overrides(*matchers: Model) -> Model:
    """Return a panel with one override a matcher, each of its own colour."""
    colours = [[{"id": "color", "value": str(matcher)}] for matcher in matchers]
    listed = [{"matcher": one, "properties": colour} for one, colour in zip(matchers, colours, strict=True)]
    return panel(fieldConfig={"defaults": {}, "overrides": listed})


def painted(matcher: Model, *properties: Model) -> Model:
    """Return a panel with one override."""
    return panel(fieldConfig={"defaults": {}, "overrides": [{"matcher": matcher, "properties": list(properties)}]})


RED = {"id": "color", "value": "red"}
NAMES = "|".join(f"name{number:03}" for number in range(60))


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        pytest.param(
            painted({"id": "byName", "options": "x"}, RED),
            painted({"id": "byRegexp", "options": "x"}, RED),
            'override for "x": matcher.id "byName" to "byRegexp"',
            id="the kind of a matcher",
        ),
        pytest.param(
            overrides({"id": "byName", "options": "x"}, {"id": "byName", "options": "y"}),
            overrides({"id": "byName", "options": "y"}, {"id": "byName", "options": "x"}),
            'overrides: order changed to "y", "x"',
            id="the order of overrides",
        ),
        pytest.param(
            painted({"id": "byName", "options": "x"}, RED, {"id": "unit", "value": "s"}),
            painted({"id": "byName", "options": "x"}, {"id": "unit", "value": "s"}, RED),
            'override for "x": settings: order changed to unit, color',
            id="the order of an override's settings",
        ),
        pytest.param(
            painted({"id": "byName", "options": "x"}, RED, RED | {"value": "blue"}),
            painted({"id": "byName", "options": "x"}, RED, RED | {"value": "green"}),
            'override for "x": value "blue" to "green"',
            id="a setting given twice",
        ),
        pytest.param(
            panel(targets=[{"refId": "A", "expr": "a", "query": "one"}]),
            panel(targets=[{"refId": "A", "expr": "a", "query": "two"}]),
            'query "one" to "two"',
            id="two texts in one query",
        ),
        pytest.param(
            panel(targets=[{"refId": "A", "query": {"a": 1}}]),
            panel(targets=[{"refId": "A", "query": {"a": 2}}]),
            "query.a 1 to 2",
            id="a query that is an object",
        ),
        pytest.param(
            panel(links=[{"title": "a", "url": "1"}, {"title": "b", "url": "2"}]),
            panel(links=[{"title": "b", "url": "2"}, {"title": "a", "url": "1"}]),
            "links: order changed to b, a",
            id="the order of links",
        ),
        pytest.param(
            panel(targets=[{"refId": "B", "expr": "up"}, {"refId": "C", "expr": "down"}]),
            panel(targets=[{"refId": "A", "expr": "up"}, {"refId": "B", "expr": "down"}]),
            "query B is now A|query C is now B",
            id="letters",
        ),
        pytest.param(panel(title="A"), panel(title="A "), 'title "A" to "A "', id="white space"),
        pytest.param(
            panel(options={"on": True}),
            panel(options={"on": 1}),
            "options.on on to 1",
            id="equal to Python",
        ),
    ],
)
def test_each_change_has_its_sentence(before: Model, after: Model, sentence: str) -> None:
    """A change is told, and nothing else is, whether it stands alone or beside another."""
    expected = sorted(f"A: {one}" for one in sentence.split("|"))
    both = copy.deepcopy(after)
    both["panels"][0]["description"] = "why"

    assert told(before, after) == expected
    assert told(before, both) == sorted([*expected, 'A: description set to "why"'])


def test_a_long_text_is_cut_around_its_change() -> None:
    """Two sides never read the same."""
    before, after = (
        painted({"id": "byRegexp", "options": names}, RED) for names in (NAMES, NAMES.replace("name030", "nameXXX"))
    )

    (sentence,) = told(before, after)

    old, new = sentence.split("matcher.options ")[1].split(" to ")
    assert "name030" in old
    assert "nameXXX" in new
    assert len(sentence) < 500


def test_two_queries_that_read_alike_are_shown_as_they_are_written() -> None:
    """Prometheus' formatter writes `sum by () (x)` as `sum(x)`, which is another query."""
    before, after = (panel(targets=[{"refId": "A", "expr": text}]) for text in ("sum(x)", "sum by () (x)"))

    (sentence,) = diff_dashboard(before, after).sentences

    assert (sentence.before, sentence.after) == ("sum(x)", "sum by () (x)")


def collapsed(*rows: tuple[str, int, dict[str, int]]) -> Model:
    """Return a dashboard of collapsed rows: title, grid row, and the grid row of each panel inside."""
    kept = [
        {
            "id": number * 10,
            "title": title,
            "type": "row",
            "collapsed": True,
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": top},
            "panels": [
                {"id": number * 10 + place, "title": name, "type": "stat", "gridPos": {"h": 4, "w": 6, "x": 0, "y": y}}
                for place, (name, y) in enumerate(inside.items(), 1)
            ],
        }
        for number, (title, top, inside) in enumerate(rows, 1)
    ]
    return {"uid": "u", "title": "T", "panels": kept}


def test_a_panel_goes_where_its_collapsed_row_goes() -> None:
    """Where a folded panel stood when its row was folded says nothing; its place in the row does."""
    before = collapsed(("R1", 0, {"A": 1, "B": 5}), ("R2", 1, {"C": 2, "D": 6}))

    assert told(before, collapsed(("R1", 0, {"A": 1, "B": 5}), ("R2", 1, {"C": 0, "D": 4}))) == []
    assert told(before, collapsed(("R1", 0, {"A": 1, "B": 5}), ("R2", 1, {"C": 6, "D": 2}))) == [
        ": one panel moved up by 4 grid rows",
        "C: moved down by 4 grid rows",
    ]


def test_a_resource_is_the_dashboard_in_its_spec() -> None:
    """Grafana's resources hold the model in `spec`, its uid as the name, its folder as an annotation."""
    sides = [
        {
            "apiVersion": "dashboard.grafana.app/v1beta1",
            "kind": "Dashboard",
            "metadata": {"name": "shop", "annotations": {"grafana.app/folder": folder}},
            "spec": panel(targets=[{"refId": "A", "expr": text}]),
        }
        for folder, text in (("team", "up"), ("other", "down"))
    ]

    change = diff_dashboard(*sides)

    assert (change.uid, change.title) == ("shop", "T")
    assert [f"{one.subject}: {one.text}" for one in change.sentences] == [': folder "team" to "other"', "A: query"]


def test_files_are_known_by_their_content(tmp_path: Path) -> None:
    """A resource is recognised by its name wherever it lies, and a manifest's groups are rule groups."""
    sides = []
    for side, text, hold in (("old", "up", "5m"), ("new", "down", "15m")):
        folder = tmp_path / side
        folder.mkdir()
        resource = {"apiVersion": "dashboard.grafana.app/v1beta1", "metadata": {"name": "shop"}}
        spec = panel(targets=[{"refId": "A", "expr": text}])
        (folder / f"{side}.json").write_text(json.dumps(resource | {"spec": spec}))
        rule = {"alert": "ShopDown", "expr": "up == 0", "for": hold}
        manifest = {"kind": "PrometheusRule", "spec": {"groups": [{"name": "shop", "rules": [rule]}]}}
        (folder / "rules.yaml").write_text(yaml.safe_dump({"apiVersion": "monitoring.coreos.com/v1", **manifest}))
        sides.append(str(folder))

    result = CliRunner().invoke(obs, ["diff", *sides])

    assert 'rule group "shop"' in result.output
    assert "ShopDown: for 5m to 15m" in result.output
    assert 'dashboard "T" (shop)' in result.output
    assert "2 changed" in result.output
