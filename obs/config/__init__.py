"""Which files do the programs of the stack start from? `render` answers with every one that follows `stack.toml`."""

from collections.abc import Sequence

from obs.alerting import rules
from obs.alerting.model import Group
from obs.config import alertmanager, grafana, jaeger, loki, prometheus, promtail
from obs.stack import Stack

__all__ = ["render"]

PROGRAMS = (prometheus, loki, promtail, jaeger, grafana)


def render(stack: Stack, groups: Sequence[Group] | None = None) -> dict[str, str]:
    """
    Return the text of every configuration file, by its path below ``infra/observability``.

    ``groups`` are the stack's rule groups, where they are known already: who is silenced follows from them.
    """
    files = {path: text for program in PROGRAMS for path, text in program.render(stack).items()}
    return files | alertmanager.render(stack, rules.groups(stack) if groups is None else groups)
