"""Do two queries mean the same, and if not, which part of them changed?"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from textwrap import dedent
from typing import Any

from promql_parser import BinaryExpr, Expr, MatrixSelector, NumberLiteral, VectorSelector, parse, transform

from obs.query.meaning import Node, tree
from obs.query.variables import STRING, Substitution, readings

MOST_PARTS = 3  # a query with more changed places is easier to read whole
SHORT = 28  # characters of an unchanged operand worth repeating; a longer one is shown as …
LINE = 60  # characters from which a selector is shown without its unchanged matchers
SIGNS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
HOLE = "obs_unchanged_operand"
OR = ("binary", "or")
ALIKE = 0.5  # share of common text from which two alternatives of an `or` are one that changed
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})


@dataclass(frozen=True, slots=True)
class Part:
    """A sub-expression that changed: both sides, formatted. `threshold`: only the number compared with changed."""

    before: str
    after: str
    threshold: tuple[str, float, float] | None = None


def differences(old: str, new: str) -> tuple[Part, ...]:
    """Find the changed parts of a query, each as small as it can be understood; none if both mean the same.

    Texts that are not PromQL even with their variables replaced (LogQL, a typo) are compared word by word.
    """
    if identity(old) == identity(new):
        return ()
    for variables in readings(old, new):
        try:
            trees = tree(variables.into(old)), tree(variables.into(new))
        except ValueError:
            continue
        parts = _summary(trees, variables)
        # `sum by () (x)` is written `sum(x)`, and is not it: where the parts read alike, the texts are shown.
        if parts and all(part.before != part.after for part in parts):
            return parts
        break
    return (Part(old.strip(), new.strip()),)


@lru_cache(maxsize=4096)
def identity(query: str) -> str:
    """Return a text that two queries share exactly when they mean the same: layout and order of writing are gone."""
    for variables in readings(query):
        try:
            found = tree(variables.into(query)).digest
        except ValueError:
            continue
        return repr((found, list(variables.stand_ins.items())))
    return repr(_words(query))


def formatted(query: str) -> str:
    """Write the query as the PromQL formatter does, variables kept; unparsable text as it is."""
    for variables in readings(query):
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
    """Yield an operation that changed itself, or by a number or string in it; else look into what it works on."""
    if old.digest == new.digest:
        return
    chained = {node.label for node in (old, new) if node.label[:2] == OR}
    if len(chained) == 1:
        one, other = (_chain(node, *chained) for node in (old, new))
        yield from _among(one, other, variables) or [_whole(old, new, variables)]
        return
    if len(old.operands) != len(new.operands):
        yield _whole(old, new, variables)
        return
    pairs = list(zip(old.operands, new.operands, strict=True))
    unequal = [pair for pair in pairs if pair[0].digest != pair[1].digest]
    literals = [pair for pair in unequal if pair[0].literal or pair[1].literal]
    itself = old.label != new.label
    deeper = [] if itself else [pair for pair in unequal if not (pair[0].literal or pair[1].literal)]
    if itself or literals:
        elsewhere = [pair for pair in pairs if pair[0].digest == pair[1].digest] + deeper
        before, after = _selected(old, new) or (
            _elided(node, [pair[side] for pair in elsewhere]) for side, node in enumerate((old, new))
        )
        yield Part(variables.back(before), variables.back(after), _threshold(old, new, literals))
    for lower in deeper:
        yield from _changed(*lower, variables)


def _chain(node: Node, label: tuple[Any, ...]) -> list[Node]:
    """Return a, b and c of `a or b or c`; what is no such chain is one of its own."""
    if node.label != label:
        return [node]
    return [end for operand in node.operands for end in _chain(operand, label)]


def _among(old: list[Node], new: list[Node], variables: Substitution) -> list[Part]:
    """Find what changed among alternatives; nothing where they changed order or share none."""
    pairs = _likeliest(old, new)
    if not pairs or sorted(pairs) != sorted(pairs, key=lambda pair: pair[1]):
        return []
    parts = [part for before, after in sorted(pairs) for part in _changed(old[before], new[after], variables)]
    gone, come = (set(range(len(side))) - {pair[index] for pair in pairs} for index, side in enumerate((old, new)))
    parts += [Part(_alternative(old, place, variables), "") for place in sorted(gone)]
    return parts + [Part("", _alternative(new, place, variables)) for place in sorted(come)]


def _likeliest(old: list[Node], new: list[Node]) -> list[tuple[int, int]]:
    """Pair the places of equal alternatives, then of those whose texts are most alike."""
    scores = sorted(
        ((_likeness(one, other), before, after) for before, one in enumerate(old) for after, other in enumerate(new)),
        key=lambda score: (-score[0], score[1], score[2]),
    )
    pairs: list[tuple[int, int]] = []
    for score, before, after in scores:
        if score >= ALIKE and not any(before == taken[0] or after == taken[1] for taken in pairs):
            pairs.append((before, after))
    return pairs


def _likeness(one: Node, other: Node) -> float:
    """Measure how much of two texts is common: 2 for equal meaning, else at most 1."""
    if one.digest == other.digest:
        return 2
    return SequenceMatcher(None, one.expr.prettify(), other.expr.prettify(), autojunk=False).ratio()


def _alternative(chain: list[Node], place: int, variables: Substitution) -> str:
    text = variables.back(dedent(chain[place].expr.prettify()))
    return f"… or {text}" if place else f"{text} or …"


def _selected(old: Node, new: Node) -> list[str]:
    """Format two long selectors of one metric without the matchers they share; nothing for anything else."""
    selectors = [_selector(node.expr) for node in (old, new)]
    matchers = [_plain_matchers(selector) for selector in selectors]
    shared = set(matchers[0]) & set(matchers[1])
    texts = [node.expr.prettify() for node in (old, new)]
    if not shared or selectors[0].name != selectors[1].name or max(map(len, texts)) <= LINE:
        return []
    ends = [text[text.rindex("}") + 1 :] for text in texts]
    inside = [", ".join([*(one for one in side if one not in shared), "…"]) for side in matchers]
    return [f"{selector.name}{{{kept}}}{end}" for selector, kept, end in zip(selectors, inside, ends, strict=True)]


def _selector(expr: Expr) -> Any:
    return expr.vector_selector if isinstance(expr, MatrixSelector) else expr


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


def _elided(node: Node, elsewhere: list[Node]) -> str:
    """Format the expression, the long ones of its operands that this is not about shown as …."""
    long = {text for text in (operand.expr.prettify() for operand in elsewhere) if len(text) > SHORT}
    hole = parse(HOLE)
    shown = transform(node.expr, lambda expr: hole if expr.prettify() in long else None)
    return dedent(shown.prettify()).replace(HOLE, "…")


def _words(text: str) -> list[str]:
    pieces = STRING.split(text)
    return [word for index, piece in enumerate(pieces) for word in ([piece] if index % 2 else piece.split())]
