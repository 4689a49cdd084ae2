"""What became of each object of a push?"""

from dataclasses import dataclass
from typing import Literal

from obs.deploy.grafana.state import Key
from obs.deploy.plan.plan import Change

Fate = Literal["done", "undone", "failed", "left", "not sent"]


@dataclass(frozen=True, slots=True)
class Result:
    """One object's fate, and why in words where it is not simply "done".

    "left" is the one to look at: the push changed it, or may have, and could not put it back.
    """

    key: Key
    title: str
    action: str
    fate: Fate
    why: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a push did. ``failure`` is the first thing that went wrong, "" if nothing did.

    ``notes`` name what is left to do, ``said`` what is good to know.
    """

    results: tuple[Result, ...] = ()
    failure: str = ""
    notes: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    def with_fate(self, *fates: Fate) -> tuple[Result, ...]:
        """Select the results with one of these fates."""
        return tuple(result for result in self.results if result.fate in fates)

    @property
    def state(self) -> Literal["new", "old", "mixed"]:
        """Which state Grafana is in now: as planned, as before, or parts of each."""
        if all(result.fate == "done" for result in self.results):
            return "new"
        return "mixed" if self.with_fate("left", "done", "failed") else "old"


def result(change: Change, fate: Fate, why: str = "") -> Result:
    """Make the result of a change."""
    return Result(change.key, change.title, change.action, fate, why)
