"""One equality: an object is written exactly when the words say what changes, whatever Grafana makes of it."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from obs.boards.dashboards import boards
from obs.deploy.grafana.state import Desired, Item, Kind, item
from obs.diff import diff_dashboard, diff_object
from obs.diff.normalise import canonical
from obs.stack import Stack
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import FOLDER, GROUP_MODELS, OWNER, VERSIONS, folders, notifications

Document = dict[str, Any]
SEEDS = range(300)
QUERIES = ("sum( up )", "sum(up)", "sum(up) ", "max(up)", "sum by (job) (up)", "sum(up) # more\n", '{a="b"} |= "x"')
VALUES: tuple[Any, ...] = (None, "", "x", "y", 0, 1, 1.0, 2.5, True, False, [], {}, ["x"], {"k": "v"})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def mutated(document: Document, chance: random.Random) -> Document:
    """Return a copy with one to three things in it changed, dropped, added, swapped or written otherwise."""
    made = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        inside = [path for path in places(made) if path[0] not in ("uid", "name", "type")]
        if not inside:
            break
        *above, last = chance.choice(inside)
        holder: Any = made
        for key in above:
            holder = holder[key]
        kind = chance.choice(["set", "drop", "swap", "query"])
        if last == "expr" or (kind == "query" and isinstance(holder, dict) and "expr" in holder):
            holder["expr"] = chance.choice(QUERIES)
        elif kind == "swap" and isinstance(holder, list) and len(holder) > 1:
            chance.shuffle(holder)
        elif kind == "drop" and isinstance(holder, dict):
            del holder[last]
        elif not isinstance(holder[last], dict | list):
            holder[last] = copy.deepcopy(chance.choice(VALUES))
    return made


@pytest.fixture(scope="module")
def documents(stack: Stack) -> list[tuple[str, Document]]:
    """Return an object of every kind, the dashboards of this repository among them."""
    shown = [("dashboard", dict(board.model)) for board in boards(stack)]
    told = [(str(one.key.kind), one.document) for one in notifications()]
    return [*shown, *told, *(("rule-group", group) for group in GROUP_MODELS)]


@pytest.mark.parametrize("seed", SEEDS)
def test_words_and_writes_agree(documents: list[tuple[str, Document]], seed: int) -> None:
    """Two objects are equal to a plan exactly when the diff has nothing to say; `seed` picks object and mutation."""
    chance = random.Random(seed)
    kind, before = chance.choice(documents)
    after = mutated(before, chance)

    change = diff_object(kind, before, after)

    written = canonical(kind, before) != canonical(kind, after)
    assert (change.action == "update") == written, json.dumps([kind, seed])
    assert bool(change.sentences) == written


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sum( up )", "sum(up)"),
        ("sum by (a, b) (up)", "sum by (b,a) (up)"),
        ('up{a="1", b="2"}', 'up{b="2",a="1"}'),
        ("rate(up[$__rate_interval])", "rate( up [ $__rate_interval ] )"),
    ],
)
def test_layout_of_a_query_is_no_change(old: str, new: str) -> None:
    """Neither a write nor a word."""
    before, after = ({"panels": [{"id": 1, "title": "P", "targets": [{"expr": expr}]}]} for expr in (old, new))

    assert canonical("dashboard", before) == canonical("dashboard", after)
    assert diff_dashboard(before, after).action == "unchanged"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("up", "up == 1"),
        ("up[$a]", "up[$b]"),
        ("a + on (x) group_left fill(-1) b", "a + on (x) group_left fill(-2) b"),
        ('{a="b"} |= "x y"', '{a="b"} |= "x  y"'),
        ("up # one\n + 1", "up # one + 1"),
        ("up > 1", "up > bool 1"),
    ],
)
def test_what_a_query_does_is_a_change(old: str, new: str) -> None:
    """Both a write and a word, also where two hashes would be the same."""
    before, after = ({"panels": [{"id": 1, "title": "P", "targets": [{"expr": expr}]}]} for expr in (old, new))

    assert canonical("dashboard", before) != canonical("dashboard", after)
    assert diff_dashboard(before, after).action == "update"


def two(first: int, second: int, **place: int) -> Document:
    """Return a dashboard of two panels in this order."""
    at = {"x": 0, "y": 0, "w": 12, "h": 8}
    places = {1: at, 2: at | {"x": 12} | place}
    return {"panels": [{"id": one, "title": f"P{one}", "gridPos": places[one]} for one in (first, second)]}


def test_the_order_of_panels_counts_where_grafana_shows_it() -> None:
    """Panels are shown by their place: their order in the file says nothing unless they share one."""
    assert diff_dashboard(two(1, 2), two(2, 1)).action == "unchanged"
    assert canonical("dashboard", two(1, 2)) == canonical("dashboard", two(2, 1))

    change = diff_dashboard(two(1, 2, x=0), two(2, 1, x=0))
    assert change.action == "update"
    assert canonical("dashboard", two(1, 2, x=0)) != canonical("dashboard", two(2, 1, x=0))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_push_writes_what_the_words_say(
    make_world: MakeWorld, documents: list[tuple[str, Document]], version: tuple[int, int]
) -> None:
    """In every version, with all that Grafana rewrites: what differs in words is planned, and afterwards nothing is."""
    world, chance = make_world(version), random.Random(version[0])
    models = [model | {"tags": [f"managed-by:{OWNER}"]} for kind, model in documents if kind == "dashboard"]

    def desired(sides: list[Document]) -> Desired:
        items: list[Item] = [item(Kind.DASHBOARD, model, folder_uid=FOLDER) for model in sides]
        return Desired(OWNER, (*folders(), *items))

    assert world.push(desired(models)).state == "new"
    for _ in range(3):
        changed = [model if chance.random() < 0.4 else _legal(model, mutated(model, chance)) for model in models]
        said = {
            model["uid"] for old, model in zip(models, changed, strict=True) if diff_dashboard(old, model).sentences
        }

        planned = {change.key.uid for change in world.plan(desired(changed)).changes if change.action == "update"}
        outcome = world.push(desired(changed))

        assert planned == said
        assert outcome.failure == ""
        assert {change.action for change in world.plan(desired(changed)).changes} == {"unchanged"}
        models = changed


def _legal(before: Document, after: Document) -> Document:
    """Keep what Grafana refuses to save without, or with another type."""
    kept = {
        name: before[name] for name in ("uid", "title", "tags", "panels", "refresh", "schemaVersion") if name in before
    }
    panels = after.get("panels")
    made: Document = _sourced(after | kept | ({"panels": panels} if isinstance(panels, list) else {}))
    return made


def _sourced(value: Any) -> Any:
    """Leave out the data sources that no Grafana has: a push that would ask them is refused."""
    if isinstance(value, list):
        return [_sourced(one) for one in value]
    if not isinstance(value, dict):
        return value
    made = {key: _sourced(one) for key, one in value.items()}
    source = made.get("datasource")
    unknown = source == "x" or (isinstance(source, dict) and source.get("uid") == "x")
    return {key: one for key, one in made.items() if key != "datasource"} if unknown else made
