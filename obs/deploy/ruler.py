"""How do the same rule groups reach the ruler of a Mimir, Cortex or Loki?

A ruler keeps groups by namespace. Ours is named after the owner and holds nothing else, so what is in it and not in the
code is deleted. The API is YAML, one POST a group, which replaces it: safe to repeat. Sources: Mimir's HTTP API page
(`/prometheus/config/v1/rules`) and Loki's (`/loki/api/v1/rules`); Cortex has `/api/v1/rules`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from obs.deploy.grafana.client import Client, segment
from obs.deploy.grafana.errors import DeployError, Lost, Missing, Refused
from obs.deploy.plan.desired import RULES
from obs.query import durations

DEFAULT_PATH = "/prometheus/config/v1/rules"
YAML = {"Content-Type": "application/yaml", "Accept": "application/yaml"}
Action = Literal["create", "update", "delete", "unchanged"]


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What happens to one group."""

    name: str
    action: Action
    body: Mapping[str, Any]


class Ruler:
    """One namespace of one ruler; ``tenant`` goes into X-Scope-OrgID."""

    def __init__(self, client: Client, namespace: str, tenant: str = "") -> None:
        self._client = client
        self._base = "" if urlsplit(client.url).path.rstrip("/").endswith("/rules") else DEFAULT_PATH
        self._namespace = namespace
        self._headers = {**YAML, **({"X-Scope-OrgID": tenant} if tenant else {})}

    def plan(self, groups: Iterable[Mapping[str, Any]]) -> list[GroupChange]:
        """Compare the wanted groups with the namespace's; deletions last."""
        live = {group["name"]: group for group in self._groups()}
        wanted = {str(group["name"]): group for group in groups}
        changes = [GroupChange(name, _action(live.get(name), group), group) for name, group in wanted.items()]
        return changes + [GroupChange(name, "delete", live[name]) for name in live if name not in wanted]

    def push(self, changes: Iterable[GroupChange]) -> list[GroupChange]:
        """Write the changes that are some, read them back, and return them; raise DeployError naming the group."""
        written = [change for change in changes if change.action != "unchanged"]
        for change in written:
            self._write(change)
        bodies = {group["name"]: group for group in self._groups()}
        for change in written:
            there = bodies.get(change.name)
            if (change.action == "delete") != (there is None) or (there and _action(there, change.body) == "update"):
                raise DeployError(f"ruler group {change.name!r}: the write was accepted, and reads back differently")
        return written

    def _write(self, change: GroupChange) -> None:
        attempt = 0
        while True:
            try:
                self._send(change)
            except Lost:
                if not self._client.patience.wait(attempt):
                    raise
                attempt += 1
            else:
                return

    def _send(self, change: GroupChange) -> None:
        path = f"{self._base}/{segment(self._namespace)}"
        if change.action == "delete":
            try:
                self._client.write_text("DELETE", f"{path}/{segment(change.name)}", "", self._headers)
            except Missing:
                return
        else:
            text = yaml.safe_dump(dict(change.body), sort_keys=False, allow_unicode=True)
            self._client.write_text("POST", path, text, self._headers)

    def _groups(self) -> list[dict[str, Any]]:
        try:
            text = self._client.read_text(f"{self._base}/{segment(self._namespace)}", self._headers)
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise
            return []
        try:
            parsed = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise DeployError(f"{self._client.url}{self._base}: not a ruler's answer: {error}") from error
        if isinstance(parsed, dict) and all(isinstance(groups, list) for groups in parsed.values()):
            return [group for groups in parsed.values() for group in groups]
        advice = "give --ruler the address up to /rules, such as https://mimir/prometheus/config/v1/rules"
        raise DeployError(f"{self._client.url}{self._base}: not a ruler's answer; {advice}")


def prometheus_groups(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the groups of every rendered rule file, recording rules included."""
    paths = sorted(path for path in texts if PurePosixPath(path).match(RULES))
    return [group for path in paths for group in yaml.safe_load(texts[path])["groups"]]


def _action(live: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Action:
    if live is None:
        return "create"
    return "unchanged" if _normalised(live) == _normalised(wanted) else "update"


def _normalised(group: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {
            **{name: value for name, value in rule.items() if value},
            **{name: durations.canonical(str(rule[name])) for name in ("for", "keep_firing_for") if rule.get(name)},
            "expr": str(rule["expr"]).strip(),
        }
        for rule in group["rules"]
    ]
    zero = [{name: value for name, value in rule.items() if value != "0s"} for rule in rules]
    return {"interval": durations.canonical(str(group.get("interval") or "0s")), "rules": zero}
