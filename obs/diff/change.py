"""What is one change, before anybody decides how to print it?"""

from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["create", "update", "delete", "unchanged", "skipped", "unread"]
"""What happens to an object; a file is `skipped` if it holds none, `unread` if it cannot be compared."""

Verb = Literal["added", "removed", "changed", "moved", "renamed"]
Step = str | int
Path = tuple[Step, ...]


class DiffError(ValueError):
    """Two things cannot be compared; the message says which, why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One change in words: `subject` is where (a panel, a rule, "" for the object itself), `text` is what.

    `path` locates the value in the newer document (the older one for what was removed); `old` and `new` are its values,
    None where it is absent. `before` and `after` are queries formatted for display. `hidden` marks a mere consequence
    of another change, such as panels pushed down by an added one: true, counted, and not worth a reader's first look.
    """

    subject: str
    text: str
    field: str
    verb: Verb = "changed"
    old: Any = None
    new: Any = None
    before: str = ""
    after: str = ""
    path: Path = ()
    hidden: bool = False


def presence(old: object) -> Verb:
    """Name what happened to a thing that one side lacks, given the older side."""
    return "added" if old is None else "removed"


def one_sided(subject: str, text: str, field: str, old: Any, new: Any, *, path: Path, code: str = "") -> Sentence:
    """Say that a thing came or went; `code` is its query, shown on the side it is on."""
    before, after = ("", code) if old is None else (code, "")
    return Sentence(subject, text, field, presence(old), old, new, before, after, path)


@dataclass(frozen=True, slots=True)
class Tile:
    """A panel's place on Grafana's 24-column grid, in grid units, what became of it, and which sentences say so.

    `number` is the panel's id, None where it has none.
    """

    key: str
    title: str
    panel_type: str
    x: int
    y: int
    w: int
    h: int
    verb: Verb | None = None
    subject: str = ""
    number: int | str | None = None


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """What happens to one Grafana object, and the sentences that say so.

    `tiles_before` and `tiles_after` are a changed dashboard's panels, for renderers that draw.
    """

    kind: str
    uid: str
    title: str
    action: Action
    sentences: tuple[Sentence, ...] = ()
    tiles_before: tuple[Tile, ...] = ()
    tiles_after: tuple[Tile, ...] = ()
