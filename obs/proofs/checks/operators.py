"""Do the two sides of an operator find each other, and can a denominator be zero?"""

from collections.abc import Iterator
from typing import Any, get_args

import promql_parser as ast

from obs.proofs.checks.check import Check, Judged, of_query
from obs.proofs.questions import Origin
from obs.query import positions
from obs.query.expr import Parsed, bare
from obs.query.labels import carried, matched, vectors
from obs.query.positions import Part
from obs.query.series import Contract
from obs.query.units import alike, unit
from obs.query.values import bounds, jobs
from watchkeeper.contract.labels import INSTANCE, listed

GUARDS = (">", ">=", "!=", "==")
COUNTS = ("count", "group")
KEEP_GUARD = ("sum", "min", "max", "avg", "topk", "bottomk")
ALIKE = ("+", "-", ">", "<", ">=", "<=", "==", "!=")
UNSEEN = frozenset(get_args(Origin)) - {"runbook", "link"}
"""Where queries are written that no person runs and judges: a zero is visible to who does."""


@of_query()
def unlike_sides(query: Parsed, contract: Contract) -> Judged:
    """Find operators whose sides carry different labels, so that no pair is ever found."""
    for node in query.nodes:
        if isinstance(node, ast.BinaryExpr) and str(node.op) != "or":
            sides = vectors(node, contract)
            if sides and (fault := _unlike(node, *sides)):
                yield *fault, _operator(query, node)


@of_query()
def strangers(query: Parsed, contract: Contract) -> Judged:
    """Find operators whose sides carry the same labels with values that never are the same."""
    for node in query.nodes:
        if isinstance(node, ast.BinaryExpr) and str(node.op) != "or":
            for what, instead in _strange(node, contract):
                yield f"the sides of '{node.op}' never meet: {what}", instead, _operator(query, node)


@of_query()
def mixed_units(query: Parsed, contract: Contract) -> Judged:
    """Find unlike units that are added or compared."""
    for node in query.nodes:
        if isinstance(node, ast.BinaryExpr) and str(node.op) in ALIKE:
            left, right = unit(node.lhs, contract), unit(node.rhs, contract)
            if left and right and not alike(left, right):
                what = f"'{node.op}' takes {left} on its left and {right} on its right"
                yield what, "convert one of them", _operator(query, node)


@of_query(origins=UNSEEN)
def unguarded(query: Parsed, contract: Contract) -> Judged:
    """Find divisions by what may be zero."""
    asked = _beside(query)
    for node in query.nodes:
        if isinstance(node, ast.BinaryExpr) and str(node.op) in ("/", "%"):
            divides = carried(node.rhs, contract) is not None
            if divides and not _guarded(bare(node.rhs)):
                text = _text(node.rhs)
                if text not in asked:
                    what, instead = f"it divides by '{text}', which can be zero", f"write ({text} > 0)"
                    yield what, instead, positions.word(query, node)


def _beside(query: Parsed) -> frozenset[str]:
    """Return what an expression demands to be above zero beside its divisions: `a / b > 1 and b > 0`."""
    demanded = (bare(node.rhs) for node in query.nodes if isinstance(node, ast.BinaryExpr) and str(node.op) == "and")
    return frozenset(
        _text(node.lhs) for node in demanded if isinstance(node, ast.BinaryExpr) and str(node.op) in GUARDS[:-1]
    )


def _text(node: Any) -> str:
    return " ".join(bare(node).prettify().split())


def _operator(query: Parsed, node: ast.BinaryExpr) -> Part:
    """Return an operator with the spaces around it, so that it is seen."""
    sign = positions.word(query, node)
    spaced = Part(f" {sign.text} ", sign.start - 1)
    return spaced if query.text.startswith(spaced.text, max(0, spaced.start)) else sign


def _strange(node: ast.BinaryExpr, contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield what keeps two vectors apart that carry the same labels."""
    sides = vectors(node, contract)
    if not sides:
        return
    by_left, by_right = matched(node, *sides)
    shared = by_left & by_right
    left, right = bounds(node.lhs, contract), bounds(node.rhs, contract)
    for label in sorted(shared & left.keys() & right.keys()):
        if not left[label] & right[label]:
            what = f"{label} is {_values(left[label])} on the left and {_values(right[label])} on the right"
            yield what, f"match on other labels: ignoring ({label})"
            return
    of_left, of_right = jobs(node.lhs, contract), jobs(node.rhs, contract)
    if INSTANCE.name in shared and of_left and of_right and not of_left & of_right:
        what = f"an instance of {_values(of_left)} is none of {_values(of_right)}"
        yield what, "match on what both share, such as environment"


def _values(values: frozenset[str]) -> str:
    return listed(sorted(values))


def _unlike(node: ast.BinaryExpr, left: frozenset[str], right: frozenset[str]) -> tuple[str, str] | None:
    by_left, by_right = matched(node, left, right)
    matching = node.modifier.matching if node.modifier else None
    absent = [label for label in matching.labels if label not in left & right] if matching else []
    if matching and absent and str(matching.type).endswith("Include"):
        return f"'{node.op}' matches on '{absent[0]}', which one side does not have", _sides(left, right)
    card = str(node.modifier.card).rpartition(".")[2] if node.modifier else ""
    grouped = (card == "ManyToOne" and by_right <= by_left) or (card == "OneToMany" and by_left <= by_right)
    if by_left == by_right or grouped:
        return None
    return f"the sides of '{node.op}' carry different labels and never meet", _sides(left, right)


def _sides(left: frozenset[str], right: frozenset[str]) -> str:
    return f"left: {', '.join(sorted(left)) or 'none'}; right: {', '.join(sorted(right)) or 'none'}"


def _guarded(node: Any) -> bool:
    """Tell whether a node can't answer zero."""
    match bare(node):
        case ast.AggregateExpr() as aggregate:
            # Where there is nothing to count there is no answer, rather than zero.
            return str(aggregate.op) in COUNTS or (str(aggregate.op) in KEEP_GUARD and _guarded(aggregate.expr))
        case ast.Call() as call:
            return call.func.name == "clamp_min"
        case ast.NumberLiteral() as number:
            return bool(number.val)
        case ast.BinaryExpr() as binary:
            return _filters(binary)
    return False


def _filters(node: ast.BinaryExpr) -> bool:
    operator = str(node.op)
    if operator in GUARDS:
        return not (node.modifier and node.modifier.return_bool)
    if operator in ("*", "or"):
        return _guarded(node.lhs) and _guarded(node.rhs)
    return operator in ("and", "unless", "/") and _guarded(node.lhs)


CHECKS = (
    Check(
        "operator/unlike-sides",
        "both sides of an operator carry the same labels",
        unlike_sides,
        why="Two sides pair by equal labels. Where the sets differ no pair is ever found, and the answer is empty.",
        fails="sum by (route) (rate(http_requests_total[5m])) / (sum by (job) (rate(http_requests_total[5m])) > 0)",
        remedy="Aggregate both sides to the same labels, or say `on (...)` and `group_left`.",
    ),
    Check(
        "operator/never-met",
        "what both sides of an operator match on can be equal",
        strangers,
        why=(
            "Two sides pair where the values of their labels are equal. A job, and the address of an instance, are "
            "different for every exporter: sides that keep them never pair across exporters."
        ),
        fails='redis_connected_clients{job="redis"} / on (job) (mongodb_ss_connections{job="mongodb"} > 0)',
        remedy="Aggregate both sides to what they share, or leave the label out of the matching.",
    ),
    Check(
        "operator/unlike-units",
        "only like units are added and compared",
        mixed_units,
        why="Seconds plus bytes is a number without a meaning, and looks fine on a graph.",
        fails="jobs_oldest_waiting_seconds > jobs_waiting",
        remedy="Convert one side, or compare it with a number.",
    ),
    Check(
        "operator/unguarded-division",
        "nothing is divided by what can be zero",
        unguarded,
        why="A ratio without traffic is NaN: a gap in the graph, and an alert that compares with nothing.",
        fails="rate(http_requests_total[5m]) / rate(http_requests_total[5m])",
        remedy="Guard the divisor, `(... > 0)`, as `promql.ratio` does.",
    ),
)
