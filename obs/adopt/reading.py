"""Which words of the panel vocabulary say what a dashboard's JSON says, and what has to be laid over them?"""

import keyword
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from obs.adopt.panel import read_panel
from obs.adopt.remainder import of_frame, remainder, unwrapped
from obs.boards.board import board
from obs.boards.grafana import row_json
from obs.boards.panels import Panel
from obs.diff.layout import Panel as Placed
from obs.diff.layout import panels
from obs.diff.normalise import panel_form, pruned
from obs.diff.panel import query_text
from obs.diff.values import objects, same, table
from obs.query.expr import ExprError, parse
from obs.query.patterns import alternatives, literals
from obs.query.variables import LABEL_VALUES
from obs.stack import Stack
from obs.stack.identity import panel_id, slugify
from watchkeeper.contract.labels import JOB

Model = dict[str, Any]
Rows = Mapping[str, tuple[Panel, ...]]


@dataclass(frozen=True, slots=True)
class Imported:
    """The arguments of `board` that come nearest to a dashboard."""

    slug: str
    title: str
    why: str
    jobs: tuple[str, ...]
    rows: Rows
    variables: tuple[Model, ...]
    runbook: str
    span: str
    raw: Model = field(default_factory=dict)
    raw_rows: Mapping[str, Model] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return them by name, those that `board` has a default for only where they differ."""
        given: dict[str, Any] = {"slug": self.slug, "title": self.title, "why": self.why, "jobs": self.jobs}
        optional = {"variables": self.variables, "runbook": self.runbook, "raw": self.raw, "raw_rows": self.raw_rows}
        given |= {name: value for name, value in optional.items() if value}
        return (
            given
            | ({"span": self.span} if self.span != "6h" else {})
            | {"rows": {row: list(members) for row, members in self.rows.items()}}
        )


def read(model: Model, stack: Stack, slug: str = "", job: str = "") -> Imported:
    """Read a dashboard's classic JSON; `slug` names the module, by default from its uid or title.

    ``job`` is the scrape job whose instances the board offers, by default the one its queries name. Raises DiffError
    for a v2 dashboard.
    """
    model = unwrapped(model)
    service = stack.service.name
    title = str(model.get("title") or "Imported").strip().removeprefix(f"{service} / ")
    uid = str(model.get("uid") or "").removeprefix(f"{service}-")
    groups = _grouped(model)
    raw_rows = {row.key: _row_remainder(row.key, row.header) for row in groups if row.header}
    taken = {panel_id(f"row {key}") for key in raw_rows} | {one["id"] for one in raw_rows.values() if "id" in one}
    rows = {row.key: tuple(read_panel(one, taken) for one in row.members) for row in groups}
    span = re.fullmatch(r"now-(\w+)", str(table(model.get("time")).get("from") or ""))
    found = Imported(
        slug=_module_name(slugify(slug or uid or title) or "imported"),
        title=title,
        why=str(model.get("description") or f"Imported from the dashboard {title}."),
        jobs=(job,) if job else _jobs(model),
        rows=rows,
        variables=(),
        runbook=_runbook(model, stack),
        span=span[1] if span else "6h",
    )
    standard = board(stack, **found.arguments()).model
    found = replace(found, variables=tuple(_own_variables(model, standard)), raw=of_frame(standard, model))
    found = replace(found, raw_rows={key: patch for key, patch in raw_rows.items() if patch})
    return _in_place(found, groups, stack)


def _module_name(slug: str) -> str:
    """Return a slug whose module Python can import."""
    return f"board-{slug}" if slug[0].isdigit() or keyword.iskeyword(slug) else slug


def _jobs(model: Model) -> tuple[str, ...]:
    """Find the jobs the instance variable offers, else those the panels read."""
    variables = objects(table(model.get("templating")).get("list"))
    asked = [str(one.get("definition") or one.get("query") or "") for one in variables]
    reads = [query_text(target) for panel in panels(model) for target in objects(panel.model.get("targets"))]
    for texts in (asked, reads):
        found = [job for text in texts for job in _named(text)]
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def _named(text: str) -> Iterator[str]:
    """Yield the jobs that a query, or the query of a variable, asks for by name."""
    asked = LABEL_VALUES.fullmatch(text)
    try:
        selectors = parse((asked["expr"] or "") if asked else text).selectors
    except ExprError:
        return
    for condition in (one for selector in selectors for one in selector.conditions if one.label == JOB.name):
        if condition.operator == "=" and "$" not in condition.value:
            yield condition.value
        elif condition.operator == "=~" and literals(condition.value):
            yield from alternatives(condition.value)


def _own_variables(model: Model, standard: Model) -> Iterator[Model]:
    """Yield the variables that `board` does not make alike, and those an export leaves for its reader to fill in."""
    made = objects(standard["templating"]["list"])
    own = [pruned(one) for one in objects(table(model.get("templating")).get("list"))]
    yield from (one for one in own if not any(same(one, other) for other in made))
    for given in objects(model.get("__inputs")):
        name, kind = str(given.get("name") or ""), given.get("type")
        if not name or any(one.get("name") == name for one in own):
            continue
        if kind == "datasource":
            label = str(given.get("label") or name)
            yield {
                "name": name,
                "label": label,
                "type": "datasource",
                "query": str(given.get("pluginId") or "prometheus"),
            }
        elif kind == "constant":
            yield {"name": name, "type": "constant", "query": str(given.get("value") or ""), "hide": 2}


def _runbook(model: Model, stack: Stack) -> str:
    base = f"{stack.runbooks.base_url.rstrip('/')}/"
    pages = (str(link.get("url") or "") for link in objects(model.get("links")) if link.get("title") == "Runbook")
    page = next((url.removeprefix(base) for url in pages if url.startswith(base)), "")
    return "" if page == "README.md" else page


@dataclass(frozen=True, slots=True)
class _Row:
    """A row under a title of its own, and its panels in reading order; those above all rows have no header."""

    key: str
    header: Placed | None
    members: list[Placed]


def _grouped(model: Model) -> list[_Row]:
    found = [_Row("", None, [])]
    for placed in panels(model):
        if placed.kind == "row":
            found.append(_Row(_unused(placed.title or "Row", {row.key for row in found}), placed, []))
        else:
            found[-1].members.append(placed)
    for row in found:
        row.members.sort(key=lambda one: (one.box[1], one.box[0]))
    return found if found[0].members else found[1:]


def _unused(title: str, taken: Container[str]) -> str:
    names = (f"{title} ({number})" for number in count(2))
    return title if title not in taken else next(name for name in names if name not in taken)


def _row_remainder(key: str, header: Placed) -> Model:
    """Return what a row has beside its title; its place is found when all have one."""
    wanted = {**panel_form(header.model), "panels": []}
    built = panel_form(row_json(key, 0, {}))
    patch = {name: value for name, value in remainder(built, wanted).items() if name not in {"gridPos", "collapsed"}}
    if not isinstance(wanted.get("id"), int):
        patch.pop("id", None)
    return patch | ({"collapsed": True} if header.model.get("collapsed") else {})


def _in_place(found: Imported, groups: list[_Row], stack: Stack) -> Imported:
    """Lay the grid places over that the flow from left to right does not give by itself."""
    built = iter(board(stack, **found.arguments()).model["panels"])
    rows, raw_rows = dict(found.rows), dict(found.raw_rows)
    for group in groups:
        inside: Iterator[Model] = built
        if group.header:
            row = next(built)
            patch = _place(row, group.header, 0)
            raw_rows |= {group.key: {**raw_rows.get(group.key, {}), **patch}} if patch else {}
            inside = iter(row["panels"]) if row.get("panels") else built
        made = [next(inside) for _ in group.members]
        lower = made[0]["gridPos"]["y"] - group.members[0].start if made and group.members[0].start else 0
        rows[group.key] = tuple(
            replace(panel, raw={**panel.raw, **_place(one, placed, lower)})
            for panel, one, placed in zip(found.rows[group.key], made, group.members, strict=True)
        )
    return replace(found, rows=rows, raw_rows=raw_rows)


def _place(built: Model, placed: Placed, lower: int) -> Model:
    """Return the grid place to lay over a built panel; ``lower`` is how far its folded row has gone down."""
    wanted = table(placed.model.get("gridPos"))
    if placed.start:
        wanted = {**wanted, "y": placed.box[1] + lower}
    patch = remainder(built["gridPos"], wanted) if wanted else {}
    return {"gridPos": patch} if patch else {}
