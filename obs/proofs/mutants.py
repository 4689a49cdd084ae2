"""Is every part of an alert proven? With the part taken away, at least one of its cases has to fail."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

import promql_parser as ast

from obs.alerting import Alert, Group
from obs.durations import seconds
from obs.proofs import trials
from obs.proofs.cases import whole_trials
from obs.proofs.finding import Fault, Finding
from obs.proofs.promtool import Promtool
from obs.proofs.questions import place
from obs.proofs.trials import Trial
from obs.query import expr
from obs.query.expr import bare, children
from obs.stack import Stack
from watchkeeper.contract.labels import TARGET

ID = "alert/unproven-part"
COMPARISONS = {">", ">=", "<", "<=", "==", "!="}
SCRAPED = {label.name for label in TARGET}

Tendency = Literal["more", "less", "other"]
"""Whether an alert fires at more moments without its part, or at fewer."""

NOTICED_BY = {
    "more": ("fires", "silent", "clears"),
    "less": ("fires", "silent", "clears"),
    "other": ("fires", "silent", "clears"),
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """An expression without one of its parts; ``part`` ends the sentence 'no case notices that ...'."""

    expr: str
    part: str
    tendency: Tendency


@dataclass(frozen=True, slots=True)
class Mutant:
    """A trial of an alert without one of its parts, on the cases that could notice."""

    trial: Trial
    part: str


def prove(promtool: Promtool, stack: Stack, groups: Sequence[Group], names: Iterable[str] = ()) -> list[Finding]:
    """Return the parts of every alert, or of those named, that no case needs; raise PromtoolError."""
    alive = [mutant for whole in whole_trials(groups, names) for mutant in mutants(whole)]
    survived = [mutant for mutant in alive if not mutant.trial.cases]
    # One case a round, the short ones first: most parts are missed at once, and a case of three days costs a second.
    for number in count():
        alive = [mutant for mutant in alive if number < len(mutant.trial.cases)]
        if not alive:
            break
        tried = [replace(mutant.trial, cases=(mutant.trial.cases[number],)) for mutant in alive]
        failed = trials.run(promtool, stack, tried)
        alive = [mutant for mutant, failures in zip(alive, failed, strict=True) if not failures]
        survived += [mutant for mutant in alive if number + 1 == len(mutant.trial.cases)]
    return [
        Finding(Fault(place(mutant.trial.alert), f"no case notices that {mutant.part}", "add one"), ID)
        for mutant in survived
    ]


def mutants(whole: Trial) -> Iterator[Mutant]:
    """Yield the alert of a trial once without each of its parts."""
    alert = whole.alert
    if seconds(alert.hold):
        yield _mutant(whole, replace(alert, hold="0s"), f"it holds for {alert.hold}", "more")
    for mutation in mutations(alert.expr):
        yield _mutant(whole, replace(alert, expr=mutation.expr), mutation.part, mutation.tendency)


def mutations(text: str) -> Iterator[Mutation]:
    """
    Yield an expression once without each of its parts.

    Parts are both sides of `and` and `or`, what `unless` excludes, thresholds (ten times and a tenth; a comparison
    with zero is left out whole), matchers that select a part of a metric, and guards of a denominator. Passed over, for
    no history tells them apart: matchers of what Prometheus adds (job, instance), where one job exposes the metric, and
    the guard of a ratio of events, since nothing divided by nothing is NaN, which no threshold passes. The threshold
    of a further condition is left to that condition's own removal.
    """
    tree = expr.parse(text).tree
    for number, (node, main) in enumerate(_places(tree)):
        for replacement, part, tendency in _without(node, main=main):
            yield Mutation(_replaced(tree, number, replacement).prettify(), part, tendency)


Change = tuple[ast.Expr, str, Tendency]


def _places(node: Any, *, main: bool = True) -> Iterator[tuple[Any, bool]]:
    """Yield every node, parents first, and whether it is of the main condition: no further one, and no denominator."""
    yield node, main
    aside = isinstance(node, ast.BinaryExpr) and str(node.op) in ("and", "unless", "/")
    for number, child in enumerate(children(node)):
        yield from _places(child, main=main and not (aside and number == 1))


def _without(node: Any, *, main: bool) -> Iterator[Change]:
    if isinstance(node, ast.VectorSelector):
        yield from _matchers(node)
    if not isinstance(node, ast.BinaryExpr):
        return
    operator, left, right = str(node.op), _line(node.lhs), _line(node.rhs)
    if operator == "and":
        yield node.lhs, f"'{right}' is required", "more"
        yield node.rhs, f"'{left}' is required", "other"
    elif operator == "or":
        yield node.lhs, f"'{right}' is enough", "less"
        yield node.rhs, f"'{left}' is enough", "less"
    elif operator == "unless":
        yield node.lhs, f"'{right}' keeps it silent", "more"
    elif operator == "/":
        yield from _guard(node)
    elif operator in COMPARISONS and main and isinstance(node.rhs, ast.NumberLiteral):
        yield from _thresholds(node, node.rhs.val)


def _thresholds(node: ast.BinaryExpr, value: float) -> Iterator[Change]:
    if not value:
        yield node.lhs, f"'{_line(node)}' compares", "other"
        return
    rising = str(node.op).startswith(">")
    for factor, words in ((10, "ten times"), (0.1, "a tenth of")):
        text = f"{node.lhs.prettify()} {node.op} {node.modifier or ''} {value * factor:.12g}"
        tendency: Tendency = "less" if rising == (factor > 1) else "more"
        yield ast.parse(text), f"the threshold is {value:.12g}, not {words} it, in '{_line(node)}'", tendency


def _guard(node: ast.BinaryExpr) -> Iterator[Change]:
    guard = bare(node.rhs)
    if not isinstance(guard, ast.BinaryExpr) or str(guard.op) not in COMPARISONS:
        return
    if not all(selector.function in ("rate", "increase") or ":rate" in selector.name for selector in expr.read(guard)):
        text = f"({node.lhs.prettify()}) / {node.modifier or ''} ({guard.lhs.prettify()})"
        yield ast.parse(text), f"'{_line(guard)}' is required", "more"


def _matchers(node: ast.VectorSelector) -> Iterator[Change]:
    selector = expr.selector(node)
    moved = node.prettify().rpartition("}")[2]
    for condition in selector.conditions:
        if condition.label not in SCRAPED:
            kept = tuple(other for other in selector.conditions if other is not condition)
            text = f"{replace(selector, conditions=kept)}{moved}"
            yield ast.parse(text), f"{selector.name} is narrowed to {condition}", "other"


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


def _mutant(whole: Trial, alert: Alert, part: str, tendency: Tendency) -> Mutant:
    cases = sorted((case for case in alert.cases if case.verdict in NOTICED_BY[tendency]), key=trials.evaluations)
    return Mutant(Trial(alert, whole.recordings, tuple(cases)), part)
