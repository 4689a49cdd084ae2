"""What changed in one panel?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from obs.diff.change import Path, Sentence, one_sided, presence
from obs.diff.fields import items, listed, plain, reordered, source_name
from obs.diff.layout import Panel
from obs.diff.values import amount, changed, objects, quoted, same, table, without
from obs.query.compare import differences, formatted

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
SPOKEN = ("title", "gridPos", "targets", "datasource", "id", "links", "transformations", "panels", "collapsed")


def panel_sentences(old: Panel, new: Panel, subject: str) -> Iterator[Sentence]:
    """Yield every difference of two paired panels except their place, the most telling first."""
    if old.model == new.model:
        return
    told = list(_told(old, new, subject))
    yield from told or _untold(old, new, subject)


def _untold(old: Panel, new: Panel, subject: str) -> Iterator[Sentence]:
    """Report by path what a malformed model hides from the sentences above; the same query written anew is the same."""
    place = ("gridPos", "panels", "collapsed")
    for sentence in plain(subject, without(old.model, place), without(new.model, place), new.path):
        texts = sentence.old, sentence.new
        query = sentence.path[-1] in QUERY_FIELDS and all(isinstance(text, str) for text in texts)
        if not query or differences(*texts):
            yield sentence


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
    """Yield queries added, removed and changed, paired by their letter."""
    if same(old, new):
        return
    pairs = list(items(old, new, lambda target: str(target.get("refId") or "query")))
    for letter, before, after in pairs:
        at = (*path, letter)
        if before is None or after is None:
            text, code = f"query {letter} {presence(before)}", formatted(query_text(before or after or {}))
            yield one_sided(subject, text, "query", before, after, path=at, code=code)
        else:
            name = "query" if len(pairs) == 1 else f"query {letter}"
            yield from _target(subject, name, before, after, at)
    yield from reordered(subject, "queries", old, new, lambda target: str(target.get("refId") or "query"))


def _target(subject: str, name: str, old: dict[str, Any], new: dict[str, Any], path: Path) -> Iterator[Sentence]:
    for part in differences(query_text(old), query_text(new)):
        yield Sentence(
            subject, name, "query", "changed", query_text(old), query_text(new), part.before, part.after, path
        )
    prefix = "" if name == "query" else f"{name}: "
    for sentence in _datasource(subject, old, new, path):
        yield Sentence(subject, prefix + sentence.text, sentence.field, old=sentence.old, new=sentence.new, path=path)
    skipped = {"refId", "datasource", *QUERY_FIELDS}
    yield from plain(subject, without(old, skipped), without(new, skipped), path, names=TARGET_NAMES, prefix=prefix)


def query_text(target: Mapping[str, Any]) -> str:
    """Return the text of a query whatever its data source calls it."""
    found = (target[name] for name in QUERY_FIELDS if isinstance(target.get(name), str) and target[name])
    return next(found, "")


def _lists(subject: str, before: dict[str, Any], after: dict[str, Any], path: Path) -> Iterator[Sentence]:
    for noun, inside in (("link", ()), ("data link", ("fieldConfig", "defaults"))):
        old, new = (_inside(model, inside).get("links") for model in (before, after))
        yield from listed(subject, noun, items(old, new, _link), (*path, *inside, "links"), names={})
    old, new = before.get("transformations"), after.get("transformations")
    pairs = items(old, new, lambda step: str(step.get("id") or ""))
    yield from listed(subject, "transformation", pairs, (*path, "transformations"), names={})
    yield from reordered(subject, "transformations", old, new, lambda step: str(step.get("id") or ""))
    configs = table(before.get("fieldConfig")), table(after.get("fieldConfig"))
    yield from _overrides(subject, configs[0].get("overrides"), configs[1].get("overrides"), path)


def _link(link: dict[str, Any]) -> str:
    return str(link.get("title") or link.get("url") or "")


def _inside(model: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    for key in keys:
        model = dict(table(model.get(key)))
    return model


def _overrides(subject: str, old: Any, new: Any, path: Path) -> Iterator[Sentence]:
    if same(old, new):
        return
    path = (*path, "fieldConfig", "overrides")
    for name, before, after in items(old, new, _matcher):
        if before is None or after is None:
            settings = ", ".join(_properties(before or after or {}))
            text = f"override for {name} {presence(before)} ({settings})"
            yield one_sided(subject, text, "override", before, after, path=path)
        else:
            sides = _properties(before), _properties(after)
            rest = [without(side, ("thresholds",)) for side in sides]
            told = (*_thresholds(subject, sides[0], sides[1], path), *plain(subject, rest[0], rest[1], path, names={}))
            yield from (replace(one, text=f"override for {name}: {one.text}") for one in told)


def _matcher(override: dict[str, Any]) -> str:
    matcher = table(override.get("matcher"))
    return quoted(matcher.get("options") or matcher.get("id"))


def _properties(override: dict[str, Any]) -> dict[str, Any]:
    return {str(one.get("id")): one.get("value") for one in objects(override.get("properties"))}
