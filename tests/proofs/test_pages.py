"""Each check has a page, and the example on it is one that the check refuses."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner

from obs import content
from obs.alerting import Alert, PanelRef, Recording
from obs.alerting.recording import recordings
from obs.cli.cli import obs
from obs.place import Place
from obs.proofs import evidence
from obs.proofs.checks import CHECKS
from obs.proofs.checks.check import Check
from obs.proofs.finding import Fault
from obs.proofs.pages import INDEX, pages
from obs.proofs.report import pointed
from obs.stack.settings import Target, Targets
from tests.conftest import ROOT
from tests.proofs.planted import ALERT, PANEL, Planted
from watchkeeper.contract.labels import JOB
from watchkeeper.contract.metrics import Metric

BY_ID = {check.id: check for check in CHECKS}


def test_the_pages_are_current() -> None:
    """What is committed is what the checks say: `make check-pages` writes it."""
    written = {path: (ROOT / path).read_text(encoding="utf-8") for path in pages(CHECKS)}

    assert written == pages(CHECKS)
    assert {f"docs/checks/{path.name}" for path in (ROOT / INDEX).parent.iterdir()} == set(written)


def merged(body: Any, over: Any) -> Any:
    """Lay an example over what a model holds, lists entry by entry."""
    if isinstance(body, dict) and isinstance(over, dict):
        return body | {key: merged(body.get(key), value) for key, value in over.items()}
    if isinstance(body, list) and isinstance(over, list):
        rest = [body[0] | one if body and isinstance(one, dict) else one for one in over[len(body) :]]
        return [*(merged(*pair) for pair in zip(body, over, strict=False)), *body[len(over) :], *rest]
    return over


def in_json(example: str) -> Callable[[dict[str, Any]], object]:
    """Lay an example in Grafana's JSON over the dashboard, or over its first panel."""
    fields = json.loads(example)

    def plant(model: dict[str, Any]) -> None:
        whole = model.keys() & fields.keys() - PANEL.keys()
        holder = model if whole else model["panels"][0]
        if "targets" in fields:
            holder["fieldConfig"] = {}
        holder.update(merged(holder, fields))

    return plant


def plotted(expr: str, steps: tuple[tuple[float | None, str], ...] = ()) -> Callable[[dict[str, Any]], object]:
    """Have the panel of the alert ask something, and mark limits."""

    def plant(model: dict[str, Any]) -> None:
        model["panels"][1]["targets"][0].update(expr=expr, legendFormat="all")
        listed = [{"value": value, "color": colour} for value, colour in steps]
        model["panels"][1]["fieldConfig"] = {"defaults": {"unit": "short", "thresholds": {"steps": listed}}}

    return plant


def in_python(example: str) -> dict[str, Any]:
    """Read what an example declares: alerts like the sound one but for what it says, a panel, series."""
    names = {"Alert": partial(replace, ALERT), "Panel": plotted, "PanelRef": PanelRef, "Metric": Metric, "JOB": JOB}
    made = eval(f"({example.rpartition(' = ')[2] if 'Metric' in example else example.replace(chr(10), ', ')},)", names)  # noqa: S307 - a page of ours
    alerts = [one for one in made if isinstance(one, Alert)]
    return {
        "plant": next((one for one in made if callable(one)), bool),
        "alert": alerts[0] if alerts else ALERT,
        "more": tuple(alerts[1:]),
        "series": tuple(one for one in made if isinstance(one, Metric)),
    }


def ignoring(expr: str) -> Callable[[dict[str, Any]], object]:
    """Have the second panel ask something, and the first follow the variable."""

    def plant(model: dict[str, Any]) -> None:
        model["panels"][0]["targets"][0].update(expr='up{environment=~"$environment"}', legendFormat="all")
        model["panels"][1]["targets"][0].update(expr=expr, legendFormat="all")
        model["panels"][0]["fieldConfig"] = {}

    return plant


def fed(query: str) -> Callable[[dict[str, Any]], object]:
    """Feed the variable from elsewhere."""
    return lambda model: model["templating"]["list"][1].update(query={"query": query})


def linked(url: str) -> Callable[[dict[str, Any]], object]:
    """Add a link to the first panel."""
    return lambda model: model["panels"][0].update(links=[{"title": "There", "url": url}])


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "alert/changing-set": lambda example: {"alert": replace(ALERT, expr=example)},
    "recording/labels": lambda example: {"recorded": example},
    "recording/name": lambda example: {"recorded": example},
    "variable/ignored": lambda example: {"plant": ignoring(example)},
    "variable/fed-elsewhere": lambda example: {"plant": fed(example)},
    "link/broken": lambda example: {"plant": linked(example)},
    "query/log-stream": lambda example: {"page": ('{service="rce-api", level="error"} | json', example)},
    "query/log-line": lambda example: {"page": ('{service="rce-api", level="error"} | json', example)},
    "runbook/missing": lambda example: {"page": ("## ApiDown", example)},
    "runbook/unfinished": lambda example: {"page": ("### Impact\n\nAll of them.", example)},
    "runbook/figure": lambda example: {"page": ("Start it.", example)},
    "runbook/reference": lambda example: {"page": ("Start it.", example)},
    "compose/mount": lambda example: {"composed": example},
    "compose/host": lambda example: {"composed": "services: {redis-exporter: {}}", "targets": tomllib.loads(example)},
    "alert/route": lambda example: {"routed": lambda text: text.replace("receiver: pager", example)},
    "file/outdated": lambda example: {"routed": str, "kept": example},
}
"""Where an example belongs that does not say it by its language."""

LANGUAGES: dict[str, Callable[[str], dict[str, Any]]] = {
    "promql": lambda example: {"expr": example},
    "json": lambda example: {"plant": in_json(example)},
    "python": in_python,
}


def planting(check: Check) -> dict[str, Any]:
    """Return the example of a check's page, as it is planted in the sound stack."""
    planted = PLACES.get(check.id) or LANGUAGES[check.language]
    return planted(check.fails)


def told(planted: Planted, planting: dict[str, Any], *families: str) -> list[str]:
    """Plant an example in the stack, its files or its series, and return what is said."""
    planting = dict(planting)
    series, targets, kept = planting.pop("series", ()), planting.pop("targets", {}), planting.pop("kept", "")
    stack = planted.stack
    made = {role: Target(**fields) for role, fields in targets.items()}
    sound = replace(stack, targets=Targets(stack.targets | made)) if made else stack
    if kept:
        path = planted.root / kept.removeprefix("# ").partition(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(kept)
    more = {metric.name.partition("_")[0]: (metric,) for metric in series if ":" not in metric.name}
    recorded = tuple(metric for metric in series if ":" in metric.name)
    here = content.here()
    metrics = {name: (*there, *more.get(name, ())) for name, there in here.metrics.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "here", lambda: replace(here, metrics=metrics))
        patch.setattr(evidence, "recordings", lambda of: (*recordings(of), *(Recording(one, "up") for one in recorded)))
        return Planted(sound, planted.root).told(*families, **planting)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_what_a_page_shows_is_refused(planted: Planted, check: Check) -> None:
    """Planted in a dashboard, an alert, a page or a file, it is found by that very check."""
    example = planting(check)

    sound = told(planted, usual(example), check.id)

    assert set(told(planted, example, check.id)) - set(sound)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_with_its_check_off_a_fault_passes(planted: Planted, check: Check) -> None:
    """Each check is needed: what it refuses no other check notices."""
    example = planting(check)
    others = [other.id for other in CHECKS if other is not check]
    if "expr" in example and check.id != "panel/unit":
        example["plant"] = lambda model: model["panels"][0].update(fieldConfig={})

    sound = told(planted, usual(example), *others)

    assert set(told(planted, example, *others)) <= set(sound)


def usual(planting: dict[str, Any]) -> dict[str, Any]:
    """Return what a planting needs around it, without its fault."""
    around: dict[str, Any] = {"routed": str} if "routed" in planting else {}
    if "composed" in planting:
        around["composed"] = planting["composed"] if "targets" in planting else "services: {prometheus: {}}"
    return around


def test_a_check_is_explained_in_the_terminal() -> None:
    """`obs check --explain` prints the page; a misspelt id is answered with the nearest."""
    shown, misspelt = (
        CliRunner().invoke(obs, ["check", "--explain", name]) for name in ("query/syntax", "query/sintax")
    )

    assert shown.output.startswith("# query/syntax\n\n**Demands** that every PromQL query parses.")
    assert "there is no check 'query/sintax'; did you mean 'query/syntax'?" in misspelt.output


@pytest.mark.parametrize("check", [one for one in CHECKS if "expr" in planting(one)], ids=lambda check: check.id)
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
