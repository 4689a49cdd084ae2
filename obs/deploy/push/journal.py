"""Where was a push when it was killed, and what did Grafana hold before it?

One file per Grafana and owner, JSON lines: a header with the copies taken by the plan, made durable before the first
write, then one line per write begun. It disappears when everything is as the push, or its undo, wanted it; found at the
start of a run, it tells that run what to finish and what "before" means.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import orjson

from obs.deploy.grafana.errors import Busy, DeployError
from obs.deploy.grafana.state import Item, Key, Kind

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What a run that did not end left behind: its commit, the objects it began to write, and how they were before."""

    run: str
    commit: str
    before: Mapping[Key, Item | None] = field(default_factory=dict)
    begun: frozenset[Key] = frozenset()


class Journal:
    """The journal of one run."""

    def __init__(self, path: Path) -> None:
        """Use `open_journal`."""
        self._path = path
        self._file: TextIO | None = None
        self._writing = threading.Lock()
        self.unfinished = _load(path)
        self.run = self.unfinished.run if self.unfinished else secrets.token_hex(8)

    def begin(self, commit: str, before: Mapping[Key, Item | None]) -> Mapping[Key, Item | None]:
        """Make the copies durable; return them with those of an unfinished run, whose are older, in their place.

        Only then may anything be written.
        """
        self.close()
        earlier = self.unfinished
        begun = earlier.begun if earlier else frozenset()
        if earlier:
            before = {**before, **{key: earlier.before.get(key) for key in begun}}
        header = {
            "format": FORMAT,
            "run": self.run,
            "commit": commit,
            "before": [[key.kind, key.uid, _packed(item)] for key, item in before.items()],
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
        return before

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
        self.begin(commit, {})

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
def open_journal(folder: Path, url: str, owner: str) -> Iterator[Journal]:
    """Open the journal of one Grafana and owner; raise Busy if another push on this machine holds it."""
    name = hashlib.sha256(f"{url} {owner}".encode()).hexdigest()[:16]
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
    before = {Key(Kind(kind), uid): _unpacked(Key(Kind(kind), uid), item) for kind, uid, item in header["before"]}
    begun = frozenset(Key(Kind(kind), uid) for kind, uid in (entry["begun"] for entry in entries[1:]))
    return Record(header["run"], header["commit"], before, begun)


def _packed(item: Item | None) -> dict[str, str] | None:
    if item is None:
        return None
    text = base64.b64encode(item.text).decode()
    return {"title": item.title, "folder": item.folder_uid, "text": text}


def _unpacked(key: Key, packed: dict[str, str] | None) -> Item | None:
    if packed is None:
        return None
    return Item(key, packed["title"], packed["folder"], base64.b64decode(packed["text"]))


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
