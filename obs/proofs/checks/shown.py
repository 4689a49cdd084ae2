"""Does a person read what was measured: the right unit, and names that are there?"""

import re
from collections.abc import Iterator

from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import Question, place
from obs.query.expr import Parsed, parse
from obs.query.labels import carried
from obs.query.series import Contract
from obs.query.units import GRAFANA, KNOWN, Unit, unit

LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
TEMPLATE_LABEL = re.compile(r"\$labels\.(\w+)|\.Labels\.(\w+)")


def wrong_units(evidence: Evidence) -> Iterator[Fault]:
    """Find panels that show one unit as another."""
    for question, query in evidence.answerable:
        measured = _measured(question, query, evidence.contract) if question.unit in KNOWN else None
        if measured and question.unit not in GRAFANA.get(measured, ()):
            names = GRAFANA.get(measured)
            instead = (
                f"take {' or '.join(repr(name) for name in names)}" if names else "convert it to a unit people read"
            )
            what = f"query {question.ref} answers in {measured}, and the unit is '{question.unit}'"
            yield question.fault(what, instead)


def lost_legends(evidence: Evidence) -> Iterator[Fault]:
    """Find legends that name labels the query dropped."""
    for question, query in evidence.answerable:
        if question.origin == "panel":
            have = carried(query.tree, evidence.contract) or frozenset()
            for label in LEGEND.findall(question.legend):
                if label not in have:
                    what = f"the legend of query {question.ref} names '{label}', which the query drops"
                    yield question.fault(what, _left(have))


def lost_template_labels(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts whose words name labels the expression dropped."""
    known = {question.where for question, _ in evidence.answerable}
    for alert in evidence.alerts:
        if place(alert) not in known:
            continue
        have = carried(parse(alert.expr).tree, evidence.contract) or frozenset()
        for template in TEMPLATE.findall(alert.description):
            for label in (one or other for one, other in TEMPLATE_LABEL.findall(template)):
                if label not in have:
                    what = f"the description names '{label}', which the expression drops"
                    yield Fault(place(alert), what, _left(have))


def _measured(question: Question, query: Parsed, contract: Contract) -> Unit | None:
    if question.heatmap:
        return Unit(contract.series[query.selectors[0].name].family.unit)
    return unit(query.tree, contract)


def _left(have: frozenset[str]) -> str:
    return f"it keeps {', '.join(sorted(have))}" if have else "it keeps no label"


CHECKS = (
    Check(
        "panel/unit",
        "a panel's unit is the unit of what it asks",
        wrong_units,
        why="A number shown in the wrong unit is a wrong number to whoever reads it at night.",
        fails="rate(redis_net_input_bytes_total[5m])",
        remedy="Leave `unit=` out, so that it is derived from the query; give one only where it differs on purpose.",
    ),
    Check(
        "panel/legend",
        "legends name labels that their query keeps",
        lost_legends,
        why="A legend that names a dropped label shows its braces instead of a name.",
        fails="{{method}} of sum by (route) (rate(http_requests_total[5m]))",
        remedy="Name labels that the query keeps.",
        language="text",
    ),
    Check(
        "alert/template-label",
        "descriptions name labels that their expression keeps",
        lost_template_labels,
        why="A description that names a dropped label has a hole where the person paged looks for the culprit.",
        fails='description="{{ $labels.instance }} is down", expr="sum by (job) (up) == 0"',
        remedy="Name labels that the expression keeps, or keep the label.",
        language="python",
    ),
)
