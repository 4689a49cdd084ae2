"""How are dashboards read and written?"""

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from obs.deploy.grafana.client import Client, segment
from obs.deploy.grafana.errors import NotAsSent, Refused
from obs.deploy.grafana.state import Document, Item, Key, Kind, Live
from obs.deploy.grafana.stores.store import is_one_of
from obs.stack import ownership

PAGE = 5000  # the most /api/search gives; more is 422
RESOURCES = "/apis/dashboard.grafana.app"
RESOURCE_VERSIONS = ("v1", "v1beta1")
RESOURCES_PAGE = 250
NOT_ACCEPTABLE = 406  # a v2 dashboard, asked for through the classic API
MESSAGE_MARK = "obs:"  # opens the history message of every save of ours, before the digest of what was saved
SAVED = re.compile(rf"{MESSAGE_MARK} ([0-9a-f]+)")
HISTORY = 50  # versions looked at
MESSAGE_LIMIT = 500  # characters


@dataclass(frozen=True, slots=True)
class Save:
    """Who saved a dashboard, as its history says.

    ``digest`` is that of the latest version if a push of ours saved it, else "". ``marked`` tells whether any version
    bears the mark of a push, ``authors`` which accounts saved the versions.
    """

    digest: str
    marked: bool
    authors: frozenset[str]

    def holds(self, item: Item, live: Live) -> bool:
        """Tell whether this is our save of just this item, in its place, whatever the server shows instead of it.

        Grafana 12 and later convert a stored dashboard when it is read; how far differs between releases.
        """
        return self.digest == digest(item) and live.folder_uid == item.folder_uid


def digest(item: Item) -> str:
    """Return the fingerprint of a dashboard and its place, the same for all spellings that mean the same."""
    return hashlib.sha256(item.comparable()).hexdigest()[:16]


class Dashboards:
    """Dashboards; the version a save is based on is sent with it and Grafana refuses one that is not the latest."""

    kind = Kind.DASHBOARD
    locks = True

    def __init__(self, client: Client, owner: str, message: str = "") -> None:
        self._client = client
        self._owner = owner
        self._message = message

    def read(self, uid: str) -> Live | None:
        """Read one dashboard."""
        try:
            found = self._client.find(f"/api/dashboards/uid/{segment(uid)}")
        except Refused as refused:
            if refused.status != NOT_ACCEPTABLE:
                raise
            text = orjson.dumps({"uid": uid, "title": uid, "elements": "not read", "layout": "not read"})
            obstacle = "it is stored in the v2 schema, which this API cannot write"
            return Live(Key(self.kind, uid), uid, "", text, obstacle=obstacle)
        return None if found is None else self._live(found["meta"], found["dashboard"])

    def search(self) -> Iterator[dict[str, Any]]:
        """Yield every dashboard's search entry. The index may trail the latest writes by a second."""
        page = 1
        while True:
            entries: list[dict[str, Any]] = self._client.read("/api/search", type="dash-db", limit=PAGE, page=page)
            yield from entries
            if len(entries) < PAGE:
                return
            page += 1

    def list_full(self, organisation: int, uids: Collection[str]) -> Iterator[Live]:
        """Yield these dashboards out of pages of all there are: contents and places, without version or history.

        Yield nothing where the list is not to be had, as in Grafana Cloud, whose name spaces are called otherwise.
        """
        try:
            served = self._client.find(RESOURCES) or {}
            names = [str(entry.get("version")) for entry in served.get("versions") or ()]
            name = next(name for name in RESOURCE_VERSIONS if name in names)
            space = "default" if organisation == 1 else f"org-{organisation}"
            path = f"{RESOURCES}/{name}/namespaces/{space}/dashboards"
            for entry in self._resources(path):
                if entry["metadata"]["name"] in uids:
                    yield self._of_resource(entry)
        except (Refused, StopIteration):
            return

    def _resources(self, path: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self._client.read(path, limit=RESOURCES_PAGE, **({"continue": token} if token else {}))
            yield from page["items"]
            token = str(page["metadata"].get("continue") or "")
            if not token:
                return

    def _of_resource(self, entry: dict[str, Any]) -> Live:
        metadata = entry["metadata"]
        place = {"folderUid": (metadata.get("annotations") or {}).get("grafana.app/folder")}
        return self._live(place, {**entry["spec"], "uid": metadata["name"]})

    def last_save(self, uid: str) -> Save:
        """Tell who saved the latest version of a dashboard: a push, and of what, or somebody else."""
        answer = self._client.find(f"/api/dashboards/uid/{segment(uid)}/versions", limit=HISTORY)
        versions: Any = answer.get("versions") if isinstance(answer, dict) else answer  # a list until about 12
        marks = [SAVED.match(str(version.get("message") or "")) for version in versions or ()]
        digest = marks[0][1] if marks and marks[0] else ""
        return Save(digest, any(marks), frozenset(str(version.get("createdBy") or "") for version in versions or ()))

    def write(self, item: Item, before: Live | None) -> None:
        """Save a dashboard on top of the version ``before``; raise Conflict if that is not the latest.

        What somebody else saved last goes back without our mark, so that it stays theirs.
        """
        model = {key: value for key, value in item.document.items() if key != "id"}
        model["version"] = int(before.version) if before else 0
        edited = isinstance(item, Live) and item.edited
        mark = "Put back as it was:" if edited else f"{MESSAGE_MARK} {digest(item)}"
        message = f"{mark} {self._message}"[:MESSAGE_LIMIT]
        body = {"dashboard": model, "folderUid": item.folder_uid, "message": message, "overwrite": False}
        answer = self._client.write("POST", "/api/dashboards/db", body) or {}
        if answer.get("uid", item.key.uid) != item.key.uid:
            raise NotAsSent(f"{item.key}: Grafana saved it under the uid {answer['uid']!r}")

    def delete(self, before: Live) -> None:
        """Delete a dashboard."""
        self._client.write("DELETE", f"/api/dashboards/uid/{segment(before.key.uid)}")

    def explains(self, known: tuple[Item, ...], live: Live) -> bool:
        """Tell whether the dashboard is in a known state, or is our save of one, shown converted."""
        return is_one_of(known, live) or any(self.last_save(live.key.uid).holds(item, live) for item in known)

    def _live(self, meta: dict[str, Any], model: Document) -> Live:
        uid = str(model["uid"])
        return Live(
            key=Key(self.kind, uid),
            title=str(model.get("title", uid)),
            folder_uid=str(meta.get("folderUid") or ""),
            text=orjson.dumps(model),
            version=str(model.get("version") or meta.get("version") or 0),
            obstacle=_obstacle(meta),
            owned=ownership.owns_tags(self._owner, model.get("tags") or ()),
            author=str(meta.get("updatedBy") or ""),
        )


def _obstacle(meta: dict[str, Any]) -> str:
    if meta.get("provisioned"):
        return (
            f"Grafana provisions it from the file {meta.get('provisionedExternalId') or '(unnamed)'}; remove it there"
        )
    if meta.get("pluginId"):
        return f"it belongs to the plugin {meta['pluginId']}"
    return ""
