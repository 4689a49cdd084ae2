"""How do panels become a dashboard: rows laid out on the grid, variables, annotations and links around them?"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from obs import content
from obs.alerting.recording import unanswered
from obs.boards.grafana import SCHEMA_VERSION, identity, laid_over, panel_json, row_json, source_json
from obs.boards.panels import Panel, paging
from obs.place import Place, caller
from obs.query import expr, promql
from obs.stack import AbsentError, Stack
from obs.stack.identity import DEPLOYED, dashboard_uid, panel_id
from watchkeeper.contract.labels import ALERTSTATE, ENVIRONMENT, INSTANCE, JOB, Label, Matcher
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import ALERTS, UP

COLUMNS = 24
"""Width of Grafana's grid: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/."""


Part = Panel | Callable[[Stack], Panel | Sequence[Panel]]
"""A panel, or a function of the stack that returns one or several."""

Row = Sequence[Part] | Callable[[Stack], Sequence[Panel]]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """
    A dashboard: its slug, the module and the line that make it, and the model Grafana stores.

    ``line`` is 0 where nobody knows it. ``panels`` are the lines that make each panel, by its id.
    """

    slug: str
    source: str
    model: dict[str, Any]
    line: int = 0
    panels: Mapping[int, Place] = field(default_factory=dict)

    def place(self, item: str = "") -> Place:
        """Return where it is made, and what is meant of it."""
        return Place(self.source, self.line, item)

    def place_of(self, panel: Mapping[str, Any]) -> Place:
        """Return where a panel of the model is made."""
        made = self.panels.get(panel.get("id", 0))
        file, line = (made.file, made.line) if made else (self.source, 0)
        return Place(file, line, f"panel '{panel.get('title', '')}'")


def board(
    stack: Stack,
    *,
    slug: str,
    title: str,
    why: str,
    jobs: Sequence[str],
    rows: Mapping[str, Row],
    folded: Collection[str] = (),
    variables: Sequence[Mapping[str, Any]] = (),
    without: Collection[str] = (),
    runbook: str = "",
    span: str = "6h",
    raw: Mapping[str, Any] = MappingProxyType({}),
    raw_rows: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Dashboard:
    """
    Build a dashboard.

    ``rows`` maps a row's title to its panels, left to right, wrapped at 24 columns; those of the row "" stand above all
    rows. What may be absent from a stack is given as a function of it, a row or a part of one: where that asks for what
    is not there, it is left out. Rows named in ``folded`` are closed when the board opens: what is rarely read costs no
    screen, and asks nothing until somebody looks.
    ``jobs`` are the scrape jobs, if any, whose instances the variables offer; one of ``variables`` takes the place of
    the standard one of its name, and those named in ``without`` are left out. ``runbook`` is the page of
    docs/operations to link, ``span`` how far back the board opens.
    ``raw`` and ``raw_rows`` (row to settings) are what no word has, in Grafana's own JSON, as in `Panel`; the lists of
    a board's ``raw`` are added to its own. Raises ValueError when two panels would share an id.
    """
    service = stack.service.name
    there = dict(_there(stack, rows))
    model = {
        "uid": dashboard_uid(stack, slug),
        "title": f"{service} / {title}",
        "description": why,
        "tags": [service, "observability-as-code"],
        "timezone": "browser",
        "schemaVersion": SCHEMA_VERSION,
        "graphTooltip": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": f"now-{span}", "to": "now"},
        "links": _links(stack, jobs, runbook),
        "templating": {"list": list(_merged(_variables(stack, jobs, there), variables, without))},
        "annotations": {"list": _annotations(stack)},
        "panels": _layout(there, {row: {"collapsed": True} for row in folded} | dict(raw_rows)),
    }
    made = caller()
    # A module is called like its board, but for what no name of Python may hold.
    source = made.file if made and made.file.startswith("dashboards/") else f"dashboards/{slug}.py"
    places = {identity(panel): panel.source for row in there.values() for panel in row if panel.source}
    line = made.line if made and made.file == source else 0
    return Dashboard(slug, source, laid_over(model, with_lists(model, raw)), line, places)


def _merged(
    standard: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]], without: Collection[str]
) -> Iterator[Mapping[str, Any]]:
    """Yield a board's own variables in their order, each that has the name of a standard one in that one's place."""
    left = list(own)
    for one in standard:
        if one["name"] not in {variable.get("name") for variable in own}:
            yield from () if one["name"] in without else (one,)
        while one["name"] in [variable.get("name") for variable in left]:
            yield left.pop(0)
    yield from left


def with_lists(model: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Put a board's own lists before those of what is laid over it."""
    merged: dict[str, Any] = {}
    for key, value in raw.items():
        own = model.get(key)
        if isinstance(value, Mapping):
            merged[key] = with_lists(own if isinstance(own, Mapping) else {}, value)
        else:
            merged[key] = [*own, *value] if isinstance(own, list) and isinstance(value, list) else value
    return merged


def _there(stack: Stack, rows: Mapping[str, Row]) -> Iterator[tuple[str, list[Panel]]]:
    gone = unanswered(stack)
    for title, row in rows.items():
        parts = row if isinstance(row, Sequence) else [row]
        panels = [panel for part in parts for whole in _panels(stack, part) for panel in _answered(whole, gone)]
        if panels or not row:
            yield title, panels


def _answered(panel: Panel, gone: frozenset[str]) -> Iterator[Panel]:
    """Yield a panel without the queries that ask for what is not there, unless they are all of them."""
    asks = tuple(query for query in panel.queries if not gone & set(expr.names(query.expr))) if gone else panel.queries
    if asks == panel.queries:
        yield panel
    elif asks:
        columns = {name: column for name, column in panel.columns.items() if name in {ask.legend for ask in asks}}
        yield replace(panel, queries=asks, columns=columns)


def _panels(stack: Stack, part: Part) -> Sequence[Panel]:
    try:
        found = part if isinstance(part, Panel) else part(stack)
    except AbsentError as error:
        if content.can_be_absent(stack, error.part):
            return ()
        raise
    return [found] if isinstance(found, Panel) else found


def variable(name: str, metric: Metric, label: Label, *where: Matcher, words: str) -> dict[str, Any]:
    """Offer the values of ``label`` as the variable ``name``, several at once and all by default."""
    query = f"label_values({promql.select(metric, *where)}, {promql.called(label)})"
    return {
        "name": name,
        "label": words,
        "type": "query",
        "datasource": source_json("prometheus"),
        "query": {"query": query, "refId": f"Variable-{name}"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _variables(stack: Stack, jobs: Sequence[str], rows: Mapping[str, Sequence[Panel]]) -> list[dict[str, Any]]:
    scraped = JOB.eq(jobs[0]) if len(jobs) == 1 else JOB.re("|".join(jobs))
    here = ENVIRONMENT.re("$environment")
    reads_logs = any(query.source == "loki" for panels in rows.values() for panel in panels for query in panel.queries)
    return [
        _source_variable("datasource", "Metrics", "prometheus", stack.datasources.prometheus.uid),
        *([_source_variable("logs", "Logs", "loki", stack.datasources.loki.uid)] if reads_logs else []),
        *([variable("environment", UP, ENVIRONMENT, scraped, words="Environment")] if jobs else []),
        *([variable("instance", UP, INSTANCE, scraped, here, words="Instance")] if jobs else []),
    ]


def _source_variable(name: str, words: str, kind: str, uid: str) -> dict[str, Any]:
    current = {"text": uid, "value": uid}
    return {"name": name, "label": words, "type": "datasource", "query": kind, "current": current, "refresh": 1}


def _annotations(stack: Stack) -> list[dict[str, Any]]:
    firing = promql.select(ALERTS, ALERTSTATE.eq("firing"), *paging(stack.service.name))
    grafana = {"type": "grafana", "uid": "-- Grafana --"}
    return [
        {
            "name": "Deploys",
            "datasource": grafana,
            "enable": True,
            "iconColor": "blue",
            "target": {"type": "tags", "tags": [DEPLOYED, stack.service.name], "matchAny": False, "limit": 100},
        },
        {
            "name": "Pages",
            "datasource": source_json("prometheus"),
            "enable": True,
            "iconColor": "red",
            "expr": firing,
            "titleFormat": "{{alertname}}",
            "textFormat": "{{instance}}",
            "step": "60s",
        },
    ]


def _links(stack: Stack, jobs: Sequence[str], runbook: str) -> list[dict[str, Any]]:
    page = f"{stack.runbooks.base_url.rstrip('/')}/{runbook or 'README.md'}"
    up = promql.select(UP, JOB.re("|".join(jobs)))
    pane = {"datasource": stack.datasources.prometheus.uid, "queries": [{"refId": "A", "expr": up}]}
    explore = quote(json.dumps({"a": pane | {"range": {"from": "now-1h", "to": "now"}}}, separators=(",", ":")))
    siblings = {"type": "dashboards", "title": "Dashboards", "tags": [stack.service.name], "asDropdown": True}
    link = {"type": "link", "targetBlank": True}
    explored = f"{stack.grafana.url.rstrip('/')}/explore?schemaVersion=1&panes={explore}"
    return [
        siblings | {"includeVars": True, "keepTime": True},
        link | {"title": "Runbook", "icon": "doc", "url": page},
        *([link | {"title": "Explore", "icon": "bolt", "url": explored}] if jobs else []),
    ]


def _layout(rows: Mapping[str, Sequence[Panel]], raw: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    y, placed = 0, []
    for title, panels in rows.items():
        inside, below = _flowed(panels, y + 1 if title else y)
        if not title:
            placed += inside
            y = below
            continue
        row = row_json(title, y, raw.get(title, {}))
        folded = row.get("collapsed") is True
        placed += [row | {"panels": inside}] if folded else [row, *inside]
        y = y + 1 if folded else below
    _refuse_twins(rows)
    return placed


def _flowed(panels: Sequence[Panel], y: int) -> tuple[list[dict[str, Any]], int]:
    """Place panels from left to right, wrapped at the grid's width; return them and the first free line below."""
    placed, x, tallest = [], 0, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            y, x, tallest = y + tallest, 0, 0
        placed.append(panel_json(panel, {"h": panel.height, "w": panel.width, "x": x, "y": y}))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return placed, y + tallest


def _refuse_twins(rows: Mapping[str, Sequence[Panel]]) -> None:
    names = {panel_id(f"row {title}"): f"row {title}" for title in rows}
    for panel in (panel for panels in rows.values() for panel in panels):
        number = identity(panel)
        if number in names:
            raise ValueError(f"panels '{names[number]}' and '{panel.title}' share an id; give one of them a slug=")
        names[number] = panel.title
