"""Which files do the programs of the stack start from? `render` answers with every one that follows `stack.toml`."""

from collections.abc import Sequence

from obs.alerting import Group, rules
from obs.config import alertmanager, compose, grafana, jaeger, loki, otelcol, prometheus, promtail, service
from obs.stack import Stack

__all__ = ["beside", "render"]

PROGRAMS = (prometheus, loki, otelcol, promtail, jaeger, grafana)
"""A module each, called like the target it configures."""


def render(stack: Stack, groups: Sequence[Group] | None = None) -> dict[str, str]:
    """
    Return the text of every configuration file, by its path below ``infra/observability``.

    A program that the stack does not have needs none; one that others run is configured by them.
    ``groups`` are the stack's rule groups, where they are known already: who is silenced follows from them.
    """
    if stack.service.stack == "others":
        return {}
    ours = (program for program in PROGRAMS if program.__name__.rpartition(".")[2] in stack.targets)
    files = {path: text for program in ours for path, text in program.render(stack).items()}
    if "alertmanager" in stack.targets:
        files |= alertmanager.render(stack, rules.groups(stack) if groups is None else groups)
    return files | {"service.env": service.environment(stack)}


def beside(stack: Stack) -> dict[str, str]:
    """Return what starts the programs, by its path below the checkout; nothing where others run them."""
    return {} if stack.service.stack == "others" else compose.render(stack)
