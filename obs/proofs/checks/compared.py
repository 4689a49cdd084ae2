"""Does the panel of an alert show what the alert judges: the same question, the same limit, the same way up?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import promql_parser as ast

from obs.alerting import Alert
from obs.boards.model import panels
from obs.proofs.checks.check import Check
from obs.proofs.checks.functions import OF_GAUGES
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import place
from obs.query import expr, positions
from obs.query.compare import COMPARISONS
from obs.query.expr import ExprError, Parsed, bare, parse
from watchkeeper.contract.labels import JOB

ORDERED = {">": True, ">=": True, "<": False, "<=": False}
"""Comparisons with a limit, and whether what lies above it is bad."""

CALM = ("green", "blue", "transparent", "text", "#73bf69", "#56a64b")
ALARM = ("red", "orange", "yellow", "#f2495c", "#e02f44", "#ff9830")
RATES = {"rate": "rate", "irate": "rate", "increase": "rate"}
CHANGING = {**RATES, **{name: name for name in OF_GAUGES}}
"""Functions that make another question of a series; the highest or the mean of a window is still about its level."""

COLLAPSED = ("sum", "avg", "max", "min")


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that an alert compares with, and whether it fires above it."""

    value: float
    above: bool


def limits(evidence: Evidence) -> Iterator[Fault]:
    """Find panels that mark none of the limits of their alerts, or mark one the wrong way round."""
    marked: dict[tuple[str, str], list[tuple[Alert, Limit]]] = {}
    shown: dict[tuple[str, str], list[tuple[float | None, str]]] = {}
    for alert, panel, query, queries in _pairs(evidence):
        steps, asked = _steps(panel), {_skeleton(one.tree) for one in queries}
        if alert.panel and len(steps) > 1:
            key = (alert.panel.dashboard, alert.panel.title)
            found = [limit for side, limit in _limits(query.tree) if limit.value and _skeleton(side) in asked]
            marked.setdefault(key, []).extend((alert, limit) for limit in found)
            shown[key] = steps
    for key, limited in marked.items():
        yield from _wrongly_marked(key[1], limited, shown[key])


def _wrongly_marked(
    title: str, found: list[tuple[Alert, Limit]], steps: list[tuple[float | None, str]]
) -> Iterator[Fault]:
    near = [(alert, limit, colour) for alert, limit in found for value, colour in steps if _same(limit.value, value)]
    if found and not near:
        marks = ", ".join(f"{value:g}" for value, _ in steps if value is not None)
        alert, limit = found[0]
        what = f"panel '{title}' marks {marks}, and the alert fires at {limit.value:g}"
        yield Fault(place(alert), what, "take both from one constant")
    for alert, limit, colour in near:
        if _upside_down(limit, colour, steps[0][1]):
            what = f"panel '{title}' shows the side as calm on which the alert fires"
            yield Fault(place(alert), what, "turn the colours round")


@lru_cache(maxsize=expr.KEPT)
def _skeleton(node: Any) -> tuple[Any, ...]:
    """Return what is done to which series of which time, whatever the matchers, windows, labels and guards."""
    node = bare(node)
    match node:
        case ast.BinaryExpr() if str(node.op) in ORDERED:
            return _skeleton(node.lhs)
        case ast.VectorSelector():
            return (expr.selector(node).name, str(node.offset))
        case ast.NumberLiteral():
            return (node.val,)
        case ast.MatrixSelector():
            return _skeleton(node.vector_selector)
    name = node.func.name if isinstance(node, ast.Call) else str(getattr(node, "op", type(node).__name__))
    return (RATES.get(name, name), *(_skeleton(child) for child in expr.children(node)))


def other_questions(evidence: Evidence) -> Iterator[Fault]:
    """Find panels that show the alert's series through another function or aggregation, or not as a ratio."""
    for alert, panel, query, shown in _pairs(evidence):
        # Whether something is zero is seen in its highest as in its lowest value, which a limit between is not.
        level = any(limit.value for _, limit in _limits(query.tree))
        split = {label for one in shown for node in one.nodes for label in _kept(node)}
        plotted = [use for one in shown for use in _used(one)]
        for use in _used(query):
            others = [other for other in plotted if other.name == use.name]
            whole = split & {label for one in _used(query) if one.name == use.name for label in one.chosen}
            if others and not any(use.agrees(other, level=level, split=bool(whole)) for other in others):
                what = f"panel '{panel.get('title', '')}' shows {others[0]}, and the alert asks {use}"
                part = positions.word(query, use.node)
                yield Fault(place(alert), what, "plot what the alert judges", alert.expr, part.text, part.start)


def _kept(node: Any) -> list[str]:
    grouping = node.modifier if isinstance(node, ast.AggregateExpr) else None
    return list(grouping.labels) if grouping and str(grouping.type).endswith("By") else []


@dataclass(frozen=True, slots=True)
class Use:
    """How a series is asked for: the function applied to it, how its series are collapsed, whether as a ratio."""

    name: str
    function: str
    collapsed: str
    ratio: bool
    chosen: frozenset[str]
    """The labels by which its series are chosen."""
    node: ast.Expr

    def agrees(self, other: "Use", *, level: bool, split: bool) -> bool:
        """Tell whether a panel's use answers an alert's; one split by what the alert chooses shows its ratio, too."""
        ratio = self.ratio == other.ratio or split
        collapsed = not level or self.collapsed == other.collapsed or not (self.collapsed and other.collapsed)
        return self.function == other.function and ratio and collapsed

    def __str__(self) -> str:
        inside = f"{self.function}({self.name})" if self.function else self.name
        inside = f"{self.collapsed}({inside})" if self.collapsed else inside
        return f"{inside} as a ratio" if self.ratio else inside


@lru_cache(maxsize=expr.KEPT)
def _used(query: Parsed) -> tuple[Use, ...]:
    return tuple(_uses(query.tree))


def _uses(node: Any, collapsed: str = "", *, ratio: bool = False) -> Iterator[Use]:
    node = bare(node)
    if isinstance(node, ast.BinaryExpr):
        operator = str(node.op)
        inner = ratio or operator == "/"
        if operator not in ("and", "unless"):
            yield from _uses(node.rhs, collapsed, ratio=inner)
        yield from _uses(node.lhs, collapsed, ratio=inner)
        return
    if isinstance(node, ast.AggregateExpr):
        operator = str(node.op)
        yield from _uses(node.expr, operator if operator in COLLAPSED else collapsed, ratio=ratio)
        return
    if isinstance(node, ast.VectorSelector | ast.MatrixSelector) or (
        isinstance(node, ast.Call) and node.func.name in CHANGING
    ):
        for selector, read in zip(expr.read(node), _selectors(node), strict=True):
            chosen = frozenset(condition.label for condition in selector.conditions) - {JOB.name}
            function = CHANGING.get(selector.function, "")
            yield Use(selector.name, function, collapsed, ratio, chosen, read)
        return
    for child in expr.children(node):
        yield from _uses(child, collapsed, ratio=ratio)


def _selectors(node: Any) -> Iterator[ast.Expr]:
    return (one for one in expr.walk(node) if isinstance(one, ast.VectorSelector))


def _pairs(evidence: Evidence) -> Iterator[tuple[Alert, dict[str, Any], Parsed, list[Parsed]]]:
    """Yield every alert with its panel, its expression, and the queries of the panel."""
    boards = {board.slug: board for board in evidence.built.dashboards}
    for alert in evidence.alerts:
        board = boards.get(alert.panel.dashboard) if alert.panel else None
        for panel in panels(board.model) if board and alert.panel else ():
            if alert.panel and panel.get("title") == alert.panel.title:
                try:
                    query = parse(alert.expr)
                except ExprError:
                    continue
                texts = [one.get("expr", "") for one in panel.get("targets", ())]
                yield alert, panel, query, list(_parsed(texts))


def _parsed(texts: list[str]) -> Iterator[Parsed]:
    for text in texts:
        try:
            yield parse(text)
        except ExprError:
            continue


def _limits(node: Any) -> Iterator[tuple[Any, Limit]]:
    """Yield what an expression compares with a number, and the number; guards of divisors are left out."""
    node = bare(node)
    if isinstance(node, ast.BinaryExpr):
        operator, limit = str(node.op), bare(node.rhs)
        if operator in ORDERED and isinstance(limit, ast.NumberLiteral):
            yield node.lhs, Limit(limit.val, ORDERED[operator])
        elif operator not in COMPARISONS and operator != "/":
            yield from _limits(node.lhs)
            yield from _limits(node.rhs)


def _steps(panel: dict[str, Any]) -> list[tuple[float | None, str]]:
    listed = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps") or ()
    return [(step.get("value"), str(step.get("color", ""))) for step in listed]


def _same(limit: float, step: float | None) -> bool:
    """Tell whether a step marks a limit, as a ratio or in percent, of the share itself or of what is left of it."""
    if step is None:
        return False
    return any(abs(step - one) <= abs(one) * 1e-6 for one in (limit, limit * 100, limit / 100, 1 - limit, limit * 1000))


def _upside_down(limit: Limit, colour: str, base: str) -> bool:
    calm_above = colour.removeprefix("dark-").removeprefix("semi-dark-") in CALM
    alarm_below = base.removeprefix("dark-").removeprefix("semi-dark-") in ALARM
    if limit.above:
        return calm_above and alarm_below
    return not calm_above and base in CALM


CHECKS = (
    Check(
        "alert/panel-limit",
        "the panel of an alert marks the limit at which it fires",
        limits,
        why="Who is woken sees on the panel how far beyond its limit the value is; another mark says all is well.",
        fails=(
            'Alert(expr="sum_over_time(up[5m]) > 3")\n'
            'Panel(expr="sum_over_time(up{environment=~\'$environment\'}[5m])", steps=((None, "green"), (4, "red")))'
        ),
        remedy="Take the step of the panel and the limit of the alert from one constant.",
        language="python",
    ),
    Check(
        "alert/panel-question",
        "the panel of an alert asks what the alert judges",
        other_questions,
        why="The average of what an alert takes the maximum of looks calm while the alert fires.",
        fails='Alert(expr="max by (job) (up) > 3"), Panel(expr="avg by (job) (up{environment=~\'$environment\'})")',
        remedy="Plot the alert's expression, without its comparison.",
        language="python",
    ),
)
