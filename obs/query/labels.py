"""Which labels does the answer to an expression carry?"""

from functools import lru_cache
from typing import Any

import promql_parser as ast

from obs.query import expr
from obs.query.expr import bare
from obs.query.series import Contract

Labels = frozenset[str]

KEEPING = {"topk", "bottomk", "limitk", "limit_ratio"}
SETS = {"and", "or", "unless"}


class UnknownSeriesError(LookupError):
    """An expression reads a series that does not exist, so nothing can be said about its labels."""


@lru_cache(maxsize=expr.KEPT)
def carried(node: Any, contract: Contract) -> Labels | None:
    """Return the labels a series of the answer may have, None for a number; raise UnknownSeriesError."""
    found: Labels | None = None
    match bare(node):
        case ast.VectorSelector() as selector:
            found = _selected(selector, contract)
        case ast.MatrixSelector() as matrix:
            found = _selected(matrix.vector_selector, contract)
        case ast.UnaryExpr() | ast.SubqueryExpr() as wrapped:
            found = carried(wrapped.expr, contract)
        case ast.AggregateExpr() as aggregate:
            found = _aggregated(aggregate, carried(aggregate.expr, contract) or frozenset())
        case ast.Call() as call:
            found = _called(call, contract)
        case ast.BinaryExpr() as binary:
            found = _combined(binary, carried(binary.lhs, contract), carried(binary.rhs, contract))
    return found


def matched(node: ast.BinaryExpr, left: Labels, right: Labels) -> tuple[Labels, Labels]:
    """Return the labels by which the two sides of an operator find each other."""
    matching = node.modifier.matching if node.modifier else None
    if not matching:
        return left, right
    named = frozenset(matching.labels)
    if _includes(matching):
        return left & named, right & named
    return left - named, right - named


def _selected(node: ast.VectorSelector, contract: Contract) -> Labels:
    name = expr.selector(node).name
    if name not in contract.series:
        raise UnknownSeriesError(name)
    return frozenset(contract.series[name].labels)


def _aggregated(node: ast.AggregateExpr, inner: Labels) -> Labels:
    operator, grouping = str(node.op), node.modifier
    if operator in KEEPING:
        return inner
    labels: Labels = frozenset()
    if grouping:
        named = frozenset(grouping.labels)
        labels = inner & named if str(grouping.type).endswith("By") else inner - named
    if operator == "count_values":
        labels |= {node.param.val} if isinstance(node.param, ast.StringLiteral) else frozenset()
    return labels


def _called(node: ast.Call, contract: Contract) -> Labels | None:
    name = node.func.name
    if name in ("absent", "absent_over_time"):
        return frozenset(c.label for s in expr.read(node.args[0]) for c in s.conditions if c.operator == "=")
    if name == "vector":
        return frozenset()
    if str(node.func.return_type).endswith("Scalar"):
        return None
    found = [labels for argument in node.args if (labels := carried(argument, contract)) is not None]
    inner = found[0] if found else frozenset()
    if name.startswith("histogram_"):
        return inner - {"le"}
    if name in ("label_replace", "label_join"):
        return inner | {node.args[1].val}
    return inner


def _combined(node: ast.BinaryExpr, left: Labels | None, right: Labels | None) -> Labels | None:
    operator = str(node.op)
    if left is None or right is None:
        return left if right is None else right
    if operator in SETS:
        return left | right if operator == "or" else left
    modifier = node.modifier
    card = str(modifier.card) if modifier else ""
    extra = frozenset(modifier.group_labels or ()) if modifier else frozenset()
    if card.endswith("ManyToOne"):
        return left | extra
    if card.endswith("OneToMany"):
        return right | extra
    return matched(node, left, right)[0]


def _includes(matching: ast.LabelModifier) -> bool:
    return str(matching.type).endswith("Include")


def vectors(node: Any, contract: Contract) -> tuple[Labels, Labels] | None:
    """Return the labels of both sides of an operator, None unless both are vectors."""
    left, right = carried(node.lhs, contract), carried(node.rhs, contract)
    return None if left is None or right is None else (left, right)
