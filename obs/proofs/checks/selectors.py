"""Does every PromQL query parse, and read series, labels and values that exist?"""

from collections.abc import Iterator
from functools import lru_cache

from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.query import positions
from obs.query.expr import KEPT, Condition, ExprError
from obs.query.patterns import idle, met, universal
from watchkeeper.contract.labels import SERVICE, listed
from watchkeeper.contract.scraping import ALERTS


def unparsed(evidence: Evidence) -> Iterator[Fault]:
    """Find PromQL that is none."""
    for question, read in evidence.read:
        if isinstance(read, ExprError):
            yield question.fault(f"'{in_one_line(question.text)}' is no PromQL", str(read))


def unknown_metrics(evidence: Evidence) -> Iterator[Fault]:
    """Find selectors of series that nothing exposes."""
    for question, query in evidence.parsed:
        for selector in query.selectors:
            if not selector.name:
                yield question.fault(
                    f"'{selector}' does not name its metric",
                    "select one metric by its name",
                    positions.name(query, selector),
                )
            elif selector.name not in evidence.contract.series and not selector.name.startswith("$"):
                yield question.fault(
                    f"nothing exposes {selector.name}",
                    evidence.contract.missing(selector.name),
                    positions.name(query, selector),
                )


def unknown_labels(evidence: Evidence) -> Iterator[Fault]:
    """Find matchers, and labels offered by variables, that a series does not carry."""
    for question, query in evidence.answerable:
        for selector in query.selectors:
            series = evidence.contract.series[selector.name]
            asked = [condition.label for condition in selector.conditions] + [question.label] * bool(question.label)
            for label in dict.fromkeys(asked):
                if label not in series.labels:
                    yield question.fault(
                        f"{selector.name} has no label '{label}'",
                        f"it has {', '.join(sorted(series.labels))}",
                        positions.label(query, selector, label),
                    )


def impossible_values(evidence: Evidence) -> Iterator[Fault]:
    """Find matchers that no series can meet, where the values of a label are known."""
    for question, query in evidence.answerable:
        for selector in query.selectors:
            series = evidence.contract.series[selector.name]
            for condition in selector.conditions:
                values = series.values(condition.label) if condition.label in series.labels else ()
                if (selector.name, condition.label) == (ALERTS.name, SERVICE.name):
                    values = (evidence.built.stack.service.name,)
                if fault := impossible(condition, values):
                    yield question.fault(
                        f"{selector.name} is never {condition}", fault, positions.matcher(query, selector, condition)
                    )


@lru_cache(maxsize=KEPT)
def impossible(condition: Condition, values: tuple[str, ...]) -> str:
    """Return what to write instead of a matcher, or of a part of it, that no value meets; empty if all is well."""
    if universal(condition):
        return "it excludes every value; leave it out, or exclude less"
    branch = idle(condition, values) if values else ""
    nothing = bool(values) and met(condition, values) == ()
    if not branch and not nothing:
        return ""
    said = f"{condition.label} takes {listed(values)}"
    return said if nothing or branch == condition.value else f"leave '{branch}' out: {said}"


def in_one_line(text: str) -> str:
    """Return a query as a sentence quotes it."""
    return " ".join(text.split())


CHECKS = (
    Check(
        "query/syntax",
        "every PromQL query parses",
        unparsed,
        why="A query that does not parse is an empty panel, or an alert that never fires.",
        fails="sum(rate(http_requests_total[5m])",
        remedy="Write PromQL that parses; the message is the parser's.",
    ),
    Check(
        "query/unknown-metric",
        "every metric that is asked for is exposed or recorded",
        unknown_metrics,
        why='A name that nobody exposes answers nothing: the panel says "No data", the alert sleeps.',
        fails="http_request_total",
        remedy="Take the name as a constant from metrics/ or the standard series; declare what is missing there.",
    ),
    Check(
        "query/unknown-label",
        "every label that is asked for is carried by its metric",
        unknown_labels,
        why="A matcher or a grouping by a label that a series does not carry selects nothing, or everything at once.",
        fails='rate(http_requests_total{code="500"}[5m])',
        remedy="Take a label of the series; the catalog lists them.",
    ),
    Check(
        "query/impossible-value",
        "every matcher can be met",
        impossible_values,
        why="A matcher that no series can meet selects nothing, for ever, and nobody notices.",
        fails='rate(http_requests_total{method="FETCH"}[5m])',
        remedy="Take a value that the label has.",
    ),
)
