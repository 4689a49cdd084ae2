"""How do hours of rule windows fit into minutes? Every duration of a rule and of a route is divided by one number."""

from collections.abc import Callable
from typing import Any

import yaml

from obs.durations import seconds
from obs.query import windows

SCALE = 30
"""One minute of production is two seconds here: `[5m]` becomes ten, which still holds ten scrapes."""

RULE_KEYS = ("for", "keep_firing_for", "interval")
RULE_FLAGS = {
    "--rules.alert.resend-delay": "1m",
    "--rules.alert.for-grace-period": "10m",
    "--rules.alert.for-outage-tolerance": "1h",
}
"""Prometheus' defaults: https://prometheus.io/docs/prometheus/latest/command-line/prometheus/."""

ROUTE_KEYS = ("group_wait", "group_interval", "repeat_interval")


def rules(text: str, by: int = SCALE) -> str:
    """Return a rule file with holds, intervals, windows and offsets ``by`` times shorter; nothing else changes."""
    return _edited(text, {**dict.fromkeys(RULE_KEYS, duration), "expr": expression}, by)


def routes(text: str, by: int = SCALE) -> str:
    """Return an `alertmanager.yml` whose routes wait ``by`` times shorter; nothing else changes."""
    return _edited(text, dict.fromkeys(ROUTE_KEYS, duration), by)


def flags(lines: list[str], by: int = SCALE) -> list[str]:
    """Return Prometheus' flags with those about alerts ``by`` times shorter, its own defaults included."""
    given = dict(line.partition("=")[::2] for line in lines)
    return [
        f"{name}={duration(value, by) if name in RULE_FLAGS else value}"
        for name, value in {**RULE_FLAGS, **given}.items()
    ]


def expression(expr: str, by: int) -> str:
    """Return PromQL with every range window and offset ``by`` times shorter; texts in quotes stay."""
    return windows.rewritten(expr, lambda text: duration(text, by))


def duration(text: str, by: int) -> str:
    """Return a Prometheus duration ``by`` times shorter, in whole milliseconds: `5m` by 30 is `10000ms`."""
    length = seconds(text)
    return f"{round(length / by * 1000)}ms" if length else text


def _edited(text: str, edits: dict[str, Callable[[str, int], str]], by: int) -> str:
    def edit(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: edits[key](inner, by) if key in edits else edit(inner) for key, inner in value.items()}
        return [edit(inner) for inner in value] if isinstance(value, list) else value

    return yaml.safe_dump(edit(yaml.safe_load(text)), sort_keys=False, width=1000)
