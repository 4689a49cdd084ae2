"""Which commit is deployed, written where dashboards show it: as an annotation?"""

from dataclasses import dataclass
from typing import Any

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import Lost
from obs.stack import ownership
from obs.stack.identity import DEPLOYED

COMMIT_PREFIX = "sha:"
LIMIT = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """One deploy annotation; ``time_ms`` is Unix time in milliseconds, ``author`` the account that left it."""

    commit: str
    time_ms: int
    text: str
    author: str = ""


def marks(client: Client, owner: str) -> list[Mark]:
    """Return this owner's deploy annotations, the latest first."""
    found = client.read("/api/annotations", tags=[DEPLOYED, ownership.tag(owner)], type="annotation", limit=LIMIT)
    read = [_mark(entry) for entry in found]
    return sorted((mark for mark in read if mark.commit), key=lambda mark: -mark.time_ms)


def leave(client: Client, owner: str, *, commit: str, text: str) -> None:
    """Annotate a deployment unless the latest annotation says the same; raise what `Client.write` does, Lost last."""
    attempt = 0
    while not _says(client, owner, commit):
        body = {"text": text, "tags": [DEPLOYED, ownership.tag(owner), f"{COMMIT_PREFIX}{commit}"]}
        try:
            client.write("POST", "/api/annotations", body)
        except Lost:
            if not client.patience.wait(attempt):
                raise
            attempt += 1
        else:
            return


def _says(client: Client, owner: str, commit: str) -> bool:
    latest = marks(client, owner)[:1]
    return bool(latest) and latest[0].commit == commit


def _mark(entry: dict[str, Any]) -> Mark:
    commits = [tag.removeprefix(COMMIT_PREFIX) for tag in entry.get("tags") or () if tag.startswith(COMMIT_PREFIX)]
    author = str(entry.get("login") or "")
    return Mark(commits[0] if commits else "", int(entry.get("time") or 0), str(entry.get("text", "")), author)
