"""Does a message read only what the alerts it is written for have?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from obs.place import Place
from obs.proofs.finding import Fault
from obs.proofs.routes.files import ALERTMANAGER, TEMPLATES, below

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_DEFINITION = re.compile(r'\{\{-?\s*define\s+"([^"]+)"\s*-?\}\}(.*?)(?=\{\{-?\s*define\s|\Z)', re.DOTALL)
_TEMPLATE = re.compile(r'template\s+"([^"]+)"')
_READ = re.compile(r"\.(Group|Common)?(Labels|Annotations)\.(\w+)")
_GUARD = re.compile(r"(?:with|if|else if)\s")
_OWN = "message."
"""What our templates are called; Alertmanager's own, such as `pagerduty.default.description`, read what is there."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """An alert as a message sees it."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def faults(
    receiver: Mapping[str, Any],
    templates: str,
    *,
    group_by: Sequence[str],
    alerts: Sequence[Arriving],
) -> list[Fault]:
    """
    Find everything that a receiver's messages read and that is not there.

    ``alerts`` are those that reach the receiver, once for each set of labels they may arrive with. What `with` or
    `if` guards may be missing from some of them, not from all.
    """
    name = receiver["name"]
    definitions = dict(_DEFINITION.findall(templates))
    found = []
    for where, action in _actions(receiver, definitions, below(ALERTMANAGER, f"receiver '{name}'")):
        found += [
            Fault(
                where,
                f"it uses the template '{missing}', which no file defines",
                f"there is: {', '.join(sorted(definitions))}",
            )
            for missing in _TEMPLATE.findall(action)
            if missing.startswith(_OWN) and missing not in definitions
        ]
        for scope, kind, field in _READ.findall(action):
            lacking = _lacking(scope, kind, field, group_by, alerts)
            if lacking and not (_GUARD.match(action) and len(lacking) < len(alerts)):
                names = ", ".join(dict.fromkeys(alert.name for alert in lacking))
                whom = f"group_by, which is: {', '.join(group_by)}" if scope == "Group" else names
                found.append(
                    Fault(where, f"it reads .{scope}{kind}.{field}, which is missing from {whom}", "", action, field)
                )
    return sorted(set(found), key=str)


def _lacking(
    scope: str, kind: str, field: str, group_by: Sequence[str], alerts: Sequence[Arriving]
) -> Sequence[Arriving]:
    if scope == "Group":
        return () if kind == "Labels" and field in group_by else alerts
    return [alert for alert in alerts if field not in (alert.labels if kind == "Labels" else alert.annotations)]


def _actions(value: Any, definitions: Mapping[str, str], where: Place) -> Iterator[tuple[Place, str]]:
    """Yield every `{{ action }}` of a receiver and of the templates it uses, with the place it stands in."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            inside = replace(where, item=f"{where.item} {key}") if key in ("details", "links") else where
            yield from _actions(inner, definitions, inside)
    elif isinstance(value, list):
        for inner in value:
            yield from _actions(inner, definitions, where)
    elif isinstance(value, str):
        for action in _ACTION.findall(value):
            yield where, action
            for used in _TEMPLATE.findall(action):
                yield from _actions(definitions.get(used, ""), definitions, below(TEMPLATES, f"template '{used}'"))
