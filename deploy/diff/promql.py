"""Do two queries mean the same, and if not, which part of them changed?"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from textwrap import dedent
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
    transform,
)

from deploy.diff.variables import STRING, Substitution

MOST_PARTS = 3  # a query with more changed places is easier to read whole
SHORT = 28  # characters of an unchanged operand worth repeating; a longer one is shown as …
LINE = 60  # characters from which a selector is shown without its unchanged matchers
SIGNS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
HOLE = "obs_unchanged_operand"
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})


@dataclass(frozen=True, slots=True)
class Part:
    """A sub-expression that changed: both sides, formatted. `threshold`: only the number compared with changed."""

    before: str
    after: str
    threshold: tuple[str, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the syntax tree: what it is (order and layout removed) and what it works on."""

    label: tuple[Any, ...]
    operands: tuple["Node", ...]
    expr: Expr
    digest: int

    @property
    def literal(self) -> bool:
        """Tell a number or string, meaningless without the operation around it."""
        return isinstance(self.expr, (NumberLiteral, StringLiteral))


def differences(old: str, new: str) -> tuple[Part, ...]:
    """Find the changed parts of a query, each as small as it can be understood; none if both mean the same.

    Texts that are not PromQL even with their variables replaced (LogQL, a typo) are compared word by word.
    """
    if old == new:
        return ()
    for numeric in (False, True):
        variables = Substitution(numeric)
        try:
            trees = _tree(variables.into(old)), _tree(variables.into(new))
        except ValueError:
            continue
        return _summary(trees, variables)
    return () if _words(old) == _words(new) else (Part(old.strip(), new.strip()),)


def formatted(query: str) -> str:
    """Write the query as the PromQL formatter does, variables kept; unparsable text as it is."""
    for numeric in (False, True):
        variables = Substitution(numeric)
        try:
            return variables.back(dedent(parse(variables.into(query)).prettify()))
        except ValueError:
            continue
    return query.strip()


def _summary(trees: tuple[Node, Node], variables: Substitution) -> tuple[Part, ...]:
    parts = tuple(dict.fromkeys(_changed(*trees, variables)))
    if len(parts) <= MOST_PARTS:
        return parts
    return (_whole(*trees, variables),)


def _whole(old: Node, new: Node, variables: Substitution) -> Part:
    before, after = (variables.back(dedent(node.expr.prettify())) for node in (old, new))
    return Part(before, after)


def _changed(old: Node, new: Node, variables: Substitution) -> Iterator[Part]:
    if old.digest == new.digest:
        return
    if len(old.operands) != len(new.operands):
        yield _whole(old, new, variables)
        return
    pairs = list(zip(old.operands, new.operands, strict=True))
    unequal = [pair for pair in pairs if pair[0].digest != pair[1].digest]
    itself = old.label != new.label or any(node.literal for pair in unequal for node in pair)
    if itself or not unequal:
        unchanged = [before for before, after in pairs if before.digest == after.digest]
        texts = [
            variables.back(text) for text in _selected(old, new) or [_elided(node, unchanged) for node in (old, new)]
        ]
        yield Part(texts[0], texts[1], _threshold(old, new, unequal))
        return
    for before, after in unequal:
        yield from _changed(before, after, variables)


def _selected(old: Node, new: Node) -> list[str]:
    """Format two long selectors of one metric without the matchers they share; nothing for anything else."""
    selectors = [
        node.expr.vector_selector if isinstance(node.expr, MatrixSelector) else node.expr for node in (old, new)
    ]
    matchers = [_plain_matchers(selector) for selector in selectors]
    shared = set(matchers[0]) & set(matchers[1])
    texts = [node.expr.prettify() for node in (old, new)]
    if not shared or selectors[0].name != selectors[1].name or max(map(len, texts)) <= LINE:
        return []
    ends = [text[text.rindex("}") + 1 :] for text in texts]
    inside = [", ".join([*(one for one in side if one not in shared), "…"]) for side in matchers]
    return [f"{selector.name}{{{kept}}}{end}" for selector, kept, end in zip(selectors, inside, ends, strict=True)]


def _plain_matchers(expr: Expr) -> list[str]:
    if not isinstance(expr, VectorSelector) or expr.name is None or expr.matchers.or_matchers:
        return []
    return [
        f"{one.name}{SIGNS[str(one.op)]}{json.dumps(one.value, ensure_ascii=False)}" for one in expr.matchers.matchers
    ]


def _threshold(old: Node, new: Node, unequal: list[tuple[Node, Node]]) -> tuple[str, float, float] | None:
    """Return the operator and both numbers, if all that changed is the number on a comparison's right."""
    if old.label != new.label or len(unequal) != 1 or unequal[0][0] is not old.operands[-1]:
        return None
    limits = [node.expr.val for node in unequal[0] if isinstance(node.expr, NumberLiteral)]
    comparison = isinstance(old.expr, BinaryExpr) and str(old.expr.op) in COMPARISONS
    return (str(old.label[1]), limits[0], limits[1]) if comparison and len(limits) == len(unequal[0]) else None


def _elided(node: Node, unchanged: list[Node]) -> str:
    """Format the expression, its long unchanged operands shown as …."""
    long = {text for text in (operand.expr.prettify() for operand in unchanged) if len(text) > SHORT}
    hole = parse(HOLE)
    shown = transform(node.expr, lambda expr: hole if expr.prettify() in long else None)
    return dedent(shown.prettify()).replace(HOLE, "…")


@lru_cache(maxsize=4096)
def _tree(query: str) -> Node:
    return _node(parse(query))


def _node(expr: Expr) -> Node:
    while isinstance(expr, ParenExpr):
        expr = expr.expr
    label, operands = _label(expr)
    nodes = tuple(_node(operand) for operand in operands)
    return Node(label, nodes, expr, hash((label, *(node.digest for node in nodes))))


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


def _words(text: str) -> list[str]:
    pieces = STRING.split(text)
    return [word for index, piece in enumerate(pieces) for word in ([piece] if index % 2 else piece.split())]
