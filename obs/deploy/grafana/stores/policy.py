"""How is our own branch of the notification policy tree read and written, without touching anybody else's?"""

from http import HTTPStatus
from typing import Any

import orjson

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import Refused
from obs.deploy.grafana.state import Document, Item, Key, Kind, Live
from obs.deploy.grafana.stores.rule_groups import KEEP_EDITABLE, PREFIX
from obs.deploy.grafana.stores.store import foreign_provenance, is_one_of
from obs.stack import ownership

PATH = f"{PREFIX}/policies"


class Policies:
    """The one route below the root whose matcher is our ownership mark.

    Grafana only replaces the whole tree, so every other branch is sent back exactly as it was just read, and with the
    provenance the tree has: people who edit theirs in the user interface still can.
    """

    kind = Kind.POLICY
    locks = False  # the last writer wins; nothing in the payload prevents it

    def __init__(self, client: Client, owner: str) -> None:
        self._client = client
        self._owner = owner

    def read(self, uid: str) -> Live | None:
        """Read our branch; ``uid`` is the owner's name."""
        tree = self._client.find(PATH)
        branch = next((route for route in _routes(tree) if self._ours(route)), None)
        if branch is None:
            return None
        provenance = str(tree.get("provenance") or "")
        obstacle = foreign_provenance(provenance) if provenance not in {"", "api"} else ""
        return Live(Key(self.kind, uid), uid, "", orjson.dumps({**branch, "name": uid}), obstacle=obstacle, owned=True)

    def write(self, item: Item, before: Live | None) -> None:
        """Put our branch first when it is new, else where it was; ``before`` adds nothing, the tree is read again."""
        del before
        branch = {key: value for key, value in item.document.items() if key != "name"}
        self._replace(branch)

    def delete(self, before: Live) -> None:
        """Take our branch out of the tree."""
        del before
        self._replace(None)

    def before_ours(self) -> list[dict[str, Any]]:
        """Return the routes that stand before our branch; none where we have no branch, for a new one comes first."""
        routes = _routes(self._client.find(PATH))
        return routes[: next((index for index, route in enumerate(routes) if self._ours(route)), 0)]

    def explains(self, known: tuple[Item, ...], live: Live) -> bool:
        """Tell whether our branch is in a known state: the tree is written whole."""
        return is_one_of(known, live)

    def _replace(self, branch: Document | None) -> None:
        tree = self._client.find(PATH)
        if tree is None:
            raise Refused(f"{PATH}: there is no notification policy to add a branch to", HTTPStatus.NOT_FOUND)
        routes = _routes(tree)
        place = next((index for index, route in enumerate(routes) if self._ours(route)), None)
        others = [route for route in routes if not self._ours(route)]
        others[place or 0 : place or 0] = [] if branch is None else [branch]
        headers = {} if tree.get("provenance") else KEEP_EDITABLE
        body = {key: value for key, value in tree.items() if key != "provenance"}
        self._client.write("PUT", PATH, {**body, "routes": others}, headers)

    def _ours(self, route: dict[str, Any]) -> bool:
        return ownership.matcher(self._owner) in (route.get("object_matchers") or [])


def _routes(tree: Any) -> list[dict[str, Any]]:
    return list((tree or {}).get("routes") or [])
