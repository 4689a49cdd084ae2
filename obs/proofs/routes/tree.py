"""Which receivers does Alertmanager choose for an alert's labels?"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

Labels = Mapping[str, str]

_MATCHER = re.compile(r"\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


@lru_cache(maxsize=8192)
def _matches(value: str, wanted: str) -> bool:
    return re.fullmatch(wanted, value) is not None


_HOLDS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": _matches,
    "!~": lambda value, wanted: not _matches(value, wanted),
}


class TreeError(ValueError):
    """The routing tree can't be read; the message quotes the part."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of ``matchers``; an absent label counts as empty."""

    label: str
    operator: str
    value: str

    @classmethod
    @cache
    def parse(cls, text: str) -> "Condition":
        """Read `severity="page"`; raise TreeError for anything else."""
        found = _MATCHER.fullmatch(text)
        if not found:
            raise TreeError(f'matcher {text!r}: takes label="value", with =, !=, =~ or !~')
        label, operator, value = found.groups()
        try:
            return cls(label, operator, json.loads(value) if value.startswith('"') else value)
        except json.JSONDecodeError as error:
            raise TreeError(f"matcher {text!r}: its value is badly quoted") from error

    def __str__(self) -> str:
        """Return the matcher as it is written."""
        return f"{self.label}{self.operator}{json.dumps(self.value)}"

    def holds(self, labels: Labels) -> bool:
        """Tell whether an alert with these labels passes."""
        return _HOLDS[self.operator](labels.get(self.label, ""), self.value)


def all_hold(matchers: list[str], labels: Labels) -> bool:
    """Tell whether every matcher of a list passes."""
    return all(Condition.parse(matcher).holds(labels) for matcher in matchers)


@dataclass(frozen=True, slots=True)
class Route:
    """
    A node of the routing tree of Alertmanager or Grafana, with what it inherits from its parent filled in.

    The defaults are Alertmanager's: https://prometheus.io/docs/alerting/latest/configuration/#route
    """

    receiver: str
    group_by: tuple[str, ...]
    conditions: tuple[Condition, ...]
    goes_on: bool
    children: tuple["Route", ...]
    hours: tuple[str, ...] = ()
    """The time intervals that mute it, or outside of which it is mute; a node does not inherit them."""
    group_wait: str = "30s"
    group_interval: str = "5m"
    repeat_interval: str = "4h"

    @classmethod
    def parse(cls, raw: Mapping[str, Any], parent: "Route | None" = None) -> "Route":
        """Read the ``route`` of an ``alertmanager.yml``, or a notification policy of Grafana; raise TreeError."""
        above = parent or cls("", (), (), goes_on=False, children=())
        node = cls(
            receiver=raw.get("receiver") or above.receiver,
            group_by=tuple(raw.get("group_by") or above.group_by),
            group_wait=raw.get("group_wait") or above.group_wait,
            group_interval=raw.get("group_interval") or above.group_interval,
            repeat_interval=raw.get("repeat_interval") or above.repeat_interval,
            conditions=tuple(_conditions(raw)),
            goes_on=bool(raw.get("continue", False)),
            children=(),
            hours=(*raw.get("mute_time_intervals", ()), *raw.get("active_time_intervals", ())),
        )
        children = tuple(cls.parse(child, node) for child in raw.get("routes", ()))
        return replace(node, children=children)

    def everywhere(self) -> Iterator["Route"]:
        """Yield the node and everything below it."""
        yield self
        for child in self.children:
            yield from child.everywhere()

    def chosen(self, labels: Labels) -> tuple["Route", ...]:
        """
        Return the nodes that notify: depth first, the first match at each level unless it says ``continue``.

        https://prometheus.io/docs/alerting/latest/configuration/#route
        """
        return tuple(self._chosen(labels))

    def _chosen(self, labels: Labels) -> Iterator["Route"]:
        if not all(condition.holds(labels) for condition in self.conditions):
            return
        found = False
        for child in self.children:
            deeper = child.chosen(labels)
            yield from deeper
            found = found or bool(deeper)
            if deeper and not child.goes_on:
                break
        if not found:
            yield self


def _conditions(raw: Mapping[str, Any]) -> Iterator[Condition]:
    """Yield what a node asks of an alert: its matchers, those of older files, and those of Grafana."""
    yield from map(Condition.parse, raw.get("matchers") or ())
    yield from (Condition(str(label), "=", str(value)) for label, value in (raw.get("match") or {}).items())
    yield from (Condition(str(label), "=~", str(value)) for label, value in (raw.get("match_re") or {}).items())
    for label, operator, value in raw.get("object_matchers") or ():
        if operator not in _HOLDS:
            raise TreeError(f"matcher {label} {operator} {value}: takes =, !=, =~ or !~")
        yield Condition(str(label), str(operator), str(value))
