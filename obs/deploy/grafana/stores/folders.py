"""How are folders read and written?"""

from http import HTTPStatus
from typing import Any

import orjson

from obs.deploy.grafana.client import Client, segment
from obs.deploy.grafana.errors import Conflict, Missing
from obs.deploy.grafana.state import Item, Key, Kind, Live
from obs.stack import ownership

PAGE = 1000


class Folders:
    """Folders; deleting one would delete what it holds, so only an empty one is ever deleted."""

    kind = Kind.FOLDER
    locks = False  # since 12 the version in a PUT may be ignored

    def __init__(self, client: Client, owner: str) -> None:
        self._client = client
        self._owner = owner

    def read(self, uid: str) -> Live | None:
        """Read one folder."""
        found = self._client.find(f"/api/folders/{segment(uid)}")
        return None if found is None else self._live(found)

    def children(self, parent_uid: str = "") -> list[Live]:
        """List the direct children of a folder, of the root by default."""
        found: list[Live] = []
        page = 1
        while True:
            entries = self._client.read("/api/folders", parentUid=parent_uid, limit=PAGE, page=page)
            found += [self._live({"parentUid": parent_uid, **entry}) for entry in entries]
            if len(entries) < PAGE:
                return found
            page += 1

    def write(self, item: Item, before: Live | None) -> None:
        """Create a folder; or rename it, move it, or both."""
        wanted = item.document
        if before is None:
            self._client.write("POST", "/api/folders", wanted)
            return
        path = f"/api/folders/{segment(item.key.uid)}"
        parent = wanted.get("parentUid", "")
        if parent != before.document.get("parentUid", ""):
            self._client.write("POST", f"{path}/move", {"parentUid": parent})
        if item.title != before.title:
            latest = self._client.read(path)
            self._client.write("PUT", path, {"title": wanted["title"], "version": latest.get("version")})

    def delete(self, before: Live) -> None:
        """Delete an empty folder; raise Conflict for any other: the counts may trail a deletion just made."""
        path = f"/api/folders/{segment(before.key.uid)}"
        if content := self.content(before.key.uid):
            raise Conflict(
                f"folder {before.title!r} holds {content}; only an empty folder is deleted", HTTPStatus.CONFLICT
            )
        self._client.write("DELETE", path)

    def content(self, uid: str) -> str:
        """Say what a folder holds, such as "2 dashboard, 1 folder"; "" if nothing."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts(uid).items()) if count)

    def counts(self, uid: str) -> dict[str, int]:
        """Count what a folder holds by kind of object."""
        try:
            counted = self._client.read(f"/api/folders/{segment(uid)}/counts")
        except Missing:
            return {}
        return {str(kind): int(count) for kind, count in counted.items()}

    def explains(self, known: tuple[Item, ...], live: Live) -> bool:
        """Tell whether title and place are each from a known state: a move and a rename are two requests."""
        documents = [item.document for item in known]
        has = live.document
        return has["title"] in {document["title"] for document in documents} and has.get("parentUid", "") in {
            document.get("parentUid", "") for document in documents
        }

    def _live(self, found: dict[str, Any]) -> Live:
        uid, title = str(found["uid"]), str(found["title"])
        created, updated = found.get("createdBy"), found.get("updatedBy")
        parent = {"parentUid": found["parentUid"]} if found.get("parentUid") else {}
        return Live(
            key=Key(self.kind, uid),
            title=title,
            folder_uid="",
            text=orjson.dumps({"uid": uid, "title": title, **parent}),
            version=str(found.get("version", "")),
            owned=ownership.owns_uid(self._owner, uid),
            author=str(updated) if created and updated and created != updated else "",
            creator=str(created or ""),
        )
