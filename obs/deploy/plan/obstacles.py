"""Why must one object not be written, found out before anything is?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from obs.deploy.grafana.state import Desired, Item, Key, Kind, Live
from obs.deploy.grafana.stores import Stores
from obs.deploy.grafana.stores.dashboards import Save
from obs.deploy.grafana.versions import Version
from obs.deploy.plan.survey import Survey
from obs.stack import ownership

# Uids Grafana itself answers for.
BUILT_IN_DATASOURCES = frozenset({"-- Grafana --", "-- Mixed --", "-- Dashboard --", "grafana", "__expr__", "-100"})
IN_FOLDERS = frozenset({Kind.DASHBOARD, Kind.RULE_GROUP})


@dataclass(frozen=True, slots=True)
class Judge:
    """What is known about one Grafana, to judge changes by; ``adopt_mine`` are the uids where ours may win."""

    stores: Stores
    seen: Survey
    desired: Desired
    server: Version
    adopt_mine: frozenset[str]

    @property
    def pushers(self) -> frozenset[str]:
        """The accounts that left our deploy annotations."""
        return frozenset(mark.author for mark in self.seen.marks if mark.author)

    def obstacle(self, item: Item, before: Live | None, save: Save | None = None) -> str:
        """Say why an object must not be created, or changed from ``before``, last saved by ``save``; "" if it may."""
        why = self._placed(item)
        if why or before is None:
            return why
        why = before.obstacle or self._in_group(item.key)
        return why or self.of_people(before, save) or self._moved(item, before)

    def of_people(self, before: Live, save: Save | None) -> str:
        """Say whose work a change or a deletion would take away; "" for nobody's, or one that may go."""
        return "" if before.key.uid in self.adopt_mine else self._theirs(before, save)

    def saved_by_us(self, save: Save) -> bool:
        """Tell whether a push of ours was the last to save a dashboard."""
        return bool(save.digest) or self._unmarked_ours(save)

    def ever_ours(self, save: Save) -> bool:
        """Tell whether any push of ours saved a dashboard; a person's copy of one carries our tag as well."""
        return save.marked or self._unmarked_ours(save)

    def _unmarked_ours(self, save: Save) -> bool:
        """Tell, for a server that keeps no messages, whether only accounts that deployed for us saved it."""
        return not save.marked and bool(save.authors) and save.authors <= self.pushers

    def _placed(self, item: Item) -> str:
        """Say what is wrong with an object as it would be written: its folder, its title, its data sources."""
        if item.key.kind not in IN_FOLDERS:
            return self._folder_clash(item) if item.key.kind is Kind.FOLDER else ""
        folders = {folder.key.uid for folder in self.desired.of(Kind.FOLDER)} | set(self.seen.folders)
        if item.folder_uid and item.folder_uid not in folders:
            return f"its folder {item.folder_uid!r} does not exist and the code does not make it"
        return self._title_clash(item) or self._unknown_datasource(item)

    def _folder_clash(self, item: Item) -> str:
        if self.server.has("titles_repeat") or item.document.get("parentUid"):
            return ""
        for uid, folder in self.seen.folders.items():
            if uid != item.key.uid and folder.title.strip().lower() == item.title.strip().lower():
                sentence = f"the folder {uid!r} has the same title"
                return f"{sentence}, which Grafana {self.server.text} does not allow; rename one (grafana.folder)"
        return ""

    def _title_clash(self, item: Item) -> str:
        if item.key.kind is not Kind.DASHBOARD or self.server.has("titles_repeat"):
            return ""
        title = item.title.strip().lower()
        for uid, entry in self.seen.dashboards.items():
            same_place = (entry.get("folderUid") or "") == item.folder_uid
            if uid != item.key.uid and same_place and str(entry.get("title", "")).strip().lower() == title:
                sentence = f"the dashboard {uid!r} in its folder has the same title"
                return f"{sentence}, which Grafana {self.server.text} does not allow; rename one"
        return ""

    def _unknown_datasource(self, item: Item) -> str:
        if self.seen.datasources is None:
            return ""
        unknown = sorted(set(datasources(item.document)) - self.seen.datasources - BUILT_IN_DATASOURCES)
        there = ", ".join(sorted(self.seen.datasources)) or "none"
        missing = ", ".join(unknown)
        return f"it reads the data source {missing}, which Grafana does not have; it has: {there}" if unknown else ""

    def _in_group(self, key: Key) -> str:
        rules = self.seen.rules.get(key, ())
        adopted = key.uid in self.adopt_mine
        return self.stores.rule_groups.obstacle(rules, adopted=adopted) if key.kind is Kind.RULE_GROUP else ""

    def _moved(self, item: Item, before: Live) -> str:
        moved = before.folder_uid != item.folder_uid and not ownership.owns_uid(self.desired.owner, before.folder_uid)
        if item.key.kind is not Kind.DASHBOARD or not moved or item.key.uid in self.adopt_mine:
            return ""
        there = self.seen.folders.get(before.folder_uid)
        place = repr(there.title if there else before.folder_uid) if before.folder_uid else "no folder"
        return f"somebody moved it to {place}; move it back, or push with --adopt-mine {item.key.uid}"

    def _theirs(self, before: Live, save: Save | None) -> str:
        who = f" by {before.author}" if before.author else ""
        choice = f"take their edit into the code, or push with --adopt-mine {before.key.uid}"
        if before.key.kind is Kind.FOLDER and before.author:  # whoever made it is not the last to have changed it
            return f"it was changed{who} in Grafana; {choice}"
        if save is None:
            return ""
        if not before.owned:
            return f"it was made{who} and does not carry our tag {ownership.tag(self.desired.owner)!r}; {choice}"
        if not self.saved_by_us(save):
            return f"it was edited{who} in Grafana since the last push; {choice}"
        return ""


def datasources(value: Any) -> Iterator[str]:
    """Yield every data source uid a document names; variables such as ${datasource} are left to the reader's choice."""
    if isinstance(value, dict):
        for name, child in value.items():
            uid = child.get("uid") if name == "datasource" and isinstance(child, dict) else None
            uid = child if name == "datasourceUid" else uid
            if isinstance(uid, str) and uid and "$" not in uid:
                yield uid
            yield from datasources(child)
    elif isinstance(value, list):
        for child in value:
            yield from datasources(child)
