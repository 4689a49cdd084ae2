"""Does a person read what was measured: the right unit, and names that are there?"""

import re
from collections.abc import Iterator

from obs.boards.grafana import UNITS
from obs.boards.model import panels
from obs.nearest import nearest
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import Question, place, units_of
from obs.query.expr import Parsed, parse
from obs.query.labels import carried
from obs.query.series import Contract
from obs.query.units import GRAFANA, KNOWN, Unit, alike, unit
from obs.query.values import bounds, jobs
from watchkeeper.contract.labels import INSTANCE, JOB

SPELLED = re.compile(r"(?:prefix|suffix|time|si|count|currency|bool):")
"""How a unit of one's own begins: https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit."""

LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
AUTOMATIC = "__auto"
"""The legend that Grafana makes of the labels."""

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


def unknown_units(evidence: Evidence) -> Iterator[Fault]:
    """Find units that Grafana does not know, and so writes behind the number as they are."""
    for board in evidence.built.dashboards:
        for panel in panels(board.model):
            for name in dict.fromkeys(units_of(panel)):
                if name not in UNITS and not SPELLED.match(name):
                    instead = nearest(name, UNITS, f"'suffix:{name}' shows the word")
                    yield Fault(board.place_of(panel), f"Grafana knows no unit '{name}'", instead)


def mixed_axes(evidence: Evidence) -> Iterator[Fault]:
    """Find panels that show unlike things in one unit."""
    first: dict[tuple[Place, str], tuple[str, Unit]] = {}
    for question, query in evidence.answerable:
        measured = unit(query.tree, evidence.contract) if question.origin == "panel" else None
        if measured and not question.heatmap and question.unit not in KNOWN - {"short", "none"}:
            ref, other = first.setdefault((question.where, question.unit), (question.ref, measured))
            if not alike(other, measured):
                what = f"query {ref} answers in {other}, query {question.ref} in {measured}, on one axis"
                yield question.fault(what, "give each its unit, or a panel of its own", question.text.strip())


def same_legends(evidence: Evidence) -> Iterator[Fault]:
    """Find panels whose queries are shown under one name."""
    known = {(question.where, question.ref): query for question, query in evidence.answerable}
    seen: dict[tuple[Place, str], str] = {}
    for question in evidence.questions:
        if question.origin == "panel" and question.legend not in ("", AUTOMATIC):
            other = seen.setdefault((question.where, question.legend), question.ref)
            pair = [known.get((question.where, ref)) for ref in (other, question.ref)]
            if other != question.ref and not _told_apart(question.legend, pair, evidence.contract):
                what = f"queries {other} and {question.ref} are both called '{question.legend}'"
                yield Fault(question.where, what, "say in each legend what it shows")


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


def _told_apart(legend: str, pair: list[Parsed | None], contract: Contract) -> bool:
    """Tell whether a label in the legend has other values in one query than in the other, or a target other jobs."""
    named = LEGEND.findall(legend)
    left, right = (bounds(query.tree, contract) if query else {} for query in pair)
    of_left, of_right = (jobs(query.tree, contract) if query else frozenset() for query in pair)
    apart = any(name in left.keys() & right.keys() and not left[name] & right[name] for name in named)
    return apart or (not {JOB.name, INSTANCE.name}.isdisjoint(named) and of_left != of_right)


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
        "panel/unknown-unit",
        "Grafana knows every unit",
        unknown_units,
        why="A unit that Grafana does not know becomes a word behind the bare number: nothing is scaled.",
        fails='{"fieldConfig": {"defaults": {"unit": "bytez"}}}',
        remedy="Leave `unit=` out, so that it is derived, or take one of Grafana's names.",
        language="json",
    ),
    Check(
        "panel/one-axis",
        "what shares an axis is counted in one unit",
        mixed_axes,
        why="Bytes beside seconds on one axis: one of the lines lies flat on the ground, and looks calm.",
        fails=(
            '{"targets": [{"refId": "A", "expr": "redis_memory_used_bytes", "legendFormat": "used"},\n'
            '             {"refId": "B", "expr": "redis_uptime_in_seconds", "legendFormat": "up"}]}'
        ),
        remedy="Give each query its unit, or a panel of its own.",
        language="json",
    ),
    Check(
        "panel/same-legend",
        "the queries of a panel have different legends",
        same_legends,
        why="Of two lines with one name nobody can say which is which.",
        fails=(
            '{"targets": [{"refId": "A", "expr": "jobs_waiting", "legendFormat": "{{queue}}"},\n'
            '             {"refId": "B", "expr": "jobs_active", "legendFormat": "{{queue}}"}]}'
        ),
        remedy="Say in each legend what it shows: `{{queue}} waiting`, `{{queue}} active`.",
        language="json",
    ),
    Check(
        "panel/legend",
        "legends name labels that their query keeps",
        lost_legends,
        why="A legend that names a dropped label shows its braces instead of a name.",
        fails=(
            '{"targets": [{"refId": "A", "legendFormat": "{{method}}",\n'
            '              "expr": "sum by (route) (rate(http_requests_total[5m]))"}]}'
        ),
        remedy="Name labels that the query keeps.",
        language="json",
    ),
    Check(
        "alert/template-label",
        "descriptions name labels that their expression keeps",
        lost_template_labels,
        why="A description that names a dropped label has a hole where the person paged looks for the culprit.",
        fails='Alert(expr="sum by (job) (up) == 0", description="{{ $labels.instance }} is down.")',
        remedy="Name labels that the expression keeps, or keep the label.",
        language="python",
    ),
)
