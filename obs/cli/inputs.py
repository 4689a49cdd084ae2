"""What did the last build read, and is all of it still as it was? Then there is nothing to build."""

import datetime as dt
import hashlib
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MEMORY = Path(".obs/builds")
"""Where a build notes what it read, below the checkout. Deleting it costs one build."""

MOST_NOTES = 20
"""How many commands' builds are remembered."""

WRITES = os.O_WRONLY | os.O_RDWR
"""Flags of a file that is opened to write."""

Signature = list[int] | str | None
"""A file's size, inode and times in ns, a folder's names, or None for what does not exist."""


class Inputs:
    """
    Everything one run reads, heard from Python itself, so that nothing has to be listed by hand.

    The interpreter tells of every file opened, folder listed, program started and module imported. What a run reads
    without a file, its arguments, environment, day and interpreter, is the ``occasion``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        digest = hashlib.sha256(json.dumps([str(Path.cwd()), *arguments]).encode()).hexdigest()
        self._memory = MEMORY / f"{digest[:16]}.json"
        self._occasion = _occasion()
        self._started = time.time_ns()
        self._read: set[str] = set()

    def unchanged(self) -> Any:
        """Return what an earlier run made, where everything it read is as it was; None where it must run again."""
        try:
            known = json.loads(self._memory.read_bytes())
        except (OSError, ValueError):
            return None
        same = known["occasion"] == self._occasion and all(
            _signature(path) == was for path, was in known["read"].items()
        )
        return known["made"] if same else None

    def listen(self) -> None:
        """Note what is read from now on."""
        sys.addaudithook(self._hear)

    def remember(self, made: object) -> None:
        """Note what this run made, beside everything it read; not where a file changed while it ran."""
        modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        read = {path: _signature(path) for path in sorted(self._read | {path for path in modules if path})}
        times = (when for was in read.values() if isinstance(was, list) for when in was[2:])
        if max(times, default=0) >= self._started:
            return
        draft = self._memory.with_suffix(f".{os.getpid()}")
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({"occasion": self._occasion, "read": read, "made": made}), encoding="utf-8")
            draft.replace(self._memory)
            self._forget()
        except OSError:  # the next build does the work again, as it would have without a note
            draft.unlink(missing_ok=True)

    def _forget(self) -> None:
        """Delete the oldest notes: each other folder and each other command has its own."""
        notes = sorted(self._memory.parent.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
        for note in notes[MOST_NOTES:]:
            note.unlink(missing_ok=True)

    def _hear(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = details  # `os.open` tells no mode
            reads = not flags & WRITES
        else:
            path, reads = details[0] if details else None, event in {"os.listdir", "os.scandir", "subprocess.Popen"}
        if reads and isinstance(path, str | os.PathLike):
            text = os.path.abspath(path)  # noqa: PTH100 - a path of pathlib would tell of itself again
            if not text.endswith(".pyc") and not text.startswith("/dev/"):
                self._read.add(text)


def _signature(path: str) -> Signature:
    try:
        status = os.stat(path)  # noqa: PTH116 - hundreds of them are asked for while a person waits
        if not stat.S_ISDIR(status.st_mode):
            # A program may set the time of modification, never that of change.
            return [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        with os.scandir(path) as entries:
            names = sorted(one.name for one in entries if not one.name.startswith((".", "__pycache__")))
    except OSError:
        return None
    return hashlib.sha256("\0".join(names).encode()).hexdigest()


def _occasion() -> str:
    """Return one digest of the environment, the day, the interpreter, and the promtool that would be asked."""
    promtool = shutil.which(os.environ.get("PROMTOOL") or "promtool")
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()  # a waiver runs out by itself
    occasion = [sorted(os.environ.items()), today, sys.version, sys.executable, promtool]
    return hashlib.sha256(json.dumps(occasion).encode()).hexdigest()
