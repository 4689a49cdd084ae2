"""Which figures of a page come from settings? A figure with the key behind it: 2 % (`thresholds.api_error_ratio`)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from obs import content
from obs.stack import Stack

FIGURE = re.compile(r"(?P<figure>\d+(?:\.\d+)?)(?P<unit> (?:%|s|minutes))? \(`(?P<key>(?:slo|thresholds)\.[a-z_.]+)`\)")
SCALE = {"": 1.0, " %": 0.01, " s": 1.0, " minutes": 60.0}
"""What one of a unit is, in the unit of the settings."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in a page: where it starts, what it says, what its setting says; None where there is no such setting."""

    start: int
    key: str
    says: str
    right: str | None


def figures(text: str, stack: Stack) -> Iterator[Figure]:
    """Yield the figures of a page that have a setting's key behind them."""
    for found in FIGURE.finditer(text):
        unit = found["unit"] or ""
        value = _setting(found["key"], stack)
        right = None if value is None else f"{value / SCALE[unit]:.10g}{unit}"
        yield Figure(found.start(), found["key"], found["figure"] + unit, right)


def filled(text: str, stack: Stack) -> str:
    """Return a page in which every such figure is what its setting says."""
    for figure in reversed(list(figures(text, stack))):
        if figure.right is not None:
            text = text[: figure.start] + figure.right + text[figure.start + len(figure.says) :]
    return text


def _setting(key: str, stack: Stack) -> float | None:
    table, _, name = key.partition(".")
    if table == "thresholds":
        return next((one.of(stack) for one in content.here().thresholds if one.name == name), None)
    try:
        value = attrgetter(key)(stack)
    except AttributeError:
        return None
    return value if isinstance(value, float) else None
