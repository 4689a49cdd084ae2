"""Which values may the labels of an answer take, as far as its matchers and the contract tell?"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import promql_parser as ast

from obs.query import expr
from obs.query.expr import Condition, Selector, bare
from obs.query.labels import Labels, carried
from obs.query.patterns import literals, met
from obs.query.series import Contract

Bounds = Mapping[str, frozenset[str]]


@lru_cache(maxsize=expr.KEPT)
def bounds(node: Any, contract: Contract) -> Bounds:
    """Return the labels of the answer whose values are known, and these; raise UnknownSeriesError."""
    found: Bounds = {}
    match bare(node):
        case ast.VectorSelector() as selector:
            found = selected(expr.selector(selector), contract)
        case ast.MatrixSelector() as matrix:
            found = bounds(matrix.vector_selector, contract)
        case ast.UnaryExpr() | ast.SubqueryExpr() as wrapped:
            found = bounds(wrapped.expr, contract)
        case ast.AggregateExpr() as aggregate:
            found = _of(carried(aggregate, contract), bounds(aggregate.expr, contract))
        case ast.BinaryExpr() as binary:
            found = _combined(binary, contract)
        case ast.Call() as call:
            found = _called(call, contract)
    return found


def selected(selector: Selector, contract: Contract) -> Bounds:
    """Return the bounds of the series that a selector reads."""
    series = contract.series.get(selector.name)
    found = {label: known for label in series.labels if (known := series.values(label))} if series else {}
    for condition in selector.conditions:
        if kept := _kept(condition, found.get(condition.label, ())):
            found[condition.label] = kept
    return {label: frozenset(values) for label, values in found.items()}


@lru_cache(maxsize=expr.KEPT)
def jobs(node: Any, contract: Contract) -> frozenset[str]:
    """Return the jobs whose series an expression reads; empty where one of them is not known."""
    found: set[str] = set()
    for selector in expr.read(node):
        known = selected(selector, contract).get("job", frozenset())
        if not known:
            return frozenset()
        found |= known
    return frozenset(found)


def _of(labels: Labels | None, known: Bounds) -> Bounds:
    return {label: values for label, values in known.items() if label in (labels or ())}


def _kept(condition: Condition, known: tuple[str, ...]) -> tuple[str, ...]:
    if known:
        return met(condition, known) or known
    if "$" in condition.value:
        return ()
    if condition.operator == "=":
        return (condition.value,)
    return tuple(literals(condition.value) or ()) if condition.operator == "=~" else ()


def _called(node: ast.Call, contract: Contract) -> Bounds:
    name = node.func.name
    if name in ("absent", "absent_over_time"):
        return {}
    changed = {node.args[1].val} if name in ("label_replace", "label_join") else set()
    for argument in node.args:
        if carried(argument, contract) is not None:
            return _of((carried(node, contract) or frozenset()) - changed, bounds(argument, contract))
    return {}


def _combined(node: ast.BinaryExpr, contract: Contract) -> Bounds:
    operator, left, right = str(node.op), bounds(node.lhs, contract), bounds(node.rhs, contract)
    if carried(node.lhs, contract) is None:
        return right
    if operator == "or":
        return {label: left[label] | right[label] for label in left.keys() & right.keys()}
    card = str(node.modifier.card) if node.modifier else ""
    return _of(carried(node, contract), right if card.endswith("OneToMany") else left)
