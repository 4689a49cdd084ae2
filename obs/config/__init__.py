"""Which files do the programs of the stack start from? `render` answers with every one that follows `stack.toml`."""

from obs.config import alertmanager, grafana, jaeger, loki, prometheus, promtail
from obs.stack import Stack

__all__ = ["render"]

PROGRAMS = (prometheus, alertmanager, loki, promtail, jaeger, grafana)


def render(stack: Stack) -> dict[str, str]:
    """Return the text of every configuration file, by its path below ``infra/observability``."""
    return {path: text for program in PROGRAMS for path, text in program.render(stack).items()}
