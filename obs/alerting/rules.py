"""Which rules does Prometheus evaluate for this stack, and where does each come from?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from obs import content
from obs.alerting.model import Alert, AlertError, Group
from obs.alerting.recording import recordings
from obs.alerting.render import path, render_group
from obs.stack import Stack

T = TypeVar("T")


def groups(stack: Stack) -> tuple[Group, ...]:
    """
    Return every rule group of a stack, in the order Prometheus should load them.

    Raises AlertError, naming file, line and function, where a rule is wrong by itself or with this stack.
    """
    name = stack.service.name
    recorded = Group("recording", f"{name}-recording", _locate("obs/alerting/recording.py", recordings, stack))
    alerting = (
        Group(file, f"{name}-{file}", tuple(_define(define, stack) for define in defines))
        for file, defines in content.here().alerts.items()
    )
    return (recorded, *alerting)


def render(stack: Stack) -> dict[str, str]:
    """Return the rule files, path below infra/observability to text."""
    return {path(group): render_group(stack, group) for group in groups(stack)}


def _define(define: Callable[[Stack], Alert], stack: Stack) -> Alert:
    code = define.__code__
    source = f"alerts/{Path(code.co_filename).name}:{code.co_firstlineno} {define.__name__}"
    return replace(_locate(source, define, stack), source=source)


def _locate(source: str, define: Callable[[Stack], T], stack: Stack) -> T:
    try:
        return define(stack)
    except ValueError as error:
        raise AlertError(f"{source}: {error}") from error
