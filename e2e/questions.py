"""Which questions do the dashboards ask, as Grafana would put them to Prometheus and Loki?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from obs.boards.board import Dashboard
from obs.boards.dashboards import boards
from obs.boards.model import panels
from obs.query import logql, variables
from obs.stack import Stack

EVERYTHING = ".*"
A_ROUTE = {"route": "/v1/users/{user_id}"}
"""What a reader of the logs fills in; on a dashboard the variable of that name matches everything."""

Kind = Literal["range", "instant", "label values"]


@dataclass(frozen=True, slots=True)
class Question:
    """
    One query, its variables filled in. ``board`` and ``place`` say where it is asked (`redis`, `Replica links/A`).

    ``label`` is the label whose values are asked for; ``text`` is then the selector.
    """

    board: str
    place: str
    source: str
    kind: Kind
    text: str
    label: str = ""


def questions(stack: Stack, filled: Mapping[str, str]) -> Iterator[Question]:
    """
    Yield every query of every panel, variable and annotation, and every saved question to the logs.

    ``filled`` holds the values of Grafana's own variables and of what a reader fills in (`trace_id`).
    """
    for dashboard in boards(stack):
        yield from _asked(dashboard, filled)
    for query in logql.queries(stack):
        yield Question("logs", query.name, "loki", "range", fill(query.expr, {**filled, **A_ROUTE}))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a query with every variable replaced; one that has no value matches everything."""
    return variables.filled(text, values, EVERYTHING)


def _asked(dashboard: Dashboard, filled: Mapping[str, str]) -> Iterator[Question]:
    model = dashboard.model
    for panel in panels(model):
        for target in panel.get("targets", ()):
            kind: Kind = "instant" if target.get("instant") else "range"
            place = f"{panel['title']}/{target['refId']}"
            yield Question(
                dashboard.slug,
                place,
                target["datasource"]["type"],
                kind,
                fill(target["expr"], filled),
            )
    for variable in model["templating"]["list"]:
        if variable["type"] == "query":
            yield _values(dashboard.slug, variable, filled)
    for annotation in model["annotations"]["list"]:
        if "expr" in annotation:
            place = f"annotation {annotation['name']}"
            yield Question(dashboard.slug, place, "prometheus", "range", fill(annotation["expr"], filled))


def _values(board: str, variable: Mapping[str, Any], filled: Mapping[str, str]) -> Question:
    text = fill(variable["query"]["query"], filled)
    found = variables.asked(text)
    if not found or not found.label:
        raise ValueError(f"{board}: variable {variable['name']} asks {text!r}; only label_values() is known here")
    return Question(board, f"variable {variable['name']}", "prometheus", "label values", found.expr, found.label)
