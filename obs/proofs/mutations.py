"""What else could a rule say? Every expression, and every rule, that differs from it in one part."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import promql_parser as ast

from obs.durations import canonical, parse
from obs.query import expr
from obs.query.expr import bare, children
from watchkeeper.contract.labels import TARGET
from watchkeeper.contract.scraping import SCRAPING

FACTORS = (0.5, 0.8, 0.9, 1.1, 1.2, 2.0)
SPANS = (0.5, 2.0)
SCRAPED = {label.name for label in TARGET}
SHARED = {metric.name for metric in SCRAPING}
"""What Prometheus writes for every job: there a matcher of the job selects, elsewhere it repeats who exposes it."""

OFFSET, WINDOW = re.compile(r"offset (\w+)$"), re.compile(r"\[(\w+)\]")

OPPOSITE = {">": "<", ">=": "<", "<": ">", "<=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "/"}
ORDERED = {">", ">=", "<", "<="}
COMPARISONS = {">", ">=", "<", "<=", "==", "!="}
AGGREGATIONS = {"sum": ("max",), "max": ("min",), "min": ("max",), "avg": ("max",), "count": ("sum",)}
FUNCTIONS = {
    "rate": "increase",
    "increase": "rate",
    "max_over_time": "min_over_time",
    "min_over_time": "max_over_time",
    "avg_over_time": "max_over_time",
    "changes": "resets",
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """An expression that differs in one part; ``part`` ends the sentence 'no case notices that ...'."""

    expr: str
    part: str


def of_expression(text: str) -> Iterator[Mutation]:
    """
    Yield an expression once with each of its parts taken away or changed.

    Numbers by a tenth, a fifth, half and double, thresholds by ten; windows and offsets half and double; comparisons,
    arithmetic, `and`, `or`, `unless` with either side alone; aggregations, their labels, functions, matchers, guards.
    Passed over, for no history tells them apart: matchers of what Prometheus adds (job, instance), where one job
    exposes the metric, the guard of a ratio of events, since nothing divided by nothing is NaN, which no threshold
    passes, and `rate` as `increase` on both sides of a division.
    """
    tree = expr.parse(text).tree
    seen = {_line(tree)}
    for number, (node, divided) in enumerate(_places(tree)):
        for changed, part in _changes(node, divided=divided):
            try:
                mutated = _replaced(tree, number, ast.parse(changed)).prettify()
            except ValueError:  # no PromQL any more, such as a sum of strings
                continue
            if " ".join(mutated.split()) not in seen:
                seen.add(" ".join(mutated.split()))
                yield Mutation(mutated, part)


def of_duration(text: str) -> Iterator[tuple[str, str]]:
    """Yield a hold half as long, twice as long, and none, each with its words; nothing for none."""
    if not text or not parse(text):
        return
    for factor, words in ((0.5, "half of it"), (2.0, "twice as long"), (0.0, "no time")):
        yield _span(text, factor), words


def _places(node: Any, *, divided: bool = False) -> Iterator[tuple[Any, bool]]:
    """Yield every node, parents first, and whether it is a side where a factor cancels out: of a division, or of 0."""
    yield node, divided
    inside = divided or (isinstance(node, ast.BinaryExpr) and (str(node.op) == "/" or _line(node.rhs) == "0"))
    for child in children(node):
        yield from _places(child, divided=inside)


def _changes(node: Any, *, divided: bool) -> Iterator[tuple[str, str]]:
    text = _line(node)
    match node:
        case ast.NumberLiteral() if node.val:
            for factor in FACTORS:
                yield f"{node.val * factor:.12g}", f"{node.val:.12g} is not {node.val * factor:.6g}"
        case ast.VectorSelector():
            yield from _matchers(node)
            if OFFSET.search(text):
                yield OFFSET.sub("", text), f"'{text}' is moved"
            yield from _spans(text, OFFSET, "is moved by", SPANS)
        case ast.MatrixSelector():
            yield from _spans(text, WINDOW, "looks back", SPANS)
        case ast.AggregateExpr():
            yield from _aggregation(text)
        case ast.Call():
            yield from _call(node.func.name, text, divided=divided)
        case ast.BinaryExpr():
            yield from _binary(node, divided=divided)


def _spans(text: str, where: re.Pattern[str], verb: str, factors: Iterable[float]) -> Iterator[tuple[str, str]]:
    if found := where.search(text):
        for span in (_span(found[1], factor) for factor in factors):
            yield f"{text[: found.start(1)]}{span}{text[found.end(1) :]}", f"'{text}' {verb} {found[1]}, not {span}"


def _call(name: str, text: str, *, divided: bool) -> Iterator[tuple[str, str]]:
    other = FUNCTIONS.get(name)
    if other and not (divided and {name, other} == {"rate", "increase"}):
        yield f"{other}{text.removeprefix(name)}", f"'{text}' is no {other}"
    if name in ("absent", "abs", "timestamp"):
        yield text.removeprefix(name), f"'{text}' is {name}"


def _binary(node: Any, *, divided: bool) -> Iterator[tuple[str, str]]:
    operator, left, right = str(node.op), _line(node.lhs), _line(node.rhs)

    def joined(word: str) -> str:
        return f"({left}) {word} {node.modifier or ''} ({right})"

    if operator in ("and", "or", "unless"):
        words = {"and": "is required", "or": "is enough", "unless": "keeps it silent"}[operator]
        yield left, f"'{right}' {words}"
        if operator != "unless":
            yield right, f"'{left}' {words}"
        other = {"and": "unless", "or": "and", "unless": "and"}[operator]
        yield joined(other), f"'{operator}' before '{right}' is not '{other}'"
    elif operator in OPPOSITE:
        other = OPPOSITE[operator]
        yield joined(other), f"'{operator}' in '{_line(node)}' is not '{other}'"
        if operator in COMPARISONS and not (divided and _events(node) and right == "0"):
            yield left, f"'{_line(node)}' compares"
        limit = bare(node.rhs)
        if operator in ORDERED and isinstance(limit, ast.NumberLiteral) and limit.val:
            for factor, words in ((10.0, "ten times as much"), (0.1, "a tenth of it")):
                moved = f"({left}) {operator} {node.modifier or ''} {limit.val * factor:.12g}"
                yield moved, f"the threshold is {limit.val:.12g}, not {words}, in '{_line(node)}'"
    elif operator == "/":
        yield left, f"it is divided by '{right}'"
        guard = bare(node.rhs)
        if isinstance(guard, ast.BinaryExpr) and str(guard.op) in COMPARISONS and not _events(guard):
            yield f"({left}) / {node.modifier or ''} ({_line(guard.lhs)})", f"'{_line(guard)}' is required"


def _events(guard: Any) -> bool:
    return all(selector.function in ("rate", "increase") or ":rate" in selector.name for selector in expr.read(guard))


def _aggregation(text: str) -> Iterator[tuple[str, str]]:
    operator = text.split("(", 1)[0].split(maxsplit=1)[0]
    for other in AGGREGATIONS.get(operator, ()):
        yield f"{other}{text.removeprefix(operator)}", f"'{text}' is a {operator}, not a {other}"
    if found := re.match(r"\w+ by \(([^)]*)\)", text):
        labels = [label.strip() for label in found[1].split(",") if label.strip()]
        for label in labels:
            kept = ", ".join(other for other in labels if other != label)
            yield f"{text[: found.start(1)]}{kept}{text[found.end(1) :]}", f"'{text}' keeps {label} apart"


def _matchers(node: ast.VectorSelector) -> Iterator[tuple[str, str]]:
    selector = expr.selector(node)
    moved = node.prettify().rpartition("}")[2]
    for condition in selector.conditions:
        if condition.label in SCRAPED and selector.name not in SHARED:
            continue
        kept = tuple(other for other in selector.conditions if other is not condition)
        yield f"{replace(selector, conditions=kept)}{moved}", f"{selector.name} is narrowed to {condition}"
        turned = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}[condition.operator]
        other = replace(condition, operator=turned)
        yield (
            f"{replace(selector, conditions=(*kept, other))}{moved}",
            f"{selector.name} is narrowed to {condition}, not {other}",
        )


def _span(text: str, factor: float) -> str:
    return canonical(f"{int(parse(text) * factor)}ms")


def _replaced(tree: ast.Expr, number: int, replacement: ast.Expr) -> ast.Expr:
    """Return the tree with the node of this ``number``, counted as `_places` does, replaced."""
    seen = -1

    def visit(_: ast.Expr) -> ast.Expr | None:
        nonlocal seen
        seen += 1
        return replacement if seen == number else None

    return ast.transform(tree, pre_visit=visit)


def _line(node: ast.Expr) -> str:
    return " ".join(node.prettify().split())
