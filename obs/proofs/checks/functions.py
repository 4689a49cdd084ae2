"""Is every function given what it is made for?"""

from collections.abc import Iterator

import promql_parser as ast

from obs.proofs.checks.check import Check, Judged, of_query
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.query import positions
from obs.query.expr import Parsed
from obs.query.labels import carried
from obs.query.series import Contract

OF_COUNTERS = ("rate", "increase", "irate", "resets")
OF_GAUGES = ("delta", "idelta", "deriv", "predict_linear", "holt_winters", "double_exponential_smoothing")


@of_query()
def wrong_kind(query: Parsed, contract: Contract) -> Judged:
    """Find rates of gauges, and slopes of counters."""
    for selector in query.selectors:
        kind, function = contract.series[selector.name].metric.kind, selector.function
        called = f"{function}({selector.name})"
        if function in OF_COUNTERS and kind != "counter":
            part = positions.name(query, selector)
            yield f"{called}: it is a {kind}", f"{function} is for counters", part
        if function in OF_GAUGES and kind == "counter":
            part = positions.name(query, selector)
            yield f"{called}: it is a counter, which only rises", "take rate or increase", part


@of_query()
def lost_edges(query: Parsed, contract: Contract) -> Judged:
    """Find histogram_quantile over series without `le`."""
    for node in query.nodes:
        if isinstance(node, ast.Call) and node.func.name == "histogram_quantile":
            labels = carried(node.args[1], contract) or frozenset()
            if "le" not in labels:
                kept = ", ".join(sorted(labels)) or "no label"
                what = f"histogram_quantile gets {kept}, and no bucket"
                yield what, "keep 'le': sum by (le, ...)", positions.word(query, node)


@of_query()
def lost_groups(query: Parsed, contract: Contract) -> Judged:
    """Find groupings by labels that are not there."""
    for node in query.nodes:
        if isinstance(node, ast.AggregateExpr) and node.modifier:
            have = carried(node.expr, contract) or frozenset()
            for label in node.modifier.labels:
                if label not in have:
                    what = f"'{node.op}' groups by '{label}', which no series has"
                    instead = f"there is {', '.join(sorted(have))}" if have else "nothing is left to group by"
                    yield what, instead, positions.label(query, node, label)


def misdeclared(evidence: Evidence) -> Iterator[Fault]:
    """Find recorded series whose rule leaves other labels than they declare."""
    for question, query in evidence.answerable:
        if question.origin == "recording":
            declared = evidence.contract.series.get(question.where.item)
            left = carried(query.tree, evidence.contract) or frozenset()
            if declared and left != set(declared.labels):
                what = f"its rule leaves {', '.join(sorted(left)) or 'no label'}"
                yield question.fault(what, f"it is declared with {', '.join(sorted(declared.labels)) or 'none'}")


CHECKS = (
    Check(
        "function/kind",
        "rates are taken of counters, slopes of gauges",
        wrong_kind,
        why="A rate of a gauge and a slope of a counter are numbers without a meaning, and look fine.",
        fails="rate(http_requests_in_progress[5m])",
        remedy="Take `rate` or `increase` of counters, `delta` or `deriv` of gauges.",
    ),
    Check(
        "function/quantile-without-le",
        "histogram_quantile gets every bucket",
        lost_edges,
        why="Without the bucket edges there is nothing to take a quantile of: the answer is NaN.",
        fails="histogram_quantile(0.9, sum by (route) (rate(http_request_duration_seconds_bucket[5m])))",
        remedy="Keep `le` in the aggregation: `sum by (le, route) (...)`.",
    ),
    Check(
        "recording/labels",
        "recorded series carry the labels they are declared with",
        misdeclared,
        why="Boards and promises read a recorded series by its declared labels; with others they read nothing.",
        fails="sum by (route) (rate(http_requests_total[5m]))",
        remedy="Aggregate to the declared labels, or declare what the rule leaves.",
    ),
    Check(
        "function/lost-group",
        "aggregations group by labels that are there",
        lost_groups,
        why="A grouping by a label that is not there makes one series of all, under a name that promises many.",
        fails="sum by (queue) (rate(http_requests_total[5m]))",
        remedy="Group by labels that the series carry.",
    ),
)
