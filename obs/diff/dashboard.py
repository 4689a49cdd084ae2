"""What changed in a dashboard, panel by panel?"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from obs.diff.change import Action, ObjectChange, Path, Sentence, Tile, Verb, one_sided, presence
from obs.diff.documents import opened
from obs.diff.fields import items, listed, plain, reordered
from obs.diff.layout import COLUMNS, Panel, lowered, moved, panels, refuse_v2
from obs.diff.match import match
from obs.diff.normalise import dashboards, equal_dashboards
from obs.diff.pairing import Pairing
from obs.diff.panel import panel_sentences, query_text, resized
from obs.diff.values import identical, objects, quoted, same, table, without
from obs.query.compare import formatted

Model = dict[str, Any]

NAMES = {
    "title": "title",
    "uid": "uid",
    "description": "description",
    "tags": "tags",
    "folderUid": "folder",
    "refresh": "refresh every",
    "timezone": "time zone",
    "editable": "editable",
    "graphTooltip": "shared crosshair",
    "schemaVersion": "schema version",
    "time.from": "time range from",
    "time.to": "time range to",
    "timepicker.hidden": "time picker hidden",
    "fiscalYearStartMonth": "fiscal year starts in month",
    "weekStart": "week starts on",
    "liveNow": "redrawn live",
}
VARIABLE_NAMES = {
    "label": "label",
    "query.query": "query",
    "current.text": "selected value",
    "current.value": "selected value",
    "multi": "several values selectable",
    "includeAll": "All selectable",
    "allValue": "value of All",
    "hide": "hidden",
    "sort": "order",
}
ANNOTATION_NAMES = {"expr": "query", "target.expr": "query", "enable": "shown", "iconColor": "colour"}
NAMED = 24  # panels of a new or deleted dashboard that are named; the rest are counted
SERVER_OWNED = frozenset({"id", "version", "iteration", "gnetId"})  # assigned by the server the dashboard is saved on
SPOKEN = frozenset({"panels", "rows", "templating", "annotations", "links", *SERVER_OWNED})


def diff_dashboard(old: Model | None, new: Model | None) -> ObjectChange:
    """Describe the change from one dashboard to another; None stands for a dashboard that does not exist.

    Takes the classic model, bare, in the envelope of GET or POST (`dashboard` with `folderUid` or `meta`), or as the
    `spec` of a Grafana resource. Panels are
    recognised by id, title and content; queries that mean the same are equal. Raises DiffError for a v2 dashboard.
    """
    before, after = (opened(side) for side in (old, new))
    model = after or before
    uid, title = str(model.get("uid") or ""), str(model.get("title") or "").strip()
    if old is None and new is None:
        return ObjectChange("dashboard", uid, title, "unchanged")
    if old is None or new is None:
        verb = presence(old)
        action: Action = "create" if old is None else "delete"
        return ObjectChange("dashboard", uid, title, action, (_whole(model, verb),), *_tiles_of(model, verb))
    # Refusing a model that can't be compared comes first, whether it changed or not.
    for side in (before, after):
        refuse_v2(side)
    if identical(before, after):
        return ObjectChange("dashboard", uid, title, "unchanged")
    forms = dashboards(before, after)
    keys = [_key(side) for side in (before, after)]
    if same(keys[0], keys[1]) and equal_dashboards(*forms):
        return ObjectChange("dashboard", uid, title, "unchanged")
    sides = [{**form, **key} for form, key in zip(forms, keys, strict=True)]
    return _updated(sides[0], sides[1], uid, title)


def _key(model: Model) -> Model:
    return {name: model[name] for name in ("uid", "folderUid") if model.get(name)}


def _updated(before: Model, after: Model, uid: str, title: str) -> ObjectChange:
    found = match(panels(before), panels(after))
    told = list(_panel_sentences(found))
    sentences = (*_settings(before, after), *(sentence for _, sentence in told)) or (*plain("", before, after),)
    tiles = _tiles(found, told)
    return ObjectChange("dashboard", uid, title, "update", sentences, *tiles)


def _whole(model: Model, verb: Verb) -> Sentence:
    found = panels(model)
    shown = [panel for panel in found if panel.kind != "row"]
    counts = [(len(shown), "panel"), (len(found) - len(shown), "row"), (len(_variables(model)), "variable")]
    text = ", ".join(f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in counts if count)
    names = [panel.title or f"untitled {panel.kind}" for panel in shown]
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    told = f": {'; '.join(names[:NAMED] + more)}" if names else ""
    return Sentence("", f"{verb} with {text or 'no panels'}{told}", "dashboard", verb)


def _settings(before: Model, after: Model) -> Iterator[Sentence]:
    yield from plain("", without(before, SPOKEN), without(after, SPOKEN), names=NAMES)
    for noun, old, new, path, names in (
        ("variable", _variables(before), _variables(after), ("templating", "list"), VARIABLE_NAMES),
        ("annotation", _annotations(before), _annotations(after), ("annotations", "list"), ANNOTATION_NAMES),
        ("link", before.get("links"), after.get("links"), ("links",), {}),
    ):
        if not same(old, new):
            yield from listed("", noun, items(old, new, _name), path, names=names)
            yield from reordered("", f"{noun}s", old, new, _name)


def _name(item: Model) -> str:
    return str(item.get("name") or item.get("title") or "")


def _variables(model: Model) -> list[Model]:
    return objects(table(model.get("templating")).get("list"))


def _annotations(model: Model) -> list[Model]:
    return objects(table(model.get("annotations")).get("list"))


def _panel_sentences(found: Pairing[Panel]) -> Iterator[tuple[Panel, Sentence]]:
    name = _namer([*(old for old, _ in found.pairs), *found.removed, *found.added])
    rows = {old.title: new.title for old, new in found.pairs if old.kind == new.kind == "row"}
    chosen, pushed = moved(found.pairs, rows)
    movers = {id(old): (old, new) for old, new in chosen}
    for panel in found.removed:
        yield panel, _panel(panel, name(panel), "removed")
    for panel in found.added:
        yield panel, _panel(panel, name(panel), "added")
    for old, new in sorted(found.pairs, key=lambda pair: (pair[1].box[1], pair[1].box[0])):
        if id(old) in movers:
            yield new, _move(old, new, name(old), rows, pushed)
        if old.kind != "row":
            yield from ((new, sentence) for sentence in resized(old, new, name(old)))
        yield from ((new, sentence) for sentence in panel_sentences(old, new, name(old)))
        yield from ((new, sentence) for sentence in _folding(old, new, name(old)))
    for distance, count in sorted(pushed.items()):
        yield Panel({}, "", (0, 0, 0, 0), ()), _pushed(distance, count)


def _namer(found: Sequence[Panel]) -> Callable[[Panel], str]:
    """Decide what to call each panel: its title, with its row or its id where the title alone is not enough."""
    titles = Counter(panel.title for panel in found if panel.kind != "row")
    places = Counter(panel.place for panel in found if panel.kind != "row")

    def name(panel: Panel) -> str:
        if panel.kind == "row":
            return f"row {quoted(panel.title)}" if panel.title else "untitled row"
        if not panel.title:
            return f"untitled {panel.kind or 'panel'} (id {panel.number})"
        if titles[panel.title] == 1:
            return panel.title
        return panel.place if places[panel.place] == 1 else f"{panel.place} (id {panel.number})"

    return name


def _panel(panel: Panel, subject: str, verb: Verb) -> Sentence:
    where = f' {"in" if verb == "added" else "from"} row "{panel.row}"' if panel.row else ""
    kind = "" if panel.kind == "row" else f" ({panel.kind})"
    code = "\n\n".join(formatted(query_text(target)) for target in objects(panel.model.get("targets")))
    old, new = (None, panel.model) if verb == "added" else (panel.model, None)
    return one_sided(subject, f"{verb}{where}{kind}", "panel", old, new, path=panel.path, code=code)


def _move(old: Panel, new: Panel, subject: str, rows: dict[str, str], pushed: Counter[int]) -> Sentence:
    across, down = new.box[0] - old.box[0], lowered((old, new))
    steps = []
    if rows.get(old.row, old.row) != new.row:
        steps = [f"from {_row(old.row)} to {_row(new.row)}"]
        down = 0
    if across:
        steps.append(f"{'right' if across > 0 else 'left'} by {_count(abs(across), 'column')} of {COLUMNS}")
    if down and not (across and down in pushed):
        steps.append(_down(down))
    text = f"moved {' and '.join(steps)}"
    return Sentence(subject, text, "position", "moved", list(old.box), list(new.box), path=(*new.path, "gridPos"))


def _row(title: str) -> str:
    return f'row "{title}"' if title else "the top, outside any row"


def _count(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"{count} {noun}s"


def _down(distance: int) -> str:
    return f"{'down' if distance > 0 else 'up'} by {_count(abs(distance), 'grid row')}"


def _pushed(distance: int, count: int) -> Sentence:
    text = f"{_count(count, 'panel') if count else 'a row'} moved {_down(distance)}"
    return Sentence("", text, "position", "moved", new=distance, hidden=True)


def _folding(old: Panel, new: Panel, subject: str) -> Iterator[Sentence]:
    before, after = bool(old.model.get("collapsed")), bool(new.model.get("collapsed"))
    if before != after:
        path: Path = (*new.path, "collapsed")
        yield Sentence(subject, "collapsed" if after else "expanded", "collapsed", old=before, new=after, path=path)


def _tiles(found: Pairing[Panel], told: list[tuple[Panel, Sentence]]) -> tuple[tuple[Tile, ...], tuple[Tile, ...]]:
    states: dict[int, tuple[Verb, str]] = {}
    for panel, sentence in told:
        if not sentence.hidden:
            verb: Verb = "changed" if id(panel) in states else sentence.verb
            states[id(panel)] = verb, sentence.subject
    unchanged = (None, "")
    before = [_tile(str(index), old, *states.get(id(new), unchanged)) for index, (old, new) in enumerate(found.pairs)]
    after = [_tile(str(index), new, *states.get(id(new), unchanged)) for index, (_, new) in enumerate(found.pairs)]
    before += [_tile(f"removed-{index}", panel, *states[id(panel)]) for index, panel in enumerate(found.removed)]
    after += [_tile(f"added-{index}", panel, *states[id(panel)]) for index, panel in enumerate(found.added)]
    return tuple(before), tuple(after)


def _tiles_of(model: Model, verb: Verb) -> tuple[tuple[Tile, ...], tuple[Tile, ...]]:
    tiles = tuple(_tile(str(index), panel, verb) for index, panel in enumerate(panels(model)))
    return ((), tiles) if verb == "added" else (tiles, ())


def _tile(key: str, panel: Panel, verb: Verb | None, subject: str = "") -> Tile:
    return Tile(key, panel.title, panel.kind, *panel.box, verb, subject, panel.number)
