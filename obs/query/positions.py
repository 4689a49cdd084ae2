"""Where in its text does a part of an expression stand? The parser does not say."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import promql_parser as ast

from obs.query.expr import Condition, Parsed, Selector, children
from obs.query.variables import STRING, VARIABLE

_VARIABLE = re.sub(r"[?]P<[a-z]+>", "?:", VARIABLE.pattern)
_STRING = STRING.pattern
_LABELS = r"\b(?:by|without|on|ignoring|group_left|group_right)\b\s*\([^)]*\)"
_MODIFIERS = r"\b(?:offset\s*-?\s*[\w${}]+|bool\b)|@\s*(?:[\d.]+|\w+\s*\(\s*\))"
_TOKEN = re.compile(
    rf"(?P<passed>\s+|\#[^\n]*|{_LABELS}|{_MODIFIERS})|(?P<text>{_STRING})"
    rf"|(?P<word>(?:[a-zA-Z_:]|{_VARIABLE})(?:[\w:]|{_VARIABLE})*)|(?P<number>(?:\d|\.\d)[\w.]*(?:(?<=e)[+-]\d+)?)"
    rf"|(?P<braces>\{{(?:{_STRING}|[^{{}}\"'`]|{_VARIABLE})*\}})|(?P<range>\[(?:{_VARIABLE}|[^\[\]])*\])"
    r"|(?P<sign>==|!=|<=|>=|=~|!~|.)",
    re.DOTALL,
)
_MATCHER = re.compile(rf"(?P<label>\w+)\s*(?P<operator>=~|!~|!=|=)\s*(?P<value>{_STRING})")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression as it is written, and where it begins in the text."""

    text: str
    start: int


def word(query: Parsed, node: ast.Expr) -> Part:
    """
    Return the word that a node is written with: a name, the sign of an operator, the range of a subquery.

    It is the whole text where that can't be told.
    """
    found = _words(query).get(id(node))
    return Part(found[0], found.start()) if found else Part(query.text, 0)


def name(query: Parsed, selector: Selector) -> Part:
    """Return the name of the metric that a selector reads, or its braces."""
    nodes = (node for node in query.nodes if isinstance(node, ast.VectorSelector))
    return word(query, next(node for node, one in zip(nodes, query.selectors, strict=True) if one is selector))


def matcher(query: Parsed, selector: Selector, condition: Condition) -> Part:
    """Return a matcher of a selector."""
    begin = name(query, selector)
    for found in _MATCHER.finditer(query.text, begin.start):
        if (found["label"], found["operator"]) == (condition.label, condition.operator):
            return Part(found[0], found.start())
    return begin


def label(query: Parsed, part: ast.AggregateExpr | Selector, wanted: str) -> Part:
    """Return a label that a selector matches, or an aggregation groups by."""
    if isinstance(part, Selector):
        begin = name(query, part)
        matchers = (one for one in _MATCHER.finditer(query.text, begin.start) if one["label"] == wanted)
        return next((Part(wanted, one.start()) for one in matchers), begin)
    begin = word(query, part)
    depth = 0
    for found in _TOKEN.finditer(query.text, begin.start):
        depth += (found[0] == "(") - (found[0] == ")")
        if not depth and found["passed"] and (inside := re.search(rf"\b{wanted}\b(?!\s*\()", found[0])):
            return Part(wanted, found.start() + inside.start())
    return begin


@lru_cache(maxsize=16)
def _words(query: Parsed) -> Mapping[int, re.Match[str]]:
    """Follow the tree from left to right beside the words of its text; return the word of each node, by its id."""
    tokens = [found for found in _TOKEN.finditer(query.text) if not found["passed"]]
    found: dict[int, re.Match[str]] = {}
    position = 0
    for node in _in_order(query.tree):
        while position < len(tokens) and not _is(tokens[position], node):
            position += 1
        if position == len(tokens):
            break
        found[id(node)] = tokens[position]
        position += 1
    return found


def _in_order(node: Any) -> Iterator[Any]:
    """Yield nodes as their own words stand in a text: an operator between its sides, a range behind what it is of."""
    below = list(children(node))
    infix, postfix = isinstance(node, ast.BinaryExpr), isinstance(node, ast.MatrixSelector | ast.SubqueryExpr)
    if not infix and not postfix:
        yield node
    for child in below[:1]:
        yield from _in_order(child)
    if infix or postfix:
        yield node
    for child in below[1:]:
        yield from _in_order(child)


def _is(token: re.Match[str], node: Any) -> bool:
    """Tell whether a word of the text is the one that a node begins with."""
    text, variable = token[0], "$" in token[0] or "[[" in token[0]
    match node:
        case ast.VectorSelector():
            begins = bool(token["word"]) and (text == node.name or variable) if node.name else bool(token["braces"])
        case ast.Call():
            begins = text == node.func.name
        case ast.AggregateExpr() | ast.BinaryExpr():
            begins = text.lower() == str(node.op)
        case ast.MatrixSelector() | ast.SubqueryExpr():
            begins = bool(token["range"])
        case ast.NumberLiteral():
            begins = bool(token["number"]) or variable or text.lower() in ("inf", "nan")
        case ast.StringLiteral():
            begins = bool(token["text"])
        case _:
            begins = text in ("-", "+") if isinstance(node, ast.UnaryExpr) else text == "("
    return begins
