"""Does a message read only what the alerts it is written for have?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_DEFINITION = re.compile(r'\{\{-?\s*define\s+"([^"]+)"\s*-?\}\}(.*?)(?=\{\{-?\s*define\s|\Z)', re.DOTALL)
_TEMPLATE = re.compile(r'template\s+"([^"]+)"')
_READ = re.compile(r"\.(Group|Common)?(Labels|Annotations)\.(\w+)")
_GUARD = re.compile(r"(?:with|if|else if)\s")
_OWN = "message."
"""What our templates are called; Alertmanager's own, such as `pagerduty.default.description`, read what is there."""


def problems(
    receiver: Mapping[str, Any],
    templates: str,
    *,
    group_by: Sequence[str],
    alerts: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]],
) -> list[str]:
    """
    Return a sentence for everything a receiver's messages read that is not there.

    ``alerts`` maps the alerts that reach the receiver to their final labels and annotations. What `with` or `if`
    guards may be missing from some alerts, not from all.
    """
    name = receiver["name"]
    definitions = dict(_DEFINITION.findall(templates))
    found = []
    for where, action in _actions(receiver, definitions, f"receiver '{name}'"):
        found += [
            f"{where} uses the template '{missing}', which no file defines; there is: {', '.join(sorted(definitions))}"
            for missing in _TEMPLATE.findall(action)
            if missing.startswith(_OWN) and missing not in definitions
        ]
        for scope, kind, field in _READ.findall(action):
            lacking = _lacking(scope, kind, field, group_by, alerts)
            if lacking and not (_GUARD.match(action) and len(lacking) < len(alerts)):
                whom = f"group_by, which is: {', '.join(group_by)}" if scope == "Group" else ", ".join(lacking)
                found.append(f"{where} reads .{scope}{kind}.{field}, which is missing from {whom}")
    return sorted(set(found))


def _lacking(
    scope: str,
    kind: str,
    field: str,
    group_by: Sequence[str],
    alerts: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]],
) -> list[str]:
    if scope == "Group":
        return [] if kind == "Labels" and field in group_by else list(alerts)
    part = 0 if kind == "Labels" else 1
    return [name for name, final in alerts.items() if field not in final[part]]


def _actions(value: Any, definitions: Mapping[str, str], where: str) -> Iterator[tuple[str, str]]:
    """Yield every `{{ action }}` of a receiver and of the templates it uses, with the place it stands in."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _actions(inner, definitions, f"{where} {key}" if key in ("details", "links") else where)
    elif isinstance(value, list):
        for inner in value:
            yield from _actions(inner, definitions, where)
    elif isinstance(value, str):
        for action in _ACTION.findall(value):
            yield where, action
            for used in _TEMPLATE.findall(action):
                yield from _actions(definitions.get(used, ""), definitions, f"template '{used}'")
