"""Each check has a page, and the example on it is one that the check refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from obs.alerting.model import Severity
from obs.cli.cli import obs
from obs.place import Place
from obs.proofs.checks import CHECKS
from obs.proofs.checks.check import Check
from obs.proofs.finding import Fault
from obs.proofs.pages import INDEX, pages
from obs.proofs.report import pointed
from tests.conftest import ROOT
from tests.proofs.planted import ALERT, QUERY, Planted

BY_ID = {check.id: check for check in CHECKS}
ASKED = [check for check in CHECKS if check.language == "promql"]


def test_the_pages_are_current() -> None:
    """What is committed is what the checks say: `make check-pages` writes it."""
    written = {path: (ROOT / path).read_text(encoding="utf-8") for path in pages(CHECKS)}

    assert written == pages(CHECKS)
    assert {f"docs/checks/{path.name}" for path in (ROOT / INDEX).parent.iterdir()} == set(written)


def first(**fields: Any) -> Callable[[dict[str, Any]], object]:
    """Plant fields in the first panel."""
    return lambda model: model["panels"][0].update(fields)


def target(**fields: Any) -> Callable[[dict[str, Any]], object]:
    """Plant fields in the first query."""
    return lambda model: model["panels"][0]["targets"][0].update(fields)


def second(**fields: Any) -> Callable[[dict[str, Any]], object]:
    """Plant fields in the query of the second panel, and have the first follow the variable."""

    def plant(model: dict[str, Any]) -> None:
        model["panels"][0]["targets"][0].update(expr='up{environment=~"$environment"}', legendFormat="all")
        model["panels"][1]["targets"][0].update(fields)
        model["panels"][0]["fieldConfig"] = {}

    return plant


def tagged(tag: str) -> Callable[[dict[str, Any]], object]:
    """Have the annotation wait for a tag."""
    return lambda model: model["annotations"]["list"][0].update(target={"type": "tags", "tags": [tag]})


def followed(expr: str) -> Callable[[dict[str, Any]], object]:
    """Have the panel of the alert ask something."""
    return lambda model: model["panels"][1]["targets"][0].update(expr=expr, legendFormat="all")


def limited(expr: str) -> Callable[[dict[str, Any]], object]:
    """Have it mark a limit as well."""

    def plant(model: dict[str, Any]) -> None:
        followed(expr)(model)
        steps = [{"value": None, "color": "green"}, {"value": 4, "color": "red"}]
        model["panels"][1]["fieldConfig"] = {"defaults": {"unit": "short", "thresholds": {"steps": steps}}}

    return plant


def variable(query: str) -> Callable[[dict[str, Any]], object]:
    """Feed the variable from elsewhere."""
    return lambda model: model["templating"]["list"][1].update(query={"query": query})


PLANTED: dict[str, dict[str, Any]] = {
    "query/log-stream": {"page": ('level="error"', 'host="a"')},
    "query/log-line": {"page": ("| json", "| jsonn")},
    "dashboard/annotation-tag": {"plant": tagged("deploys")},
    "recording/labels": {"recorded": "sum by (route) (rate(http_requests_total[5m]))"},
    "panel/legend": {"plant": target(legendFormat="{{method}}")},
    "alert/template-label": {
        "alert": replace(
            ALERT, expr='sum by (job) (up{job="rce-api"}) == 0', description="{{ $labels.instance }} is down."
        )
    },
    "alert/repeated": {"more": (replace(ALERT, severity=Severity.TICKET),)},
    "alert/short-hold": {"alert": replace(ALERT, hold="10s")},
    "alert/promise": {"alert": replace(ALERT, slo="availabilty")},
    "alert/summary": {"alert": replace(ALERT, summary="MongoDB is down.")},
    "alert/unrounded": {
        "alert": replace(ALERT, expr='avg by (job) (up{job="rce-api"}) < 1', description="{{ $value }} answer.")
    },
    "recording/unused": {},
    "recording/name": {"recorded": "sum by (job) (rate(http_requests_total[1m]))"},
    "alert/changing-set": {"alert": replace(ALERT, expr='topk(3, up{job="rce-api"}) == 0')},
    "dashboard/identity": {"plant": lambda model: model["panels"][0].update(id=model["panels"][1]["id"])},
    "dashboard/grid": {"plant": first(gridPos={"x": 13, "y": 9, "w": 12, "h": 8})},
    "dashboard/explained": {"plant": first(description="")},
    "dashboard/source": {"plant": target(datasource={"type": "prometheus", "uid": "promethius"})},
    "link/broken": {"plant": first(links=[{"title": "Redis", "url": "/d/rce-api-reddis?from=now-1h"}])},
    "variable/ignored": {"plant": second(expr='up{job="rce-api"}', legendFormat="all")},
    "variable/fed-elsewhere": {"plant": variable('label_values(redis_up{job="redis"}, environment)')},
    "panel/unknown-unit": {"plant": first(fieldConfig={"defaults": {"unit": "bytez"}})},
    "panel/one-axis": {
        "plant": first(
            fieldConfig={},
            targets=[
                QUERY | {"expr": "redis_memory_used_bytes", "legendFormat": "memory"},
                QUERY | {"refId": "B", "expr": "redis_uptime_in_seconds", "legendFormat": "uptime"},
            ],
        )
    },
    "panel/same-legend": {"plant": first(targets=[QUERY, QUERY | {"refId": "B"}])},
    "alert/panel-limit": {
        "alert": replace(ALERT, expr='sum_over_time(up{job="rce-api"}[5m]) > 3'),
        "plant": limited('sum_over_time(up{job="rce-api", environment=~"$environment"}[5m])'),
    },
    "alert/panel-question": {
        "alert": replace(ALERT, expr='max by (job) (up{job="rce-api"}) > 3'),
        "plant": followed('avg by (job) (up{job="rce-api", environment=~"$environment"})'),
    },
    "alert/panel": {"alert": replace(ALERT, expr='redis_up{job="redis"} == 0', summary="It is down.")},
    "runbook/missing": {"page": ("## ApiDown", "## Apidown")},
    "runbook/reference": {"page": ("Start it.", "See [Redis](reddis.md).")},
    "compose/mount": {"composed": "services: {a: {volumes: ['./gone:/a']}}"},
    "compose/host": {"composed": "services: {a: {}}"},
    "runbook/unfinished": {"page": ("All of them.", "TODO")},
    "file/outdated": {"routed": str},
    "alert/route": {"routed": lambda text: text.replace("receiver: pager", "receiver: pagr")},
    "metric/unused": {},
    **{check.id: {"expr": check.fails} for check in ASKED},
}
"""What each check refuses, planted in the sound stack."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_what_a_page_shows_is_refused(planted: Planted, check: Check) -> None:
    """Planted in a dashboard, an alert, a page or a file, it is found by that very check."""
    assert planted.told(check.id, **PLANTED[check.id])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_with_its_check_off_a_fault_passes(planted: Planted, check: Check) -> None:
    """Each check is needed: what it refuses no other check notices."""
    planting = PLANTED[check.id]
    others = [other.id for other in CHECKS if other is not check]
    if "expr" in planting and check.id != "panel/unit":
        planting = planting | {"plant": first(fieldConfig={})}

    assert set(planted.told(*others, **planting)) <= set(planted.told(*others, **usual(planting)))


def usual(planting: dict[str, Any]) -> dict[str, Any]:
    """Return what a planting needs around it, without its fault."""
    return {"routed": str} if "routed" in planting else {}


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
