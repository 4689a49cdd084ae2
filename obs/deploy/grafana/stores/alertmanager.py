"""How are contact points, mute timings and templates read and written?

All of them live in one stored configuration: they are written one at a time.
"""

from http import HTTPStatus
from typing import Any

import orjson

from obs.deploy.grafana.client import Client, segment
from obs.deploy.grafana.errors import Refused
from obs.deploy.grafana.state import Item, Key, Kind, Live
from obs.deploy.grafana.stores.rule_groups import PREFIX
from obs.deploy.grafana.stores.store import foreign_provenance, is_one_of
from obs.stack import ownership

REDACTED = "[REDACTED]"  # what Grafana gives back for a stored secret; in a PUT it keeps that secret


class _Named:
    """What the kinds kept under a name share."""

    kind: Kind
    locks = False
    path: str

    def __init__(self, client: Client, owner: str) -> None:
        self._client = client
        self._owner = owner

    def read(self, uid: str) -> Live | None:
        """Read one object by name."""
        found = self._client.find(self._at(uid))
        return None if found is None else self._live(uid, found)

    def list_all(self) -> list[Live]:
        """List all objects of this kind."""
        return [self._live(str(found["name"]), found) for found in self._client.find(self.path) or []]

    def delete(self, before: Live) -> None:
        """Delete one object; Grafana refuses while it is in use."""
        self._client.write("DELETE", self._at(before.key.uid))

    def explains(self, known: tuple[Item, ...], live: Live) -> bool:
        """Tell whether the object is in a known state."""
        return is_one_of(known, live)

    def _at(self, uid: str) -> str:
        return f"{self.path}/{segment(uid)}"

    def _live(self, uid: str, found: dict[str, Any]) -> Live:
        return Live(
            key=Key(self.kind, uid),
            title=str(found.get("name") or uid),
            folder_uid="",
            text=orjson.dumps({key: value for key, value in found.items() if key not in {"provenance", "version"}}),
            version=str(found.get("version") or ""),
            obstacle=foreign_provenance(str(found.get("provenance") or "")),
            owned=ownership.owns_uid(self._owner, uid),
        )


class MuteTimings(_Named):
    """Mute timings."""

    kind = Kind.MUTE_TIMING
    path = f"{PREFIX}/mute-timings"

    def write(self, item: Item, before: Live | None) -> None:
        """Create or change a mute timing."""
        if before is None:
            self._client.write("POST", self.path, item.document)
        else:
            self._client.write("PUT", self._at(item.key.uid), _versioned(item, before))


class Templates(_Named):
    """Notification templates."""

    kind = Kind.TEMPLATE
    path = f"{PREFIX}/templates"

    def write(self, item: Item, before: Live | None) -> None:
        """Create or change a template: one request does either."""
        body = _versioned(item, before)
        self._client.write("PUT", self._at(item.key.uid), {key: body[key] for key in body if key != "name"})


class ContactPoints(_Named):
    """Integrations of contact points; each has a uid of its own, and several of one name are one contact point."""

    kind = Kind.CONTACT_POINT
    path = f"{PREFIX}/contact-points"

    def read(self, uid: str) -> Live | None:
        """Read one integration; there is no address for a single one."""
        return next((live for live in self.list_all() if live.key.uid == uid), None)

    def list_all(self) -> list[Live]:
        """List all integrations."""
        return [self._live(str(found["uid"]), found) for found in self._client.find(self.path) or []]

    def write(self, item: Item, before: Live | None) -> None:
        """Create or change an integration; raise Refused where only Grafana knows the secret."""
        if before is not None:
            self._client.write("PUT", self._at(item.key.uid), item.document)
            return
        if REDACTED in item.document.get("settings", {}).values():
            why = "Grafana never gives a secret back, so a deleted one cannot be put back from a copy; push again"
            raise Refused(f"{item.key}: {why}", HTTPStatus.CONFLICT)
        self._client.write("POST", self.path, item.document)


def _versioned(item: Item, before: Live | None) -> dict[str, Any]:
    return {**item.document, **({"version": before.version} if before and before.version else {})}
