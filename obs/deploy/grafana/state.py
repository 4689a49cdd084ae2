"""What should be in Grafana, what is there, and how do the two name the same object?"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from obs.deploy.grafana.errors import DeployError
from obs.diff import normalise

Document = dict[str, Any]

UID = re.compile(r"[A-Za-z0-9_-]{1,40}")  # Grafana's rule for uids of every kind
TITLE_LIMIT = {"dashboard": 5000, "folder": 189, "rule-group": 190}  # characters; Grafana's own limits


class Kind(StrEnum):
    """The kinds of object a push handles, in the order they are written."""

    FOLDER = "folder"
    TEMPLATE = "template"
    MUTE_TIMING = "mute-timing"
    CONTACT_POINT = "contact-point"
    POLICY = "policy"
    DASHBOARD = "dashboard"
    RULE_GROUP = "rule-group"
    DATASOURCE = "datasource"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The identity of an object; a title never is one."""

    kind: Kind
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


@dataclass(frozen=True, slots=True)
class Item:
    """One object as it should be. ``text`` is its JSON: frozen, and a tenth of the memory of the parsed document.

    Build it with `item`, which refuses what Grafana would refuse or silently change.
    """

    key: Key
    title: str
    folder_uid: str
    text: bytes = field(repr=False)  # a contact point's holds secrets

    @property
    def document(self) -> Document:
        """A fresh copy of the document."""
        parsed: Document = orjson.loads(self.text)
        return parsed

    def normalised(self) -> Document:
        """Return the document as everything that means the same would have it."""
        return normalise.normalise(self.key.kind, self.document)

    def shown(self) -> Document:
        """Return the same form with its queries as they are written: what a change is told from."""
        return normalise.shown(self.key.kind, self.document)

    def comparable(self) -> bytes:
        """Bytes equal exactly when two objects of one key mean the same, their place included."""
        return normalise.canonical(self.key.kind, self.document) + b"\n" + self.folder_uid.encode()


@dataclass(frozen=True, slots=True)
class Live(Item):
    """One object as Grafana has it.

    ``version`` is Grafana's lock where the kind has one (a dashboard's number, a timing's fingerprint), else "".
    ``obstacle`` says in words why it must not be written, "" if it may be. ``owned`` is true if it carries our mark.
    ``creator`` is the account that made it, where Grafana says. ``edited`` is true if the last to save it was somebody
    else: putting it back must not make it look like a save of ours.
    """

    version: str = ""
    obstacle: str = ""
    owned: bool = False
    author: str = ""
    creator: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything the code says should be in Grafana, and the mark under which it is ours."""

    owner: str
    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        """Refuse two items of one key: the second would silently replace the first."""
        counted = Counter(item.key for item in self.items)
        if twice := [key for key, count in counted.items() if count > 1]:
            raise DeployError(f"{twice[0]} is there twice; uids, and names within a folder, are unique")

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def of(self, kind: Kind) -> tuple[Item, ...]:
        """Select the items of one kind."""
        return tuple(item for item in self.items if item.key.kind is kind)


def item(kind: Kind, document: Document, *, folder_uid: str = "") -> Item:
    """Make an Item out of a document; raise DeployError naming the field Grafana would refuse."""
    key = Key(kind, uid_of(kind, document))
    title = str(document.get("title") or document.get("name") or key.uid)
    where = f"{kind} {title!r}"
    rule_uids = [str(rule.get("uid") or "") for rule in document["rules"]] if kind is Kind.RULE_GROUP else []
    for uid in (key.uid,) if kind in _WITH_UID else rule_uids:
        if not UID.fullmatch(uid):
            raise DeployError(
                f"{where}: uid {uid!r} has {len(uid)} characters; Grafana takes 1 to 40 of A-Z a-z 0-9 _ -"
            )
    if kind in TITLE_LIMIT and not 0 < len(title.strip()) <= TITLE_LIMIT[kind]:
        raise DeployError(f"{where}: a title has 1 to {TITLE_LIMIT[kind]} characters, this one has {len(title)}")
    if bad := _not_a_number(document, ""):
        raise DeployError(
            f"{where}: {bad} is not a number JSON can carry (NaN or infinite); give it a value or leave it out"
        )
    try:
        text = orjson.dumps(document)
    except TypeError as error:
        raise DeployError(f"{where}: cannot be written as JSON: {error}") from error
    return Item(key, title, folder_uid, text)


_WITH_UID = frozenset({Kind.FOLDER, Kind.DASHBOARD, Kind.CONTACT_POINT, Kind.DATASOURCE})


def reached(live: Item | None, target: Item | None) -> bool:
    """Tell whether an object is as wanted."""
    if live is None or target is None:
        return live is target
    return live.comparable() == target.comparable()


def uid_of(kind: Kind, document: Document) -> str:
    """Return what identifies a document among its kind: its uid, folder and name of a group, a name elsewhere."""
    if kind is Kind.RULE_GROUP:
        return f"{document['folderUid']}/{document['title']}"
    if kind in _WITH_UID:
        return str(document.get("uid") or "")
    return str(document.get("name") or "")


def _not_a_number(value: Any, path: str) -> str:
    """Find the path of the first NaN or infinity; "" if there is none."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else path.removeprefix(".")
    inner: Any = ()
    if isinstance(value, dict):
        inner = ((f"{path}.{name}", child) for name, child in value.items())
    elif isinstance(value, list):
        inner = ((f"{path}[{index}]", child) for index, child in enumerate(value))
    return next((found for name, child in inner if (found := _not_a_number(child, name))), "")
