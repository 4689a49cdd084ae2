"""Take any one thing away that this repository stands on: a sentence names it."""

import re
from dataclasses import replace
from pathlib import Path

import promql_parser as ast
import pytest

from obs import content, output, stack
from obs.alerting import Alert, rules
from obs.alerting.recording import RECORDED
from obs.boards.board import Dashboard
from obs.proofs.checks import CHECKS, Check
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine
from obs.proofs.questions import SECTION
from obs.query.expr import walk
from obs.query.variables import STRING
from tests.proofs.planted import Planted
from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import CONTRACT, Metric

ROOT = Path(__file__).parent.parent.parent
BUILT = output.build(stack.load(ROOT / "stack.toml"))
EVIDENCE = Evidence(BUILT, ROOT)
EVERYTHING = (*CONTRACT, *content.here().exporters, *RECORDED)

GUARDED = sorted(
    {
        question.text
        for question, query in EVIDENCE.parsed
        if question.origin in ("panel", "alert", "recording")
        and any(
            isinstance(node, ast.BinaryExpr)
            and str(node.op) == "/"
            and " > 0" in node.rhs.prettify()
            and "count(" not in node.rhs.prettify()
            for node in walk(query.tree)
        )
        and not any(isinstance(node, ast.BinaryExpr) and str(node.op) == "and" for node in walk(query.tree))
    }
)
"""Queries that divide by something, and say that it is above zero; nothing beside the division says so as well."""


def checks(*families: str) -> tuple[Check, ...]:
    """Return the checks of these families."""
    return tuple(check for check in CHECKS if check.id.partition("/")[0] in families)


def readers(evidence: Evidence) -> dict[str, list[str]]:
    """Return the queries that read a metric, or parts of it, and nothing else, by the metric's name."""
    found: dict[str, list[str]] = {}
    for question, query in evidence.parsed:
        families = {evidence.contract.series[selector.name].family.name for selector in query.selectors}
        if len(families) == 1:
            found.setdefault(families.pop(), []).append(STRING.sub("", question.text))
    return found


READERS = readers(EVIDENCE)
ASKED = {EVIDENCE.contract.series[selector.name].family for _, query in EVIDENCE.parsed for selector in query.selectors}
METRICS = [metric for metric in EVERYTHING if metric in ASKED]
LABELS = [
    (metric, label)
    for metric in METRICS
    for label in metric.labels
    if any(re.search(rf"\b{label.name}\b", text) for text in READERS.get(metric.name, ()))
]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_that_is_removed_is_named(metric: Metric) -> None:
    """Whoever asks for a metric that is no longer exposed says so."""
    left = [other for other in EVERYTHING if other is not metric]

    told = examine(Evidence(BUILT, ROOT, left), checks("query"))

    assert told
    assert all(metric.name in problem.fault.what for problem in told)


@pytest.mark.parametrize(("metric", "label"), LABELS, ids=lambda value: value.name)
def test_a_label_that_is_removed_is_named(metric: Metric, label: Label) -> None:
    """Whoever selects or groups by a label that the metric no longer carries says so."""
    without = replace(metric, labels=tuple(other for other in metric.labels if other is not label))
    left = [without if other is metric else other for other in EVERYTHING]

    told = examine(Evidence(BUILT, ROOT, left), checks("query", "function"))

    assert any(f"'{label.name}'" in problem.fault.what for problem in told)


@pytest.mark.parametrize("guarded", GUARDED, ids=range(len(GUARDED)))
def test_a_guard_that_is_removed_is_named(guarded: str, planted: Planted) -> None:
    """A denominator that nothing keeps from zero is told, as it would be written with its guard."""
    bared = re.sub(r" > 0\)", ")", guarded)

    told = planted.asked(bared, "operator/unguarded-division")

    assert told
    assert all("which can be zero; write (" in sentence for sentence in told)


@pytest.mark.parametrize(
    "alert", [alert for group in BUILT.groups for alert in group.alerts], ids=lambda alert: alert.name
)
def test_a_runbook_section_that_is_removed_is_named(alert: Alert, tmp_path: Path) -> None:
    """Its alert says which section of which page it misses."""
    folder = tmp_path / "docs" / "operations"
    folder.mkdir(parents=True)
    for page in (ROOT / "docs" / "operations").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        gone = "".join(found[0] for found in SECTION.finditer(text) if found["title"] == alert.name)
        (folder / page.name).write_text(text.replace(gone, "") if gone else text, encoding="utf-8")

    found = examine(Evidence(BUILT, tmp_path), checks("runbook"))

    # Pages that link to the section are told as well, by another check.
    told = [problem for problem in found if problem.check == "runbook/missing"]
    assert [problem.fault.place for problem in told] == [alert.source]
    assert f"docs/operations/{alert.runbook} has no section '## {alert.name}'" == told[0].fault.what


@pytest.mark.parametrize("board", BUILT.dashboards, ids=lambda board: board.slug)
def test_a_dashboard_that_is_removed_is_named(board: Dashboard) -> None:
    """Alerts that refer to it, and links that lead to it, say so."""
    left = replace(BUILT, dashboards=tuple(other for other in BUILT.dashboards if other is not board))

    told = examine(Evidence(left, ROOT), checks("alert", "link", "metric"))

    assert any(f"'{board.slug}'" in problem.fault.what or board.model["uid"] in problem.fault.what for problem in told)


def test_a_case_that_is_removed_changes_the_catalog() -> None:
    """Every case is listed by name, so that `obs build --check` notices when one goes."""
    page = BUILT.texts["docs/catalog.md"]

    for group in rules.groups(BUILT.stack):
        for alert in group.alerts:
            section = page.partition(f"### {alert.name}\n")[2].partition("\n#")[0]
            assert [line for line in section.splitlines() if line] == [
                f"- {case.verdict}: {case.name}" for case in alert.cases
            ]
