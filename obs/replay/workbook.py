"""
What would alerts of the SRE workbook's shape have made of the same incidents?

https://sre.google/workbook/alerting-on-slos/, "6: Multiwindow, Multi-Burn-Rate Alerts": ratios of plain rates over a
long and a short window, no hold, no least number of events, over the same promises as ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from obs.alerting.slo import PAGE_WINDOWS, Slo, availability, latency
from obs.query import promql
from obs.replay import reach
from obs.replay.reach import Groups
from obs.replay.scenario import Scenario
from obs.stack import Stack
from obs.stack.names import speaking
from watchkeeper.contract.labels import SERVICE, SEVERITY
from watchkeeper.contract.labels import SLO as PROMISE

INTERVAL = "15s"


def groups(stack: Stack) -> list[dict[str, Any]]:
    """Return the workbook's pages for the promises of a stack, as Prometheus loads them."""
    with speaking(stack):
        rules = [_rule(stack, slo) for slo in (availability(stack), latency(stack))]
    return [{"name": "workbook", "interval": INTERVAL, "rules": rules}]


def promised(book: Groups, scenarios: Sequence[Scenario]) -> Iterator[Scenario]:
    """Yield the incidents about the promises: those whose series the workbook's rules read."""
    yield from (one for one in scenarios if one.tracks and reach.within(book, one))


def _rule(stack: Stack, slo: Slo) -> Mapping[str, Any]:
    pairs = []
    for window in PAGE_WINDOWS:
        limit = window.factor(slo.days) * slo.budget
        over = (window.long, window.short)
        pairs.append(" and ".join(promql.above(slo.count_bad(one), slo.count_all(one), limit) for one in over))
    labels = {SERVICE.name: stack.service.name, SEVERITY.name: "page", PROMISE.name: slo.name}
    return {"alert": f"Workbook{slo.title}", "expr": " or ".join(f"({pair})" for pair in pairs), "labels": labels}
