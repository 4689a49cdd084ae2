"""How do the same rule groups reach the ruler of a Mimir, Cortex or Loki?

A ruler keeps groups by namespace. Ours is named after the owner, as our groups are: what bears another name there is
somebody else's and stays, what is ours and gone from the code is deleted when asked. The API is YAML, one POST a group,
which replaces it: safe to repeat. Sources: Mimir's HTTP API page
(`/prometheus/config/v1/rules`) and Loki's (`/loki/api/v1/rules`); Cortex has `/api/v1/rules`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from obs import durations
from obs.deploy.grafana.client import Client, segment
from obs.deploy.grafana.errors import DeployError, Edited, Lost, Missing, NotAsSent, Refused
from obs.deploy.plan.desired import RULES

DEFAULT_PATH = "/prometheus/config/v1/rules"
YAML = {"Content-Type": "application/yaml", "Accept": "application/yaml"}
Action = Literal["create", "update", "delete", "unchanged", "left"]


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What happens to one group; ``body`` is None for a deletion, ``before`` for a creation.

    A "left" one is in our namespace and not in the code, and stays.
    """

    name: str
    action: Action
    body: Mapping[str, Any] | None
    before: Mapping[str, Any] | None

    @property
    def writes(self) -> bool:
        """Whether anything is sent."""
        return self.action not in {"unchanged", "left"}


class Ruler:
    """One namespace of one ruler; ``tenant`` goes into X-Scope-OrgID."""

    def __init__(self, client: Client, namespace: str, tenant: str = "") -> None:
        self._client = client
        self._base = "" if urlsplit(client.url).path.rstrip("/").endswith("/rules") else DEFAULT_PATH
        self._namespace = namespace
        self._tenant = tenant
        self._headers = {**YAML, **({"X-Scope-OrgID": tenant} if tenant else {})}

    def plan(self, groups: Iterable[Mapping[str, Any]], *, prune: bool = False) -> list[GroupChange]:
        """Compare the wanted groups with the namespace's; deletions, of ours alone and with ``prune``, last."""
        live = self._by_name()
        wanted = {str(group["name"]): group for group in groups}
        changes = [
            GroupChange(name, _action(live.get(name), group), group, live.get(name)) for name, group in wanted.items()
        ]
        gone = [name for name in live if name not in wanted]
        ours = [name for name in gone if prune and name.startswith(f"{self._namespace}-")]
        return changes + [
            GroupChange(name, "delete" if name in ours else "left", None, live[name]) for name in sorted(gone)
        ]

    def push(self, changes: Iterable[GroupChange]) -> list[GroupChange]:
        """Write the changes that are some, read them back, and return them.

        On failure put everything back; raise the DeployError that says what failed, and what could not be put back.
        """
        written = [change for change in changes if change.writes]
        begun: list[GroupChange] = []
        try:
            self._refuse_moved(written)
            for change in written:
                begun.append(change)
                self._write(change.name, change.body)
            self._verify(written)
        except DeployError as error:
            afresh = Ruler(self._client.afresh(), self._namespace, self._tenant)
            left = afresh._put_back(begun)
            state = f"not put back: {'; '.join(left)}" if left else "nothing has changed: what was written is put back"
            raise DeployError(f"{error}; {state}") from error
        return written

    def _refuse_moved(self, changes: Sequence[GroupChange]) -> None:
        live = self._by_name()
        for change in changes:
            if not _same(live.get(change.name), change.before):
                raise Edited(f"ruler group {change.name!r}: somebody changed it meanwhile; run it again")

    def _verify(self, written: Sequence[GroupChange]) -> None:
        live = self._by_name()
        for change in written:
            if not _same(live.get(change.name), change.body):
                raise NotAsSent(f"ruler group {change.name!r}: the write was accepted, and reads back differently")

    def _put_back(self, begun: Sequence[GroupChange]) -> list[str]:
        """Put groups back that are still as they were written; return a sentence for each that is not as it was."""
        left: list[str] = []
        for change in reversed(begun):
            try:
                there = self._by_name().get(change.name)
                if _same(there, change.before):
                    continue
                if not _same(there, change.body):
                    left.append(f"{change.name}: somebody changed it meanwhile")
                    continue
                self._write(change.name, change.before)
            except DeployError as error:
                left.append(f"{change.name}: {error}")
        return left

    def _by_name(self) -> dict[str, dict[str, Any]]:
        return {str(group["name"]): group for group in self._groups()}

    def _write(self, name: str, body: Mapping[str, Any] | None) -> None:
        attempt = 0
        while True:
            try:
                self._send(name, body)
            except Lost:
                if not self._client.patience.wait(attempt):
                    raise
                attempt += 1
            else:
                return

    def _send(self, name: str, body: Mapping[str, Any] | None) -> None:
        path = f"{self._base}/{segment(self._namespace)}"
        if body is None:
            try:
                self._client.write_text("DELETE", f"{path}/{segment(name)}", "", self._headers)
            except Missing:
                return
        else:
            text = yaml.safe_dump(dict(body), sort_keys=False, allow_unicode=True)
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
    return "unchanged" if _same(live, wanted) else "update"


def _same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return _normalised(one) == _normalised(other)


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
