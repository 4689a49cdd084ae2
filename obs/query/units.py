"""In which unit does an expression answer, and what does Grafana call it?"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import promql_parser as ast

from obs.query import expr
from obs.query.expr import bare
from obs.query.series import Contract


@dataclass(frozen=True, slots=True)
class Unit:
    """What one sample counts: a unit of the contract (empty for things without one), and how often "per second"."""

    base: str
    per_second: int = 0

    def __str__(self) -> str:
        return (self.base or "a count") + " per second" * self.per_second


COUNT, RATIO, SECONDS = Unit(""), Unit("ratio"), Unit("seconds")

# https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
GRAFANA = {
    Unit(""): ("short", "none", "locale", "bool_yes_no", "bool_on_off"),
    Unit("", 1): ("ops", "reqps", "cps", "rps", "wps", "iops", "mps", "eps"),
    Unit("seconds"): ("s", "dtdurations", "clocks"),
    Unit("milliseconds"): ("ms", "dtdurationms", "clockms"),
    Unit("microseconds"): ("µs",),
    Unit("bytes"): ("bytes", "decbytes"),
    Unit("bytes", 1): ("Bps", "binBps"),
    Unit("mebibytes"): ("mbytes",),
    # One and a half times as much reads better as 1.5 than as 150 %.
    Unit("ratio"): ("percentunit", "short", "none"),
    Unit("percent"): ("percent",),
    # A share of time: seconds spent per second.
    Unit("seconds", 1): ("percentunit", "short", "none"),
    # Grafana's dates count milliseconds.
    Unit("timestamp milliseconds"): ("dateTimeAsIso", "dateTimeFromNow", "dateTimeAsLocal", "dateTimeAsUS"),
}
KNOWN = {name for names in GRAFANA.values() for name in names}

SHARES = {COUNT, RATIO, Unit("seconds", 1)}
"""What may stand beside each other: a ratio, a share of time, and what is counted without a unit."""

PER_SECOND = {"rate", "irate", "deriv"}
COUNTING = {"count", "group", "count_values", "count_over_time", "present_over_time", "changes", "resets", "absent"}


@lru_cache(maxsize=expr.KEPT)
def unit(node: Any, contract: Contract) -> Unit | None:
    """Return the unit of an expression, None where it is not certain, as of a plain number."""
    found: Unit | None = None
    match bare(node):
        case ast.VectorSelector() as selector:
            found = _selected(expr.selector(selector).name, contract)
        case ast.MatrixSelector() as matrix:
            found = unit(matrix.vector_selector, contract)
        case ast.UnaryExpr() | ast.SubqueryExpr() as wrapped:
            found = unit(wrapped.expr, contract)
        case ast.AggregateExpr() as aggregate:
            found = COUNT if str(aggregate.op) in COUNTING else unit(aggregate.expr, contract)
        case ast.Call() as call:
            found = _called(call, contract)
        case ast.BinaryExpr() as binary:
            found = _combined(binary, contract)
    return found


def _selected(name: str, contract: Contract) -> Unit | None:
    return Unit(contract.series[name].metric.unit) if name in contract.series else None


def _called(node: ast.Call, contract: Contract) -> Unit | None:
    name = node.func.name
    if name in ("time", "timestamp"):
        return Unit("timestamp")
    if name in COUNTING:
        return COUNT
    if name == "histogram_quantile":
        families = [contract.series[s.name].family for s in expr.read(node) if s.name in contract.series]
        return Unit(families[0].unit) if families else None
    inner = next((found for argument in node.args if (found := unit(argument, contract))), None)
    return replace(inner, per_second=inner.per_second + 1) if inner and name in PER_SECOND else inner


def _combined(node: ast.BinaryExpr, contract: Contract) -> Unit | None:
    operator, left, right = str(node.op), unit(node.lhs, contract), unit(node.rhs, contract)
    if operator in ("and", "unless", "or"):
        return left
    if operator in ("+", "-"):
        return _added(operator, left, right)
    if operator == "/":
        return _divided(left, right, bare(node.rhs))
    if operator == "*":
        return _scaled(left, bare(node.rhs)) if right is None else _scaled(right, bare(node.lhs))
    return left if operator in (">", ">=", "<", "<=", "==", "!=") else None


def _added(operator: str, left: Unit | None, right: Unit | None) -> Unit | None:
    if left == Unit("timestamp") and operator == "-":
        return SECONDS if right == left else left
    return left or right if left == right or None in (left, right) else None


def _divided(left: Unit | None, right: Unit | None, divisor: Any) -> Unit | None:
    if right is None:
        return _scaled(left, divisor, inverse=True)
    if left == right:
        return RATIO
    events = left and right == Unit("", left.per_second)
    return replace(left, per_second=0) if left and events else None


def _scaled(of: Unit | None, by: Any, *, inverse: bool = False) -> Unit | None:
    """Return the unit after a multiplication with a number: the conversions that are written with one."""
    if of is None or not isinstance(by, ast.NumberLiteral):
        return None
    factor = 1 / by.val if inverse and by.val else by.val
    if factor in (0, 1):
        return of
    if inverse and factor > 1:
        return None  # dividing by a fraction compares with it, as a burn rate does with its budget
    steps = {
        ("ratio", 100): "percent",
        ("percent", 0.01): "ratio",
        ("seconds", 1000): "milliseconds",
        ("milliseconds", 0.001): "seconds",
        ("microseconds", 1e-06): "seconds",
        ("timestamp", 1000): "timestamp milliseconds",
    }
    return Unit(steps[of.base, factor], of.per_second) if (of.base, factor) in steps else None


def alike(left: Unit, right: Unit) -> bool:
    """Tell whether two numbers may be added, compared or drawn on one axis."""
    moment = Unit("timestamp") in (left, right) and {left, right} <= {Unit("timestamp"), SECONDS, COUNT}
    return left == right or {left, right} <= SHARES or moment
