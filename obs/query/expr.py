"""What does a PromQL expression read, and through which functions?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

import promql_parser as ast

from obs.durations import LONGEST_MS
from obs.query.variables import STAND_IN, Likely

LONGEST = timedelta(milliseconds=LONGEST_MS)
KEPT = 8192
"""How many answers about queries and their nodes are kept: many checks, and many services, ask the same again."""

OPERATORS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}


class ExprError(ValueError):
    """A text is no PromQL; the message is the parser's."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One matcher of a selector: label, operator as PromQL writes it, value."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """
    One place where an expression reads series.

    ``function`` is the function applied to them directly (`rate`), empty where there is none. ``name`` is empty where
    the selector does not say which metric it reads; it begins with "$" where a variable says it.
    """

    name: str
    conditions: tuple[Condition, ...]
    function: str = ""

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.conditions))
        return f"{self.name}{{{inside}}}" if inside else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """A parsed expression: its text as given, its tree, every node of it, parents first, and what it reads."""

    text: str
    tree: ast.Expr
    nodes: tuple[ast.Expr, ...]
    selectors: tuple[Selector, ...]


@lru_cache(maxsize=KEPT)
def parse(text: str) -> Parsed:
    """Parse PromQL as Grafana or a rule holds it, variables included; raise ExprError."""
    try:
        tree = ast.parse(Likely().into(text))
    except ValueError as error:
        try:
            tree = ast.parse(Likely(named=True).into(text))
        except ValueError:
            raise ExprError(str(error)) from error
    nodes = tuple(walk(tree))
    if any(map(_endless, nodes)):
        raise ExprError("duration out of range")
    return Parsed(text, tree, nodes, tuple(read(tree)))


def _endless(node: Any) -> bool:
    """Tell whether a window is longer than Prometheus counts; beyond what Python counts, reading it fails."""
    try:
        return isinstance(node, ast.MatrixSelector | ast.SubqueryExpr) and (node.range or LONGEST) > LONGEST
    except ValueError:
        return True


def names(text: str) -> list[str]:
    """Return the metrics an expression reads, each once, in their order; none for what is no PromQL."""
    try:
        return list(dict.fromkeys(selector.name for selector in parse(text).selectors))
    except ExprError:
        return []


def values(text: str, label: str) -> set[str]:
    """Return the values that the selectors of an expression ask of a label; none for what is no PromQL."""
    try:
        found = parse(text).selectors
    except ExprError:
        return set()
    return {one.value for selector in found for one in selector.conditions if (one.label, one.operator) == (label, "=")}


def children(node: Any) -> Iterator[Any]:
    """Yield the expressions a node is made of, left to right."""
    match node:
        case ast.BinaryExpr():
            yield from (node.lhs, node.rhs)
        case ast.AggregateExpr():
            yield from (part for part in (node.param, node.expr) if isinstance(part, ast.Expr))
        case ast.Call():
            yield from node.args
        case ast.MatrixSelector():
            yield node.vector_selector
        case ast.ParenExpr() | ast.UnaryExpr() | ast.SubqueryExpr():
            yield node.expr


def walk(node: Any) -> Iterator[Any]:
    """Yield a node and everything below it, parents first."""
    yield node
    for child in children(node):
        yield from walk(child)


def bare(node: Any) -> Any:
    """Return the node inside of any brackets."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


@lru_cache(maxsize=KEPT)
def selector(node: ast.VectorSelector, function: str = "") -> Selector:
    """Return a selector of the tree as a value."""
    conditions = [Condition(m.name, OPERATORS[str(m.op).rpartition(".")[2]], m.value) for m in node.matchers.matchers]
    named = [c.value for c in conditions if c.label == "__name__" and c.operator == "="]
    kept = tuple(c for c in conditions if not (c.label == "__name__" and c.operator == "="))
    name = node.name or "".join(named)
    return Selector(name.replace(STAND_IN, "$"), kept, function)


def read(node: Any, function: str = "") -> Iterator[Selector]:
    """Yield what a node and everything below it read; ``function`` is what is applied to the node itself."""
    if isinstance(node, ast.VectorSelector):
        yield selector(node, function)
    inner = node.func.name if isinstance(node, ast.Call) else ""
    # Brackets, a range and a unary sign hand the selector on to the function; everything else makes other series of it.
    if isinstance(node, ast.MatrixSelector | ast.ParenExpr | ast.UnaryExpr):
        inner = function
    for child in children(node):
        yield from read(child, inner)
