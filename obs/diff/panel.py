"""What changed in one panel?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from obs.diff.change import Path, Sentence, one_sided
from obs.diff.fields import disordered, items, listed, listed_well, plain, reordered, source_name, untold
from obs.diff.layout import Panel
from obs.diff.pairing import Pairing
from obs.diff.values import amount, changed, identical, objects, quoted, same, shortened, table, without, written
from obs.query.compare import differences, formatted, identity

QUERY_FIELDS = ("expr", "query", "expression", "rawSql", "target")
TARGET_NAMES = {
    "legendFormat": "legend",
    "interval": "min step",
    "intervalFactor": "resolution",
    "format": "format",
    "hide": "hidden",
    "instant": "instant",
    "range": "range",
    "exemplar": "exemplars",
    "queryType": "query type",
    "maxLines": "line limit",
}
LISTS = (
    ("targets",),
    ("links",),
    ("transformations",),
    ("fieldConfig", "defaults", "links"),
    ("fieldConfig", "overrides"),
)
"""Lists whose items are paired, and told one by one."""

SPOKEN = ("title", "gridPos", "targets", "datasource", "id", "links", "transformations", "panels", "collapsed")


def panel_sentences(old: Panel, new: Panel, subject: str) -> Iterator[Sentence]:
    """Yield every difference of two paired panels except their place, the most telling first."""
    if identical(old.model, new.model):
        return
    told = list(_told(old, new, subject))
    yield from told
    yield from untold(subject, *_unspoken(old, new), told, new.path)


def _unspoken(old: Panel, new: Panel) -> tuple[dict[str, Any], dict[str, Any]]:
    """Leave out of two models what is told in full elsewhere: well-formed lists, the place, a row's panels."""
    sides = [copied(old.model), copied(new.model)]
    for *outer, name in LISTS:
        holders = [_inside(side, outer) for side in sides]
        if listed_well(name, *holders):
            for holder in holders:
                holder.pop(name, None)
    row = old.kind == new.kind == "row"
    places = [_inside(side, ["gridPos"]) for side in sides]
    for index, name in enumerate("xy" if row else "xywh"):
        if old.box[index] != new.box[index]:
            for place in places:
                place.pop(name, None)
    folded = bool(old.model.get("collapsed")) != bool(new.model.get("collapsed"))
    gone = {*(("panels",) if row else ()), *(("collapsed",) if folded else ())}
    return without(sides[0], gone), without(sides[1], gone)


def _told(old: Panel, new: Panel, subject: str) -> Iterator[Sentence]:
    before, after, path = old.model, new.model, new.path
    if old.title != new.title:
        text = f"renamed to {quoted(new.title)}" if new.title else "title removed"
        text = text if old.title else f"title set to {quoted(new.title)}"
        yield Sentence(subject, text, "title", "renamed", old.title, new.title, path=(*path, "title"))
    yield from _thresholds(subject, _defaults(before), _defaults(after), (*path, "fieldConfig", "defaults"))
    yield from queries(subject, before.get("targets"), after.get("targets"), (*path, "targets"))
    yield from _unit(subject, before, after, path)
    yield from _datasource(subject, before, after, path)
    yield from _lists(subject, before, after, path)
    units = _defaults(before).get("unit") or "", _defaults(after).get("unit") or ""
    yield from plain(subject, _rest(before), _rest(after), path, units=units)
    if not same(before.get("id"), after.get("id")):
        text = changed("panel id", before.get("id"), after.get("id"))
        yield Sentence(subject, text, "id", old=before.get("id"), new=after.get("id"), path=(*path, "id"), hidden=True)


def resized(old: Panel, new: Panel, subject: str) -> Iterator[Sentence]:
    """Yield a change of width (of 24 columns) or height (in grid rows)."""
    for name, side, of in (("width", 2, " of 24"), ("height", 3, "")):
        before, after = old.box[side], new.box[side]
        if before != after:
            path = (*new.path, "gridPos", "xywh"[side])
            yield Sentence(subject, f"{name} {before} to {after}{of}", name, old=before, new=after, path=path)


def _defaults(model: dict[str, Any]) -> dict[str, Any]:
    return dict(table(table(model.get("fieldConfig")).get("defaults")))


def _rest(model: dict[str, Any]) -> dict[str, Any]:
    """Drop what has sentences of its own from the model."""
    config = without(table(model.get("fieldConfig")), ("overrides",))
    config["defaults"] = without(_defaults(model), ("thresholds", "unit", "links"))
    return {**without(model, SPOKEN), "fieldConfig": config}


def _unit(subject: str, before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Sentence]:
    old, new = _defaults(before).get("unit"), _defaults(after).get("unit")
    if not same(old, new):
        text = f"unit {old or 'none'} to {new or 'none'}"
        at = (*path, "fieldConfig", "defaults", "unit")
        yield Sentence(subject, text, "unit", old=old, new=new, path=at)


def _datasource(subject: str, before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Sentence]:
    old, new = before.get("datasource"), after.get("datasource")
    if not same(old, new):
        text = f"data source {source_name(old)} to {source_name(new)}"
        if source_name(old) == source_name(new):
            text = changed("data source", old, new)
        yield Sentence(subject, text, "data source", old=old, new=new, path=(*path, "datasource"))


def _thresholds(subject: str, before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Sentence]:
    """Compare the `thresholds` of two field settings, their limits written in the `unit` beside them."""
    old, new = table(before.get("thresholds")), table(after.get("thresholds"))
    if same(old, new):
        return
    path = (*path, "thresholds")
    sides = ((old, before), (new, after))
    units = ["percent" if side.get("mode") == "percentage" else str(of.get("unit") or "") for side, of in sides]
    modes = without(old, ("steps",)), without(new, ("steps",))
    yield from plain(subject, modes[0], modes[1], path, names={"mode": "thresholds count"})
    yield from _steps(subject, objects(old.get("steps")), objects(new.get("steps")), units, (*path, "steps"))


def _steps(
    subject: str, old: list[dict[str, Any]], new: list[dict[str, Any]], units: list[str], path: Path
) -> Iterator[Sentence]:
    """Go step by step where the colours stayed or the limits stayed; else both lists whole."""
    if same(old, new):
        return
    if len(old) != len(new) or not old or not new:
        text = f"thresholds {_scale(old, units[0])} to {_scale(new, units[1])}"
        yield Sentence(subject, text, "thresholds", old=old, new=new, path=path)
        return
    several = len(new) > 2  # noqa: PLR2004 - the base colour and one limit need no telling apart
    for index, (before, after) in enumerate(zip(old, new, strict=True)):
        name = f"{before.get('color')} threshold" if several else "threshold"
        if not same(before.get("value"), after.get("value")):
            text = f"{name} {_limit(before, units[0])} to {_limit(after, units[1])}"
            at = (*path, index, "value")
            yield Sentence(subject, text, "threshold", old=before.get("value"), new=after.get("value"), path=at)
        if not same(before.get("color"), after.get("color")):
            where = "base colour" if before.get("value") is None else f"colour from {_limit(before, units[0])}"
            yield from plain(
                subject, before.get("color"), after.get("color"), (*path, index, "color"), names={"": where}
            )


def _limit(step: dict[str, Any], unit: str) -> str:
    return "the base" if step.get("value") is None else amount(step["value"], unit)


def _scale(steps: list[dict[str, Any]], unit: str) -> str:
    if not steps:
        return "none"
    return ", ".join(
        f"{step.get('color')}" if step.get("value") is None else f"{step.get('color')} from {_limit(step, unit)}"
        for step in steps
    )


def queries(subject: str, old: Any, new: Any, path: Path) -> Iterator[Sentence]:
    """Yield queries added, removed and changed, paired by letter and text, by text, and by letter."""
    if same(old, new):
        return
    found = Pairing(objects(old), objects(new))
    for key in (_letter_and_asked, asked, letter):
        found.by(key, lambda target: target)
    alone = len(found.pairs) == 1 and not found.removed and not found.added
    for before, after in sorted(found.pairs, key=lambda pair: letter(pair[1])):
        at = (*path, letter(after))
        yield from relettered(subject, before, after, at)
        yield from _target(subject, "query" if alone else f"query {letter(after)}", before, after, at)
    for verb, targets in (("removed", found.removed), ("added", found.added)):
        for target in targets:
            sides = (target, None) if verb == "removed" else (None, target)
            text, code = f"query {letter(target)} {verb}", formatted(query_text(target))
            yield one_sided(subject, text, "query", *sides, path=(*path, letter(target)), code=code)
    yield from disordered(subject, "queries", (old, new), found.pairs, letter, path=path)


def relettered(subject: str, old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Sentence]:
    """Say so if a query goes by another letter."""
    letters = letter(old), letter(new)
    if letters[0] != letters[1]:
        text = f"query {letters[0]} is now {letters[1]}"
        yield Sentence(subject, text, "query letter", "renamed", *letters, path=(*path, "refId"))


def letter(target: Mapping[str, Any]) -> str:
    """Return the letter of a query, `query` where it has none."""
    return str(target.get("refId") or "query")


def asked(target: Mapping[str, Any]) -> str:
    """Return what a query asks, the same for all ways to write it."""
    return query_text(target) and identity(query_text(target))


def _letter_and_asked(target: Mapping[str, Any]) -> tuple[str, str]:
    return letter(target), asked(target)


def _target(subject: str, name: str, old: dict[str, Any], new: dict[str, Any], path: Path) -> Iterator[Sentence]:
    for part in differences(query_text(old), query_text(new)):
        yield Sentence(
            subject, name, "query", "changed", query_text(old), query_text(new), part.before, part.after, path
        )
    prefix = "" if name == "query" else f"{name}: "
    for sentence in _datasource(subject, old, new, path):
        yield Sentence(subject, prefix + sentence.text, sentence.field, old=sentence.old, new=sentence.new, path=path)
    fields = {_query_field(old), _query_field(new)} - {""}
    skipped = {"refId", "datasource", *(fields if len(fields) == 1 else ())}
    yield from plain(subject, without(old, skipped), without(new, skipped), path, names=TARGET_NAMES, prefix=prefix)


def query_text(target: Mapping[str, Any]) -> str:
    """Return the text of a query whatever its data source calls it."""
    field = _query_field(target)
    return str(target[field]) if field else ""


def _query_field(target: Mapping[str, Any]) -> str:
    return next((name for name in QUERY_FIELDS if isinstance(target.get(name), str) and target[name]), "")


def _lists(subject: str, before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Sentence]:
    for noun, inside in (("link", ()), ("data link", ("fieldConfig", "defaults"))):
        old, new = (_inside(model, inside).get("links") for model in (before, after))
        yield from listed(subject, noun, items(old, new, _link), (*path, *inside, "links"), names={})
        yield from reordered(subject, f"{noun}s", old, new, _link)
    old, new = before.get("transformations"), after.get("transformations")
    pairs = items(old, new, lambda step: str(step.get("id") or ""))
    yield from listed(subject, "transformation", pairs, (*path, "transformations"), names={})
    yield from reordered(subject, "transformations", old, new, lambda step: str(step.get("id") or ""))
    configs = table(before.get("fieldConfig")), table(after.get("fieldConfig"))
    yield from _overrides(subject, configs[0].get("overrides"), configs[1].get("overrides"), path)


def _link(link: dict[str, Any]) -> str:
    return str(link.get("title") or link.get("url") or "")


def _inside(model: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the object below a path of keys; an empty one where there is none."""
    for key in keys:
        inner = model.get(key)
        model = inner if isinstance(inner, dict) else {}
    return model


def copied(model: dict[str, Any]) -> dict[str, Any]:
    """Copy the objects of a model, so that fields can be taken out; lists and values are shared."""
    return {key: copied(value) if isinstance(value, dict) else value for key, value in model.items()}


def _overrides(subject: str, old: Any, new: Any, path: Path) -> Iterator[Sentence]:
    if same(old, new):
        return
    path = (*path, "fieldConfig", "overrides")
    found = Pairing(objects(old), objects(new))
    for key in (_matcher, _settings):
        found.by(key, lambda one: one)
    for before, after in found.pairs:
        called = f"override for {shortened(_matcher(after))}"
        yield from (replace(one, text=f"{called}: {one.text}") for one in _override(subject, before, after, path))
    for verb, overrides in (("removed", found.removed), ("added", found.added)):
        for override in overrides:
            text = f"override for {shortened(_matcher(override))} {verb} ({', '.join(_properties(override))})"
            sides = (override, None) if verb == "removed" else (None, override)
            yield one_sided(subject, text, "override", *sides, path=path)
    yield from disordered(subject, "overrides", (old, new), found.pairs, _matcher, path=path)


def _override(subject: str, old: dict[str, Any], new: dict[str, Any], path: Path) -> Iterator[Sentence]:
    sides = _properties(old), _properties(new)
    yield from plain(subject, without(old, ("properties",)), without(new, ("properties",)), path, names={})
    if any(_bare(properties) != side.get("properties", []) for properties, side in zip(sides, (old, new), strict=True)):
        yield from plain(subject, old.get("properties"), new.get("properties"), path, names={"": "settings"})
        return
    rest = [without(side, ("thresholds",)) for side in sides]
    told = list(_thresholds(subject, *sides, path))
    yield from told
    old_scale, new_scale = (side.get("thresholds") for side in sides)
    yield from untold(subject, old_scale, new_scale, told, (*path, "thresholds"), names={}, prefix="thresholds ")
    yield from plain(subject, rest[0], rest[1], path, names={})
    lists = old.get("properties"), new.get("properties")
    yield from reordered(subject, "settings", *lists, lambda one: str(one.get("id")), path=path)


def _matcher(override: dict[str, Any]) -> str:
    matcher = table(override.get("matcher"))
    return written(matcher.get("options") or matcher.get("id"))


def _settings(override: dict[str, Any]) -> str:
    return repr(override["properties"]) if override.get("properties") else ""


def _properties(override: dict[str, Any]) -> dict[str, Any]:
    return {str(one.get("id")): one.get("value") for one in objects(override.get("properties"))}


def _bare(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write properties as Grafana does: what differs from it holds more than ids and values."""
    return [{"id": name, "value": value} for name, value in properties.items()]
