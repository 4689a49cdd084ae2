"""What does a PromQL expression read, and through which functions?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import promql_parser as ast

GRAFANA = {
    "__rate_interval": "5m",
    "__interval": "1m",
    "__range": "1h",
    "__rate_interval_ms": "300000",
    "__interval_ms": "60000",
    "__range_s": "3600",
    "__range_ms": "3600000",
}
"""Values Grafana fills in, of the kind it fills in: https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/."""

VARIABLE = re.compile(r"\$(?P<plain>\w+)|\$\{(?P<braces>\w+)(?::\w+)?\}|\[\[(?P<brackets>\w+)(?::\w+)?\]\]")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
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
    the selector does not say which metric it reads.
    """

    name: str
    conditions: tuple[Condition, ...]
    function: str = ""

    def __str__(self) -> str:
        inside = ", ".join(map(str, self.conditions))
        return f"{self.name}{{{inside}}}" if inside else self.name


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed expression: its text as given, its tree, and what it reads."""

    text: str
    tree: ast.Expr
    selectors: tuple[Selector, ...]


@lru_cache(maxsize=4096)
def parse(text: str) -> Query:
    """Parse PromQL as Grafana or a rule holds it, variables included; raise ExprError."""
    try:
        tree = ast.parse(substitute(text))
    except ValueError as error:
        raise ExprError(str(error)) from error
    return Query(text, tree, tuple(read(tree)))


def substitute(text: str) -> str:
    """Replace Grafana's variables outside of strings: by a duration in brackets, by a number elsewhere."""
    parts, last = [], 0
    for quoted in STRING.finditer(text):
        parts += [_fill(text[last : quoted.start()]), quoted.group()]
        last = quoted.end()
    return "".join([*parts, _fill(text[last:])])


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


def selector(node: ast.VectorSelector, function: str = "") -> Selector:
    """Return a selector of the tree as a value."""
    conditions = [Condition(m.name, OPERATORS[str(m.op).rpartition(".")[2]], m.value) for m in node.matchers.matchers]
    named = [c.value for c in conditions if c.label == "__name__" and c.operator == "="]
    kept = tuple(c for c in conditions if not (c.label == "__name__" and c.operator == "="))
    return Selector(node.name or "".join(named), kept, function)


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


def _fill(text: str) -> str:
    return VARIABLE.sub(lambda found: _value(found, text), text)


def _value(found: re.Match[str], text: str) -> str:
    name = found["plain"] or found["braces"] or found["brackets"]
    if name in GRAFANA:
        return GRAFANA[name]
    within = text.rfind("[", 0, found.start()) > text.rfind("]", 0, found.start())
    return "5m" if within else "1"
