"""Are the questions asked of the logs the saved ones, which are run against a real Loki?"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs import config, stack
from obs.boards import dashboards
from obs.query import logql

ROOT = Path(__file__).parents[2]
STACK = stack.load(ROOT / "stack.toml")
SAVED = {query.expr for query in logql.queries(STACK)}


def asked_by_dashboards() -> Iterator[tuple[str, str]]:
    """Yield every query of a dashboard that goes to Loki, with its place."""
    for path, text in dashboards.render(STACK).items():
        for panel in _panels(json.loads(text)["panels"]):
            for target in panel.get("targets", ()):
                if target["datasource"]["type"] == "loki":
                    yield f"{path}: {panel['title']}", target["expr"]


def asked_by_runbooks() -> Iterator[tuple[str, str]]:
    """Yield every LogQL block of the runbooks, with its page."""
    for page in sorted((ROOT / "docs" / "operations").glob("*.md")):
        for block in re.findall(r"```logql\n(.*?)\n```", page.read_text(encoding="utf-8"), re.DOTALL):
            yield page.name, block


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", []))


@pytest.mark.parametrize(("place", "expr"), [*asked_by_dashboards(), *asked_by_runbooks()])
def test_only_saved_queries_are_asked(place: str, expr: str) -> None:
    """A query that nobody has run against Loki may be one that never finds anything."""
    assert expr in SAVED, f"{place} asks {expr}, which obs/query/logql.py does not know"


def test_dashboards_and_runbooks_do_ask() -> None:
    """The test above is about something."""
    assert list(asked_by_dashboards())
    assert list(asked_by_runbooks())


@pytest.mark.parametrize("query", logql.queries(STACK), ids=lambda query: query.name)
def test_a_query_selects_by_labels_that_promtail_sets(query: logql.SavedQuery) -> None:
    """A stream is found by its labels alone, and Promtail sets no others."""
    stages = yaml.safe_load(config.render(STACK)["promtail-config.yml"])["scrape_configs"][0]["pipeline_stages"]
    (labels,) = (stage["labels"] for stage in stages if "labels" in stage)

    selected = re.findall(r"(\w+)=~?\"", query.expr[query.expr.index("{") : query.expr.index("}")])

    assert selected
    assert set(selected) <= set(labels)


def test_an_unknown_query_is_answered_with_those_there_are() -> None:
    """The error names the saved queries."""
    with pytest.raises(KeyError, match="no saved query 'error'; there is: errors, "):
        logql.query(STACK, "error")
