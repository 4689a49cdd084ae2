"""Where in this repository is PromQL or LogQL written, and who asks it?"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from obs.alerting import Alert, Group
from obs.boards.board import Dashboard
from obs.boards.model import panels
from obs.place import Place
from obs.proofs.finding import Fault
from obs.query import logql, variables
from obs.query.patterns import compiled
from obs.query.positions import Part
from obs.stack import Stack

TEMPLATE_QUERY = re.compile(r'query "(?P<expr>(?:[^"\\]|\\.)*)"')
FENCE = re.compile(r"^```(?P<language>promql|logql)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)

SECTION = re.compile(r"^## (?P<title>.+?)\s*\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)

Origin = Literal["panel", "variable", "annotation", "link", "alert", "recording", "template", "runbook", "saved"]


@dataclass(frozen=True, slots=True)
class Question:
    """
    One query and the place it is written at.

    ``ref`` tells a panel's queries apart, ``legend`` names its series, ``unit`` is what Grafana shows them in.
    """

    where: Place
    text: str
    origin: Origin
    language: Literal["promql", "logql"] = "promql"
    ref: str = ""
    legend: str = ""
    unit: str = ""
    label: str = ""
    """The label whose values a variable offers."""
    board: str = ""
    """The slug of the dashboard that asks."""
    heatmap: bool = False
    """Whether ``unit`` is that of the buckets, and not of what is counted in them."""

    def fault(self, what: str, instead: str = "", part: Part | str = "") -> Fault:
        """Return what is wrong with the query; ``part`` is the guilty part, as a text where it occurs once at most."""
        found = Part(part, max(0, self.text.find(part))) if isinstance(part, str) else part
        return Fault(self.where, what, instead, self.text, found.text, found.start)


def place(alert: Alert) -> Place:
    """Return where an alert is written: file, line and function, or its name where nobody knows."""
    return alert.source or Place(alert.name)


def of_groups(groups: tuple[Group, ...]) -> Iterator[Question]:
    """Yield what rules ask."""
    for rule in (rule for group in groups for rule in group.rules):
        if isinstance(rule, Alert):
            yield Question(place(rule), rule.expr, "alert")
            for found in TEMPLATE_QUERY.finditer(rule.description):
                yield Question(place(rule), json.loads(f'"{found["expr"]}"'), "template")
        else:
            yield Question(Place("obs/alerting/recording.py", item=rule.metric.name), rule.expr, "recording")


def of_dashboard(dashboard: Dashboard) -> Iterator[Question]:
    """Yield what a dashboard asks: its variables, annotations, links and panels."""
    model, slug = dashboard.model, dashboard.slug
    for variable in model.get("templating", {}).get("list", ()):
        yield from _variable(slug, dashboard.place(f"variable '{variable['name']}'"), variable)
    for annotation in model.get("annotations", {}).get("list", ()):
        if annotation.get("expr"):
            where = dashboard.place(f"annotation '{annotation['name']}'")
            yield Question(where, annotation["expr"], "annotation", board=slug)
    for link in model.get("links", ()):
        yield from _explored(slug, dashboard.place(f"link '{link.get('title', '')}'"), link.get("url", ""))
    for panel in panels(model):
        yield from _panel(slug, dashboard.place_of(panel), panel)


def of_saved(stack: Stack) -> Iterator[Question]:
    """Yield the saved queries of the logs."""
    for saved in logql.queries(stack):
        yield Question(Place("obs/query/logql.py", item=f"saved query '{saved.name}'"), saved.expr, "saved", "logql")


def of_page(path: str, text: str) -> Iterator[Question]:
    """Yield the queries fenced in a page of Markdown."""
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        for query in re.split(r"\n\s*\n", fence["text"].strip()):
            yield Question(Place(path, line), query, "runbook", "promql" if fence["language"] == "promql" else "logql")


def pages(root: Path) -> dict[str, str]:
    """Return the pages of docs/operations, path below ``root`` to text."""
    folder = root / "docs" / "operations"
    return {f"docs/operations/{file.name}": file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.md"))}


def without(page: str, titles: Collection[str]) -> str:
    """Return a page with the sections of these titles left blank: what follows stays on its line."""
    return SECTION.sub(lambda found: "\n" * found[0].count("\n") if found["title"] in titles else found[0], page)


def _variable(board: str, where: Place, variable: dict[str, Any]) -> Iterator[Question]:
    if variable.get("type") != "query":
        return
    query = variable.get("query", "")
    text = query.get("query", "") if isinstance(query, dict) else query
    found = variables.asked(text)
    if found and found.expr:
        yield Question(where, found.expr, "variable", label=found.label, board=board)


def _explored(board: str, where: Place, url: str) -> Iterator[Question]:
    for panes in parse_qs(urlsplit(url).query).get("panes", ()):
        for pane in json.loads(panes).values():
            for query in pane.get("queries", ()):
                if query.get("expr"):
                    yield Question(where, query["expr"], "link", _language(query) or "promql", board=board)


def _panel(board: str, where: Place, panel: dict[str, Any]) -> Iterator[Question]:
    for target in panel.get("targets", ()):
        language = _language({"datasource": panel.get("datasource")} | target)
        if target.get("expr") and language:
            unit = _unit(panel, target) if language == "promql" else ""
            ref, legend = target.get("refId", ""), target.get("legendFormat", "")
            heatmap = panel.get("type") == "heatmap"
            yield Question(where, target["expr"], "panel", language, ref, legend, unit, board=board, heatmap=heatmap)


def _language(target: dict[str, Any]) -> Literal["promql", "logql"] | None:
    """Return the language of a query by its data source, None where an imported panel asks another one."""
    source = target.get("datasource")
    kind = source.get("type") if isinstance(source, dict) else source
    if "loki" in str(kind).lower():
        return "logql"
    return "promql" if kind in {None, "prometheus", "datasource"} or not isinstance(source, dict) else None


def units_of(panel: dict[str, Any]) -> Iterator[str]:
    """Yield every unit that a panel names."""
    config = panel.get("fieldConfig", {})
    named = [config.get("defaults", {}).get("unit"), panel.get("options", {}).get("yAxis", {}).get("unit")]
    overrides = (one for override in config.get("overrides", ()) for one in override.get("properties", ()))
    named += [one.get("value") for one in overrides if one.get("id") == "unit"]
    yield from (str(name) for name in named if name)


def _unit(panel: dict[str, Any], target: dict[str, Any]) -> str:
    """Return the unit Grafana shows a query in: an override's that names it, else the panel's."""
    config = panel.get("fieldConfig", {})
    unit = panel.get("options", {}).get("yAxis", {}).get("unit") if panel.get("type") == "heatmap" else None
    found = unit or config.get("defaults", {}).get("unit", "")
    for override in config.get("overrides", ()):
        if _meant(override.get("matcher", {}), panel, target):
            found = next((one["value"] for one in override.get("properties", ()) if one["id"] == "unit"), found)
    return str(found)


def _meant(matcher: dict[str, Any], panel: dict[str, Any], target: dict[str, Any]) -> bool:
    """Tell whether an override is for the answer to a query."""
    kind, options = matcher.get("id"), matcher.get("options", "")
    ref, legend = target.get("refId", ""), target.get("legendFormat", "")
    if kind == "byFrameRefID":
        return bool(options == ref)
    names = [legend, f"Value #{ref}"]
    for change in panel.get("transformations", ()):
        renamed = change.get("options", {}).get("renameByName", {})
        names += [renamed[name] for name in (f"Value #{ref}", "Value") if name in renamed]
    if kind == "byName":
        return options in names
    # What a legend with labels becomes is only known once there is an answer.
    pattern = compiled(str(options).strip("/")) if kind == "byRegexp" else None
    return pattern is not None and any(name and "{{" not in name and pattern.search(name) for name in names)
