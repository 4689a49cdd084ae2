"""How are groups of Grafana-managed alert rules read and written?"""

from collections.abc import Iterable
from typing import Any

import orjson

from obs.deploy.grafana import versions
from obs.deploy.grafana.client import Client, segment
from obs.deploy.grafana.errors import Conflict, Lost
from obs.deploy.grafana.state import Document, Item, Key, Kind, Live
from obs.deploy.grafana.stores.store import foreign_provenance
from obs.diff import normalise
from obs.stack import ownership

PREFIX = "/api/v1/provisioning"
KEEP_EDITABLE = {"X-Disable-Provenance": "true"}


class RuleGroups:
    """Rule groups, written as a whole: a PUT replaces the group and is all or nothing.

    Every write stamps provenance `api`: rules are read-only in the user interface, and so no edit there can be lost.
    """

    kind = Kind.RULE_GROUP
    locks = False  # the payload carries no version

    def __init__(self, client: Client, owner: str, server: versions.Version) -> None:
        self._client = client
        self._owner = owner
        self._server = server
        self._new_one_by_one = not server.has("group_takes_new_uids")

    def list_rules(self) -> list[dict[str, Any]]:
        """List every rule of the organisation, with its provenance, folder and group."""
        return self._client.read(f"{PREFIX}/alert-rules") or []

    def read(self, uid: str) -> Live | None:
        """Read one group; its uid is its folder's uid, a slash, and its name."""
        found = self._client.find(_path(uid))
        if not found or not found.get("rules"):
            return None
        group = {"title": found["title"], "folderUid": found["folderUid"], "interval": found["interval"]}
        rules = found["rules"]
        owned = all(ownership.owns_labels(self._owner, rule.get("labels")) for rule in rules)
        text = orjson.dumps({**group, "rules": rules})
        return Live(Key(self.kind, uid), str(group["title"]), group["folderUid"], text, owned=owned)

    def obstacle(self, rules: Iterable[dict[str, Any]], *, adopted: bool = False) -> str:
        """Say why a group that holds these listed rules must not be replaced; "" if it may.

        An ``adopted`` one may be although its provenance was cleared, which lets people edit it.
        """
        for rule in rules:
            if not ownership.owns_labels(self._owner, rule.get("labels")):
                return f"it holds the rule {rule.get('title')!r}, which is not ours and would be deleted; move it away"
            provenance = str(rule.get("provenance") or "")
            uid = f"{rule.get('folderUID')}/{rule.get('ruleGroup')}"
            if not provenance and not adopted:
                return (
                    f"rule {rule.get('title')!r} lost its provenance, so that people can edit it; take their edit into "
                    f"the code, or push with --adopt-mine {uid!r}"
                )
            if provenance and (why := foreign_provenance(provenance)):
                return f"rule {rule.get('title')!r}: {why}"
        return ""

    def adapted(self, item: Item) -> tuple[Item, list[str]]:
        """Return a group as this server can hold it, and a sentence for everything it cannot."""
        document, notes = versions.adapted(item.document, self._server)
        return Item(item.key, item.title, item.folder_uid, orjson.dumps(document)), notes

    def write(self, item: Item, before: Live | None) -> None:
        """Replace the group."""
        group = item.document
        rules = [self._addressed(rule, group) for rule in group["rules"]]
        if self._new_one_by_one:
            known = {rule["uid"] for rule in before.document["rules"]} if before else set()
            for rule in rules:
                if rule["uid"] not in known:
                    self._client.write("POST", f"{PREFIX}/alert-rules", rule)
        path, body = _path(item.key.uid), {**group, "rules": rules}
        try:
            self._client.write("PUT", path, body)
        except Conflict:
            if not before or not self._editable(before):
                raise
            self._client.write("PUT", path, body, KEEP_EDITABLE)
        except Lost:
            if before and self._editable(before):
                self._client.write("PUT", path, body, KEEP_EDITABLE)
                return
            # Some releases answer 500 to new rules with uids of ours in a group PUT; which is not certain.
            self._new_one_by_one = True
            raise

    def delete(self, before: Live) -> None:
        """Delete the group and its rules."""
        headers = KEEP_EDITABLE if self._editable(before) else {}
        if self._server.has("delete_group"):
            self._client.write("DELETE", _path(before.key.uid), headers=headers)
            return
        for rule in before.document["rules"]:
            self._client.write("DELETE", f"{PREFIX}/alert-rules/{segment(rule['uid'])}", headers=headers)

    def explains(self, known: tuple[Item, ...], live: Live) -> bool:
        """Tell whether every rule is from a known state: old servers take and lose rules one at a time."""
        expected = [rule for item in known for rule in normalise.rule_group(item.document)["rules"]]
        return all(rule in expected for rule in normalise.rule_group(live.document)["rules"])

    def _editable(self, before: Live) -> bool:
        """Tell whether the provenance of a group was cleared; Grafana refuses to put it back, by 409 or 500."""
        rule = self._client.find(f"{PREFIX}/alert-rules/{segment(before.document['rules'][0]['uid'])}")
        return bool(rule) and not rule.get("provenance")

    def _addressed(self, rule: Document, group: Document) -> Document:
        kept = {name: value for name, value in rule.items() if name not in normalise.RULE_SERVER_FIELDS}
        return {**kept, "folderUID": group["folderUid"], "ruleGroup": group["title"]}


def _path(uid: str) -> str:
    folder_uid, _, name = uid.partition("/")
    return f"{PREFIX}/folder/{segment(folder_uid)}/rule-groups/{segment(name)}"
