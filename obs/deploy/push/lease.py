"""How do two pushes from two machines find out about each other before either has changed anything?

Grafana has no lock to offer, but creating a folder with a uid of our own is atomic: one creates it, the other is told
that it exists. The folder is empty, named after its holder, and gone when the push ends. One left behind by a killed
push is taken over by the same journal at once, by anybody after `EXPIRES_SECONDS`.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Callable

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import Busy, Conflict, DeployError, Lost, Missing
from obs.deploy.grafana.patience import Patience
from obs.deploy.grafana.stores.folders import Folders
from obs.stack import ownership

EXPIRES_SECONDS = 30 * 60  # longer than a push and its undo may wait, see `Patience`

Clock = Callable[[], dt.datetime]


def now() -> dt.datetime:
    """Return the time in UTC."""
    return dt.datetime.now(dt.UTC)


class Lease:
    """The right to write under an owner's name in one Grafana."""

    def __init__(self, client: Client, owner: str, run: str, who: str, clock: Clock = now) -> None:
        self._client = client
        self._folders = Folders(client, owner)
        self._uid = ownership.uid(owner, ownership.LEASE_NAME)
        self._owner, self._run, self._who, self._clock = owner, run, who, clock

    def take(self, patience: Patience, *, over: bool = False) -> str:
        """Take the lease; return whose it was if it was taken over, "" if it was free.

        Raise Busy naming the holder if somebody else has it, unless it is to be taken ``over``.
        """
        since = self._clock().isoformat(timespec="seconds")
        title = f"{self._owner}: deploy by {self._who}, run {self._run}, since {since}"
        taken_from = ""
        for attempt in range(10):
            try:
                self._client.write("POST", "/api/folders", {"uid": self._uid, "title": title})
            except (Lost, Conflict):
                holder = self._holder()
                if self._is_ours(holder):
                    return taken_from
                if holder and not over and not self._expired(holder):
                    sentence = f"another push is under way: {holder!r}"
                    minutes = EXPIRES_SECONDS // 60
                    hint = (
                        f"wait for it; if it died, push with --take-over, or wait until {minutes} minutes have passed"
                    )
                    raise Busy(f"{sentence}; {hint}") from None
                if holder:
                    self._remove(holder)
                    taken_from = holder
                elif not patience.wait(attempt):
                    raise
            else:
                return taken_from
        raise DeployError(f"the folder {self._uid}, which keeps two pushes apart, can be neither made nor read")

    def give_back(self) -> str:
        """Remove the lease's folder, unless somebody took it over; return why that failed, "" if it did not."""
        try:
            holder = self._holder()
            if self._is_ours(holder):
                self._remove(holder)
        except DeployError as error:
            return str(error)
        return ""

    def _remove(self, holder: str) -> None:
        for _ in range(2):  # a lost answer is asked about once
            folder = self._folders.read(self._uid)
            if folder is None or folder.title != holder:
                return
            with contextlib.suppress(Missing, Lost):
                self._folders.delete(folder)
                return
        raise DeployError(f"the folder {self._uid} may still be there; an empty one may be deleted by hand")

    def _holder(self) -> str:
        folder = self._folders.read(self._uid)
        return "" if folder is None else folder.title

    def _is_ours(self, holder: str) -> bool:
        return f"run {self._run}," in holder

    def _expired(self, holder: str) -> bool:
        since = re.search(r"since (\S+)$", holder)
        try:
            began = dt.datetime.fromisoformat(since[1]) if since else None
        except ValueError:
            began = None
        return began is None or (self._clock() - began).total_seconds() > EXPIRES_SECONDS
