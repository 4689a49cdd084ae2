"""Each check has a page, and the example on it is one that the check refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from obs.alerting.model import PanelRef
from obs.cli.cli import obs
from obs.place import Place
from obs.proofs.checks import CHECKS
from obs.proofs.checks.check import Check
from obs.proofs.finding import Fault
from obs.proofs.pages import INDEX, pages
from obs.proofs.report import pointed
from tests.conftest import ROOT
from tests.proofs.planted import ALERT, QUERY, RATIO, RUNBOOK, Planted

BY_ID = {check.id: check for check in CHECKS}
ASKED = [check for check in CHECKS if check.language == "promql"]


def test_the_pages_are_current() -> None:
    """What is committed is what the checks say: `make check-pages` writes it."""
    written = {path: (ROOT / path).read_text(encoding="utf-8") for path in pages(CHECKS)}

    assert written == pages(CHECKS)
    assert {f"docs/checks/{path.name}" for path in (ROOT / INDEX).parent.iterdir()} == set(written)


@pytest.mark.parametrize("check", ASKED, ids=lambda check: check.id)
def test_the_query_on_a_page_is_refused(planted: Planted, check: Check) -> None:
    """Asked by a panel, the example is found by that very check."""
    assert planted.asked(check.fails, check.id)


def first(**fields: Any) -> Callable[[dict[str, Any]], object]:
    """Plant fields in the first panel."""
    return lambda model: model["panels"][0].update(fields)


def paged(check: str, old: str, new: str) -> Callable[[Planted], list[str]]:
    """Plant a text in the runbook."""
    return lambda planted: planted.write(RUNBOOK.replace(old, new)).told(check)


PLANTED: dict[str, Callable[[Planted], list[str]]] = {
    "query/log-stream": lambda planted: planted.write(RUNBOOK.replace('level="error"', 'host="a"')).told(
        "query/log-stream"
    ),
    "recording/labels": lambda planted: planted.told(
        "recording/labels", recorded="sum by (route) (rate(http_requests_total[5m]))"
    ),
    "panel/legend": lambda planted: planted.asked(RATIO, "panel/legend", legendFormat="{{method}}"),
    "alert/template-label": lambda planted: planted.told(
        "alert/template-label",
        alert=replace(ALERT, expr="sum by (job) (up) == 0", description="{{ $labels.instance }} is down."),
    ),
    "dashboard/identity": lambda planted: planted.told(
        "dashboard/identity", plant=lambda model: model["panels"][1].update(id=1)
    ),
    "dashboard/grid": lambda planted: planted.told(
        "dashboard/grid", plant=first(gridPos={"x": 13, "y": 0, "w": 12, "h": 8})
    ),
    "dashboard/explained": lambda planted: planted.told("dashboard/explained", plant=first(description="")),
    "dashboard/source": lambda planted: planted.told(
        "dashboard/source", plant=first(targets=[QUERY | {"datasource": {"type": "prometheus", "uid": "promethius"}}])
    ),
    "link/broken": lambda planted: planted.told(
        "link/broken", plant=first(links=[{"title": "Redis", "url": "/d/rce-api-reddis?from=now-1h"}])
    ),
    "alert/panel": lambda planted: planted.told(
        "alert/panel", alert=replace(ALERT, expr="redis_up == 0", panel=PanelRef("api", "Error ratio"))
    ),
    "runbook/missing": lambda planted: planted.write(RUNBOOK.replace("## ApiDown", "## ApiGone")).told(
        "runbook/missing"
    ),
    "runbook/unfinished": lambda planted: planted.write(RUNBOOK.replace("All of them.", "TODO")).told(
        "runbook/unfinished"
    ),
    "file/outdated": lambda planted: planted.told(
        "file/outdated", files={"infra/observability/prometheus/rules/api.yml": "groups: []\n"}
    ),
    "alert/route": lambda planted: planted.told(
        "alert/route", alert=ALERT, routed=lambda text: text.replace("receiver: pager", "receiver: pagr")
    ),
    "metric/unused": lambda planted: planted.told("metric/unused"),
}


@pytest.mark.parametrize("check", [check for check in CHECKS if check not in ASKED], ids=lambda check: check.id)
def test_what_a_page_shows_is_refused(planted: Planted, check: Check) -> None:
    """What is no query is planted in a dashboard, an alert, a page or a file, and found by that very check."""
    assert PLANTED[check.id](planted)


def test_a_check_is_explained_in_the_terminal() -> None:
    """`obs check --explain` prints the page; a misspelt id is answered with the nearest."""
    told, misspelt = (
        CliRunner().invoke(obs, ["check", "--explain", name]) for name in ("query/syntax", "query/sintax")
    )

    assert told.output.startswith("# query/syntax\n\n**Demands** that every PromQL query parses.")
    assert "there is no check 'query/sintax'; did you mean 'query/syntax'?" in misspelt.output


@pytest.mark.parametrize("check", ASKED, ids=lambda check: check.id)
def test_a_fault_in_a_query_is_pointed_at(planted: Planted, check: Check) -> None:
    """The guilty part stands in the expression, so that a terminal can put carets below it."""
    (found, *_) = planted.found(check.id, expr=check.fails)

    assert found.fault.expr == check.fails
    # A syntax error and a unit are about the whole query.
    assert found.fault.part in check.fails
    assert bool(pointed(found.fault, 120)) == (check.id not in ("query/syntax", "panel/unit"))


@pytest.mark.parametrize(
    ("expr", "part", "width", "line", "carets"),
    [
        ("sum(upp)", "upp", 120, "sum(upp)", "    ^^^"),
        ("sum(\n  upp\n)", "upp", 120, "upp", "^^^"),
        ("a" * 40 + " upp " + "b" * 40, "upp", 40, "…" + "a" * 15 + " upp " + "b" * 14 + "…", " " * 17 + "^^^"),
    ],
)
def test_carets_stand_below_the_guilty_part(expr: str, part: str, width: int, line: str, carets: str) -> None:
    """The line of a long expression that matters is shown, cut around what is wrong."""
    assert pointed(Fault(Place("x"), "it", "", expr, part), width) == (line, carets)
