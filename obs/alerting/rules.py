"""Which rules does Prometheus evaluate for this stack, and where does each come from?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import promql_parser as ast

from obs import content
from obs.alerting.model import EVERY, Alert, AlertError, Group
from obs.alerting.recording import recordings, unanswered
from obs.alerting.render import path, render_group
from obs.nearest import nearest
from obs.query import expr
from obs.query.expr import ExprError
from obs.stack import AbsentError, Stack

DAILY = "5m"


def groups(stack: Stack) -> tuple[Group, ...]:
    """
    Return every rule group of a stack, in the order Prometheus should load them.

    Rules that ask for a part that the stack does not have are left out, and so are groups without a rule.
    Raises ContentError, naming file, line and function, where a rule is wrong by itself or with this stack, and
    AlertError where two rules have one name, or one silences a rule file that does not exist.
    """
    name = stack.service.name
    recorded = Group("recording", f"{name}-recording", recordings(stack))
    gone = unanswered(stack)
    defined = {
        file: tuple(alert for define in defines if (alert := _define(define, stack, gone)))
        for file, defines in content.here().alerts.items()
    }
    alerting = [Group(file, f"{name}-{file}", rules, _interval(rules)) for file, rules in defined.items() if rules]
    alerts = [alert for group in alerting for alert in group.alerts]
    for alert in alerts:
        for file in (file for silence in alert.silences for file in silence.files):
            if file not in content.here().alerts:
                instead = nearest(file, content.here().alerts)
                raise AlertError(f"{alert.source}: {alert.name} silences '{file}', which is no rule file; {instead}")
    for twin, count in Counter(alert.name for alert in alerts).items():
        if count > 1:
            places = " and ".join(str(alert.source) for alert in alerts if alert.name == twin)
            raise AlertError(f"{twin}: {count} alerts have this name: {places}; pages and silences go by the name")
    return (*([recorded] if recorded.rules else []), *alerting)


def render(stack: Stack) -> dict[str, str]:
    """Return the rule files, path below infra/observability to text."""
    return {path(group): render_group(stack, group) for group in groups(stack)}


def _interval(rules: Sequence[Alert]) -> str:
    """Return how often a group is asked: what looks back for days learns nothing new within minutes, and costs most."""
    return DAILY if min(map(_longest, rules)) >= timedelta(days=1) else EVERY


def _longest(rule: Alert) -> timedelta:
    """Return the longest window a rule reads; none where it is no PromQL, which is the checks' to tell."""
    try:
        nodes = expr.parse(rule.expr).nodes
    except ExprError:
        return timedelta()
    return max((node.range for node in nodes if isinstance(node, ast.MatrixSelector)), default=timedelta())


def _define(define: content.Define, stack: Stack, gone: frozenset[str]) -> Alert | None:
    try:
        alert = replace(content.ask(define, stack, Alert), source=content.source(define))
    except AbsentError:
        return None
    return None if gone and gone & set(expr.names(alert.expr)) else alert
