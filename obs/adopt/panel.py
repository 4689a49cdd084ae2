"""Which words say what one panel's JSON says, and what has to be laid over them?"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from obs.adopt.remainder import remainder
from obs.boards import panels as words
from obs.boards.board import COLUMNS
from obs.boards.grafana import panel_json, ref, target_json
from obs.boards.panels import Column, Link, Panel, PanelKind, Query, Step
from obs.diff.layout import Panel as Placed
from obs.diff.normalise import panel_form
from obs.diff.panel import query_text
from obs.diff.values import objects, table
from obs.stack.identity import panel_id

Model = dict[str, Any]

WORDS_SAY = 3
"""A panel is said in words if these leave at most a third of its settings to be laid over."""

KINDS: dict[str, PanelKind] = {
    "timeseries": "timeseries",
    "stat": "stat",
    "gauge": "gauge",
    "bargauge": "bargauge",
    "piechart": "piechart",
    "state-timeline": "state-timeline",
    "table": "table",
    "heatmap": "heatmap",
    "logs": "logs",
    "text": "text",
}
"""The words that draw a visualisation of Grafana's; any other comes over as it is."""


def read_panel(placed: Placed, taken: set[int]) -> Panel:
    """Say a panel in words where they say most of it, else as it is."""
    number = placed.model.get("id")
    free = type(number) is int and number not in taken
    taken |= {number} if type(number) is int else set()
    best = _with_remainder(_as_it_is(placed), placed, free=free)
    for said in _in_words(placed):
        told = _with_remainder(said, placed, free=free)
        best = told if _size_of(told) * WORDS_SAY <= _size_of(best) else best
    if "id" in best.raw or panel_id(best.title) == number:
        return best
    return replace(best, slug=_slug(best.title or f"untitled {placed.kind}", placed, taken))


def nearest(placed: Placed) -> Panel:
    """Say a panel in the words that come nearest, for a person to go on from; as it is where there are none."""
    why = _text(placed.model, "description") or f"{placed.title}: say here what a change of it means."
    named = [{"legendFormat": placed.title, **target} for target in objects(placed.model.get("targets"))]
    described = replace(placed, model={**placed.model, "description": why, "targets": named})
    return next(_in_words(described), None) or read_panel(described, set())


def _size_of(panel: Panel) -> int:
    """Measure what is laid over a panel and its queries."""
    raws = [panel.raw, *(query.raw for query in panel.queries)]
    return sum(len(repr(raw)) for raw in raws if raw)


def _with_remainder(panel: Panel, placed: Placed, *, free: bool) -> Panel:
    """Lay over a panel what its words and queries leave out; its place is found when all have one."""
    wanted = panel_form(placed.model)
    targets = wanted.get("targets")
    if not panel.columns and isinstance(targets, list) and len(objects(targets)) == len(panel.queries) == len(targets):
        made = [target_json(query, ref(n), panel.kind) for n, query in enumerate(panel.queries)]
        queries = (
            replace(query, raw=remainder(built, target))
            for query, built, target in zip(panel.queries, made, targets, strict=True)
        )
        panel = replace(panel, queries=tuple(queries))
    patch = remainder(panel_form(panel_json(panel, {})), wanted)
    patch.pop("gridPos", None)
    if not free:
        patch.pop("id", None)
    return replace(panel, raw=patch)


def _as_it_is(placed: Placed) -> Panel:
    targets = objects(placed.model.get("targets"))
    queries = (Query(_text(target, "expr"), _text(target, "legendFormat")) for target in targets)
    width, height = _size(placed)
    return words.other(placed.title, *queries, why=_text(placed.model, "description"), width=width, height=height)


def _text(model: Model, name: str) -> str:
    value = model.get(name)
    return value if isinstance(value, str) else ""


def _size(placed: Placed) -> tuple[int, int]:
    return min(max(placed.box[2], 1), COLUMNS), max(placed.box[3], 1)


def _in_words(placed: Placed) -> Iterator[Panel]:
    """Yield the panel in the words of its visualisation, where it has what these ask for: a title and a reason."""
    model, kind, title, why = placed.model, KINDS.get(placed.kind), placed.title, _text(placed.model, "description")
    if kind is None or not title or not why:
        return
    queries = tuple(_query(target, placed) for target in objects(model.get("targets")))
    if kind in words.NAMED and not all(query.legend for query in queries):
        return
    defaults = table(table(model.get("fieldConfig")).get("defaults"))
    columns = _columns(model, queries) if kind == "table" else {}
    if kind == "table" and not columns:
        return
    width, height = _size(placed)
    yield Panel(
        kind=kind,
        title=title,
        why=why,
        queries=tuple(Query(one.query, name, instant=True) for name, one in columns.items()) if columns else queries,
        unit=_unit(model, kind),
        steps=_steps(table(defaults.get("thresholds")).get("steps")),
        width=width,
        height=height,
        stacked=table(table(defaults.get("custom")).get("stacking")).get("mode") == "normal",
        low=_number(defaults.get("min")),
        high=_number(defaults.get("max")),
        decimals=int(decimals) if (decimals := _number(defaults.get("decimals"))) is not None else None,
        links=tuple(
            Link(str(one.get("title") or "Link"), str(one.get("url") or "")) for one in objects(model.get("links"))
        ),
        columns=columns,
        states=_states(defaults.get("mappings")),
        empty=str(defaults.get("noValue") or ""),
        drill=_drill(model) if kind == "table" else {},
        text=str(table(model.get("options")).get("content") or "") if kind == "text" else "",
    )


def _states(mappings: Any) -> dict[int, tuple[str, str]]:
    """Return the words and colours that the first value mapping gives to whole numbers."""
    mapping = next((one for one in objects(mappings) if one.get("type") == "value"), {})
    return {
        int(number): (str(table(result).get("text") or number), str(table(result).get("color") or "text"))
        for number, result in table(mapping.get("options")).items()
        if re.fullmatch(r"-?[0-9]{1,9}", number)
    }


def _slug(title: str, placed: Placed, taken: set[int]) -> str:
    """Return "" where the title makes an id of its own, else what tells the panel from its namesakes."""
    for slug in (
        "" if placed.title else title,
        f"{placed.row} {title}",
        *(f"{title} {count}" for count in range(2, len(taken) + 3)),
    ):
        identity = panel_id(slug or title)
        if identity not in taken:
            taken.add(identity)
            return slug
    return title


def _query(target: Model, placed: Placed) -> Query:
    source = table(target.get("datasource") or placed.model.get("datasource")).get("type")
    return Query(
        query_text(target),
        "" if source == "loki" else str(target.get("legendFormat") or ""),
        source="loki" if source == "loki" else "prometheus",
        instant=bool(target.get("instant")) and not target.get("range"),
        exemplars=bool(target.get("exemplar")),
    )


def _unit(model: Model, kind: PanelKind) -> str:
    defaults = table(table(model.get("fieldConfig")).get("defaults"))
    heat = table(table(model.get("options")).get("yAxis")).get("unit") if kind == "heatmap" else None
    return str(defaults.get("unit") or heat or ("short" if kind in {"timeseries", "stat", "heatmap"} else ""))


def _steps(steps: Any) -> tuple[Step, ...]:
    found = tuple((_number(step.get("value")), str(step.get("color"))) for step in objects(steps))
    return () if found == ((None, "green"),) else found


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _columns(model: Model, queries: tuple[Query, ...]) -> dict[str, Column]:
    """Name each query's column as the table renames it, with the unit and limits of its override."""
    steps = objects(model.get("transformations"))
    renamed: dict[str, Any] = {}
    for step in steps:
        renamed |= table(table(step.get("options")).get("renameByName"))
    columns: dict[str, Column] = {}
    for target, query in zip(objects(model.get("targets")), queries, strict=True):
        ref = str(target.get("refId") or "")
        name = str(renamed.get(f"Value #{ref}") or renamed.get("Value") or query.legend or ref or "Value")
        properties = _properties(model, name)
        limits = _steps(table(properties.get("thresholds")).get("steps"))
        columns[name] = Column(
            query.expr, str(properties.get("unit") or "short"), limits, _states(properties.get("mappings"))
        )
    return columns


def _properties(model: Model, name: str) -> dict[str, Any]:
    overrides = objects(table(model.get("fieldConfig")).get("overrides"))
    matching = [one for one in overrides if table(one.get("matcher")).get("options") == name]
    return {str(prop.get("id")): prop.get("value") for one in matching for prop in objects(one.get("properties"))}


def _drill(model: Model) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in objects(table(model.get("fieldConfig")).get("overrides")):
        label = table(one.get("matcher")).get("options")
        for link in objects(_properties(model, str(label)).get("links")):
            found[str(label)] = str(link.get("url") or "")
    return found
