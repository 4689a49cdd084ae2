"""Which words of the panel vocabulary say what a dashboard's JSON says?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from obs.boards.board import board
from obs.boards.panels import Column, Kind, Link, Panel, Query, Step
from obs.diff.layout import Panel as Placed
from obs.diff.layout import panels
from obs.diff.panel import query_text
from obs.diff.values import objects, table
from obs.stack import Stack
from obs.stack.identity import panel_id, slugify

Model = dict[str, Any]
Rows = Mapping[str, tuple[Panel, ...]]

KINDS: dict[str, Kind] = {
    "timeseries": "timeseries",
    "graph": "timeseries",
    "stat": "stat",
    "singlestat": "stat",
    "gauge": "stat",
    "bargauge": "stat",
    "table": "table",
    "table-old": "table",
    "heatmap": "heatmap",
    "logs": "logs",
    "text": "text",
}
"""The word nearest to each of Grafana's visualisations; of any other, a text panel keeps the place."""

GROUPED = re.compile(r"\bby\s*\(([^)]*)\)")
JOB = re.compile(r"""\bjob=~?["']([^"'$]+)["']""")


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

    def arguments(self) -> dict[str, Any]:
        """Return them by name, those that `board` has a default for only where they differ."""
        given: dict[str, Any] = {"slug": self.slug, "title": self.title, "why": self.why, "jobs": self.jobs}
        optional = {"variables": self.variables, "runbook": self.runbook}
        given |= {name: value for name, value in optional.items() if value}
        return (
            given
            | ({"span": self.span} if self.span != "6h" else {})
            | {"rows": {row: list(members) for row, members in self.rows.items()}}
        )


def read(model: Model, stack: Stack, slug: str = "") -> Imported:
    """Read a dashboard's classic JSON; `slug` names the module, by default from its uid or title.

    Raises DiffError for a v2 dashboard.
    """
    service = stack.service.name
    title = str(model.get("title") or "Imported").strip().removeprefix(f"{service} / ")
    uid = str(model.get("uid") or "").removeprefix(f"{service}-")
    jobs = _jobs(model) or (stack.targets.api.job,)
    rows = _rows(model, title)
    span = re.fullmatch(r"now-(\w+)", str(table(model.get("time")).get("from") or ""))
    return Imported(
        slug=slugify(slug or uid or title) or "imported",
        title=title,
        why=str(model.get("description") or f"Imported from the dashboard {title}."),
        jobs=jobs,
        rows=rows,
        variables=tuple(_own_variables(model, stack, jobs, rows)),
        runbook=_runbook(model, stack),
        span=span[1] if span else "6h",
    )


def _jobs(model: Model) -> tuple[str, ...]:
    """Find the jobs the instance variable offers, else those the panels read."""
    variables = objects(table(model.get("templating")).get("list"))
    asked = [str(one.get("definition") or one.get("query") or "") for one in variables]
    reads = [query_text(target) for panel in panels(model) for target in objects(panel.model.get("targets"))]
    for texts in (asked, reads):
        found = [job for text in texts for match in JOB.findall(text) for job in match.split("|")]
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def _own_variables(model: Model, stack: Stack, jobs: tuple[str, ...], rows: Rows) -> Iterator[Model]:
    """Yield the variables `board` does not make itself."""
    made = board(stack, slug="any", title="Any", why="Any", jobs=jobs, rows=rows).model
    names = {variable["name"] for variable in made["templating"]["list"]}
    yield from (one for one in objects(table(model.get("templating")).get("list")) if one.get("name") not in names)


def _runbook(model: Model, stack: Stack) -> str:
    base = f"{stack.runbooks.base_url.rstrip('/')}/"
    pages = (str(link.get("url") or "") for link in objects(model.get("links")) if link.get("title") == "Runbook")
    page = next((url.removeprefix(base) for url in pages if url.startswith(base)), "")
    return "" if page == "README.md" else page


def _rows(model: Model, title: str) -> dict[str, tuple[Panel, ...]]:
    """Sort the panels into rows in reading order; those above the first row get one named like the dashboard."""
    placed: dict[str, list[Placed]] = {}
    for panel in sorted(panels(model), key=lambda one: (one.box[1], one.box[0])):
        row = panel.title if panel.kind == "row" else panel.row
        placed.setdefault(row or title, []).extend([] if panel.kind == "row" else [panel])
    taken = {panel_id(f"row {row}") for row in placed}
    return {row: tuple(_panel(one, taken) for one in members) for row, members in placed.items()}


def _panel(placed: Placed, taken: set[int]) -> Panel:
    model = placed.model
    kind = KINDS.get(placed.kind, "text")
    title = placed.title or f"Untitled {placed.kind or 'panel'}"
    queries = tuple(_query(target, placed, kind, title) for target in objects(model.get("targets")))
    defaults = table(table(model.get("fieldConfig")).get("defaults"))
    columns = _columns(model, queries) if kind == "table" else {}
    return Panel(
        kind=kind,
        title=title,
        why=str(model.get("description") or f"{title}: imported without a word on what a change of it means."),
        queries=tuple(Query(one.query, name, instant=True) for name, one in columns.items()) if columns else queries,
        unit=_unit(model, kind),
        steps=_steps(table(defaults.get("thresholds")).get("steps")),
        width=min(max(placed.box[2], 1), 24),
        height=max(placed.box[3], 1),
        slug=_slug(title, placed, taken),
        stacked=table(table(defaults.get("custom")).get("stacking")).get("mode") == "normal"
        or model.get("stack") is True,
        low=_number(defaults.get("min")),
        high=_number(defaults.get("max")),
        decimals=int(decimals) if (decimals := _number(defaults.get("decimals"))) is not None else None,
        links=tuple(
            Link(str(one.get("title") or "Link"), str(one.get("url") or "")) for one in objects(model.get("links"))
        ),
        columns=columns,
        drill=_drill(model) if kind == "table" else {},
        text=_text(placed) if kind == "text" else "",
    )


def _slug(title: str, placed: Placed, taken: set[int]) -> str:
    """Return "" where the title makes an id of its own, else what tells the panel from its namesakes."""
    for slug in ("", f"{placed.row} {title}", *(f"{title} {count}" for count in range(2, len(taken) + 3))):
        identity = panel_id(slug or title)
        if identity not in taken:
            taken.add(identity)
            return slug
    return title


def _query(target: Model, placed: Placed, kind: Kind, title: str) -> Query:
    expr = query_text(target)
    source = table(target.get("datasource") or placed.model.get("datasource")).get("type")
    legend = str(target.get("legendFormat") or "")
    if kind in {"timeseries", "stat"} and legend in {"", "__auto"}:
        grouped = GROUPED.search(expr)
        names = [name.strip() for name in grouped[1].split(",")] if grouped else []
        legend = " ".join(f"{{{{{name}}}}}" for name in names if name and name != "le") or title
    return Query(
        expr,
        "" if source == "loki" else legend,
        source="loki" if source == "loki" else "prometheus",
        instant=bool(target.get("instant")) and not target.get("range"),
        exemplars=bool(target.get("exemplar")),
    )


def _unit(model: Model, kind: Kind) -> str:
    defaults = table(table(model.get("fieldConfig")).get("defaults"))
    axes = objects(model.get("yaxes"))
    heat = table(table(model.get("options")).get("yAxis")).get("unit") if kind == "heatmap" else None
    old = axes[0].get("format") if axes else model.get("format")
    return str(defaults.get("unit") or heat or old or "short")


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
        columns[name] = Column(query.expr, str(properties.get("unit") or "short"), limits)
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


def _text(placed: Placed) -> str:
    if placed.kind == "text":
        return str(table(placed.model.get("options")).get("content") or placed.model.get("content") or "")
    return f"A panel of the type `{placed.kind}` stood here."
