"""Where was a push when it was killed, and what did Grafana hold before it?

One file per owner and organisation of a Grafana, JSON lines: a header with the copies taken by the plan and the states
to be written, durable before the first write, then one line per write begun. It disappears when everything is as the
push, or its undo, wanted it. Found at the start of a run, it tells that run what "before" means for the objects that
are still as the earlier run left them: what anybody, a person or another machine, did since is not taken back.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import orjson

from obs.deploy.grafana.errors import Busy, DeployError
from obs.deploy.grafana.state import Item, Key, Kind, Live

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Write:
    """What a run does to one object: how it was before, and every state a run gave it since (None: absent)."""

    before: Live | None
    given: tuple[Item | None, ...]

    @property
    def known(self) -> tuple[Item | None, ...]:
        """The states between which a run that was cut short leaves the object."""
        return (self.before, *self.given)


@dataclass(frozen=True, slots=True)
class Record:
    """What a run that did not end left behind: its commit, what was deployed when it began, and the writes it began."""

    run: str
    commit: str
    deployed: str
    writes: Mapping[Key, Write] = field(default_factory=dict)


class Journal:
    """The journal of one run."""

    def __init__(self, path: Path) -> None:
        """Use `open_journal`."""
        self._path = path
        self._file: TextIO | None = None
        self._writing = threading.Lock()
        self.unfinished = _load(path)
        self.run = self.unfinished.run if self.unfinished else secrets.token_hex(8)

    def begin(self, commit: str, deployed: str, writes: Mapping[Key, Write], begun: Iterable[Key] = ()) -> None:
        """Make durable what is about to be written, and what of it an earlier run ``begun``; only then write anything.

        ``deployed`` names the latest deployment in Grafana.
        """
        self.close()
        header = {
            "format": FORMAT,
            "run": self.run,
            "commit": commit,
            "deployed": deployed,
            "writes": [
                [key.kind, key.uid, _packed(write.before), [_packed(_without_secrets(item)) for item in write.given]]
                for key, write in writes.items()
            ],
        }
        fresh = self._path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(header) + b"\n")
            file.writelines(orjson.dumps({"begun": [key.kind, key.uid]}) + b"\n" for key in sorted(begun))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        _fsync_folder(self._path.parent)
        self._file = self._path.open("a", encoding="utf-8")

    def begun(self, key: Key) -> None:
        """Note that a write of this object is about to be sent; on disk before it is."""
        if self._file is None:
            return
        with self._writing:
            self._file.write(orjson.dumps({"begun": [key.kind, key.uid]}).decode() + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, leaving on disk what it says."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def settle(self, commit: str) -> None:
        """Keep the run open for its finishing touches, with nothing to undo: every object is as it should be."""
        self.unfinished = None
        self.begin(commit, "", {})

    def give_up(self) -> None:
        """Forget a run that wrote nothing; what an earlier one left undone stays remembered."""
        self.close()
        if self.unfinished is None:
            self._path.unlink(missing_ok=True)

    def end(self) -> None:
        """Forget the run: every object is as it was, or as it was meant to be."""
        self.close()
        self._path.unlink(missing_ok=True)
        self.unfinished = None


@contextlib.contextmanager
def open_journal(folder: Path, url: str, owner: str, organisation: int = 1) -> Iterator[Journal]:
    """Open the journal of one organisation of a Grafana and owner; raise Busy if another push here holds it."""
    name = hashlib.sha256(f"{url} {organisation} {owner}".encode()).hexdigest()[:16]
    path = folder / f"push-{name}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise DeployError(f"{folder}: the journal cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise Busy(f"another push to {url} is running on this machine (process {holder}); wait for it") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        journal = Journal(path)
        try:
            yield journal
        finally:
            journal.close()


def _load(path: Path) -> Record | None:
    """Read what an earlier run left; a last line cut short by the kill is ignored."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    entries: list[dict[str, Any]] = []
    for line in lines:
        with contextlib.suppress(orjson.JSONDecodeError):
            entries.append(orjson.loads(line))
    if not entries or entries[0].get("format") != FORMAT:
        raise DeployError(f"{path}: not a journal this version can read; look at it, then delete it")
    header = entries[0]
    begun = {Key(Kind(kind), uid) for kind, uid in (entry["begun"] for entry in entries[1:])}
    keyed = [(Key(Kind(kind), uid), before, given) for kind, uid, before, given in header["writes"]]
    writes = {
        key: Write(_unpacked(key, before), tuple(_unpacked(key, item) for item in given))
        for key, before, given in keyed
        if key in begun
    }
    return Record(header["run"], header["commit"], header["deployed"], writes)


def _without_secrets(item: Item | None) -> Item | None:
    """Return what a state can be recognised by; the secrets of a contact point never reach the disk."""
    if item is None or item.key.kind is not Kind.CONTACT_POINT:
        return item
    return replace(item, text=orjson.dumps(item.shown()))


def _packed(item: Item | None) -> dict[str, Any] | None:
    if item is None:
        return None
    text = base64.b64encode(item.text).decode()
    edited = isinstance(item, Live) and item.edited
    return {"title": item.title, "folder": item.folder_uid, "text": text, "edited": edited}


def _unpacked(key: Key, packed: dict[str, Any] | None) -> Live | None:
    if packed is None:
        return None
    text = base64.b64decode(packed["text"])
    return Live(key, packed["title"], packed["folder"], text, edited=packed["edited"])


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
