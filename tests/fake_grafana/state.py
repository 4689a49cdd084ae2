"""What does the fake remember?"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.fake_grafana.answer import Counter, Problem

UID = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(slots=True)
class Dashboard:
    """A stored dashboard: every version's model and message, the latest last."""

    uid: str
    folder_uid: str
    history: list[tuple[dict[str, Any], str, str]] = field(default_factory=list)  # model, message, author
    provisioned: str = ""
    plugin: str = ""

    @property
    def model(self) -> dict[str, Any]:
        """The latest model."""
        return self.history[-1][0]

    @property
    def version(self) -> int:
        """The latest version number."""
        return int(self.model["version"])


@dataclass(slots=True)
class State:
    """Everything in one organisation of a Grafana of one version."""

    version: tuple[int, int]
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, Dashboard] = field(default_factory=dict)
    searchable: set[str] | None = None  # None: the search index is up to date
    datasources: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    intervals: dict[tuple[str, str], int] = field(default_factory=dict)
    contact_points: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    mute_timings: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=lambda: {"receiver": "grafana-default-email", "routes": []})
    annotations: list[dict[str, Any]] = field(default_factory=list)
    ids: Counter = field(default_factory=Counter)
    author: str = "sa-pusher"
    organisation: int = 1  # the token's
    name_space: str = ""  # what /apis calls the organisation, if not as its number says
    stale_counts: int = 0  # how many times folder counts still show a dashboard that is gone
    new_uids_in_groups: bool | None = None  # whether a group PUT may bring them; None: as the version says
    converts: bool = False  # show dashboards with options nobody sent, as a release that migrates on reading does

    def edited_by(self, person: str, uid: str, **fields: Any) -> None:
        """Let a person save a dashboard in the browser."""
        stored = self.dashboards[uid]
        stored.history.append(({**stored.model, **fields, "version": stored.version + 1}, "", person))

    def group(self, folder_uid: str, name: str) -> list[dict[str, Any]]:
        """Return the rules of a group in order."""
        return [rule for rule in self.rules.values() if (rule["folderUID"], rule["ruleGroup"]) == (folder_uid, name)]


def legal_uid(uid: str, what: str) -> None:
    """Refuse a uid Grafana refuses."""
    if not UID.fullmatch(uid):
        raise Problem(HTTPStatus.BAD_REQUEST, f"{what} uid {uid!r} is illegal or too long (max 40)")
