"""What does a query do, layout and order of writing removed?"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    Matchers,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    parse,
)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the syntax tree: what it is (order and layout removed) and what it works on."""

    label: tuple[Any, ...]
    operands: tuple["Node", ...]
    expr: Expr
    digest: tuple[Any, ...]

    @property
    def literal(self) -> bool:
        """Tell a number or string, meaningless without the operation around it."""
        return isinstance(self.expr, (NumberLiteral, StringLiteral))


@lru_cache(maxsize=4096)
def tree(query: str) -> Node:
    """Parse PromQL; raise ValueError if it is none. Equal meaning is equal `digest`."""
    return _node(parse(query))


def _node(expr: Expr) -> Node:
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    label, operands = _label(expr)
    nodes = tuple(_node(operand) for operand in operands)
    return Node(label, nodes, expr, (label, *(node.digest for node in nodes)))


def _label(expr: Expr) -> tuple[tuple[Any, ...], tuple[Expr, ...]]:
    """Say what an operation is, written so that equal meaning is equal, and its operands."""
    label: tuple[Any, ...] = ("text", expr.prettify())
    operands: tuple[Expr, ...] = ()
    match expr:
        case NumberLiteral():
            label = ("number", str(expr.val))
        case StringLiteral():
            label = ("string", expr.val)
        case VectorSelector():
            label = ("select", expr.name, _matchers(expr.matchers), str(expr.offset), str(expr.at))
        case MatrixSelector():
            label = ("range", expr.range, *_label(expr.vector_selector)[0])
        case SubqueryExpr():
            label = ("subquery", expr.range, expr.step, str(expr.offset), str(expr.at))
            operands = (expr.expr,)
        case Call():
            label, operands = ("call", expr.func.name), tuple(expr.args)
        case AggregateExpr():
            grouping = expr.modifier and (str(expr.modifier.type), tuple(sorted(expr.modifier.labels)))
            label = ("aggregate", str(expr.op), grouping)
            operands = (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case BinaryExpr():
            label, operands = ("binary", str(expr.op), _modifier(expr)), (expr.lhs, expr.rhs)
        case UnaryExpr():
            label, operands = ("negate",), (expr.expr,)
    return label, operands


def _matchers(matchers: Matchers) -> tuple[Any, ...]:
    groups = (matchers.matchers, *matchers.or_matchers)
    return tuple(tuple(sorted((str(one.op), one.name, one.value) for one in group)) for group in groups)


def _modifier(expr: BinaryExpr) -> tuple[Any, ...] | None:
    modifier = expr.modifier
    if modifier is None:
        return None
    matching = modifier.matching and (str(modifier.matching.type), tuple(sorted(modifier.matching.labels)))
    fill = modifier.fill_values
    return (str(modifier.card), matching, modifier.return_bool, tuple(modifier.group_labels or ()), fill.lhs, fill.rhs)
