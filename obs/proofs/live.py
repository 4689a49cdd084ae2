"""Which series, labels and values that queries ask for does a running Prometheus have, and what is asked by nobody?"""

from collections.abc import Iterator
from functools import cache
from typing import Protocol

from obs.nearest import nearest
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault, Finding
from obs.query import positions
from obs.query.expr import Condition, Selector
from obs.query.patterns import met
from watchkeeper.contract.labels import JOB, TARGET, listed
from watchkeeper.contract.scraping import ALERTS

ID = "live/absent"
NAME = "__name__"
EVERYTHING = f'{{{NAME}!=""}}'
OF_TARGET = {label.name for label in TARGET}


class Server(Protocol):
    """What is asked of a Prometheus: the values of a label, and the labels, among the series of a selector."""

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values a label has."""

    def labels(self, selector: str) -> list[str]:
        """Return the names of the labels."""


def absent(evidence: Evidence, server: Server) -> list[Finding]:
    """
    Return what queries of rules, panels, variables, templates and runbooks ask for and the server does not have.

    Each is told once, at the first query that asks. Series that appear with the first event (a failed job) are absent
    until then. Raises what ``server`` raises.
    """
    found = {fault.what: fault for fault in _absent(evidence, server)}
    return [Finding(fault, ID) for fault in found.values()]


def unasked(evidence: Evidence, server: Server) -> list[str]:
    """Return the names of series that the server has and no query asks for, sorted."""
    asked = {selector.name for _, query in evidence.parsed for selector in query.selectors}
    return sorted(set(server.label_values(NAME, EVERYTHING)) - asked)


def _absent(evidence: Evidence, server: Server) -> Iterator[Fault]:
    names = frozenset(server.label_values(NAME, EVERYTHING))
    labels = cache(lambda name: frozenset(server.labels(name)))
    values = cache(lambda label, name: tuple(server.label_values(label, name)))
    known = set(evidence.contract.series)
    seen: set[tuple[str, Condition | None]] = set()
    for question, query in evidence.parsed:
        for selector in query.selectors:
            name = selector.name
            if not name or name.startswith("$") or name == ALERTS.name:
                continue
            if name not in names:
                if (name, None) not in seen:
                    seen.add((name, None))
                    close = "" if name in known else nearest(name, names, "")
                    yield question.fault(f"the server has no series {name}", close, positions.name(query, selector))
                continue
            for condition in selector.conditions:
                if (name, condition) in seen or not _worth_asking(evidence, selector, condition):
                    continue
                seen.add((name, condition))
                if condition.label not in labels(name):
                    instead = f"it has {', '.join(sorted(labels(name) - {NAME}))}"
                    yield question.fault(
                        f"no series of {name} has the label '{condition.label}'",
                        instead,
                        positions.label(query, selector, condition.label),
                    )
                elif met(condition, values(condition.label, name)) == ():
                    instead = f"{condition.label} is {listed(sorted(values(condition.label, name)))}"
                    yield question.fault(
                        f"no series of {name} is {condition}", instead, positions.matcher(query, selector, condition)
                    )


def _worth_asking(evidence: Evidence, selector: Selector, condition: Condition) -> bool:
    """Tell whether the contract leaves the values open: those it lists may be rare, and were judged offline."""
    series = evidence.contract.series.get(selector.name)
    if series is None or condition.label not in series.labels:
        return True
    return condition.label == JOB.name or condition.label in OF_TARGET or not series.values(condition.label)
