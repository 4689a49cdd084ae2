"""What differs between compiled files and the disk, and how are they written so that a failure changes nothing?"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

OWNED = ("infra/observability/prometheus/rules", "infra/observability/grafana/dashboards", "infra/kubernetes")
"""Folders that hold only what is made here: where one is written to, a file that nothing renders any more goes."""


class OutputError(Exception):
    """A file can't be read or written; nothing has changed on disk."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file, and what writing would do to it. ``text`` is empty for a file that nothing renders any more."""

    path: str
    action: Literal["unchanged", "created", "changed", "removed"]
    text: str = ""
    line: int = 0
    """The first line that differs, where the file changes."""


def changes(files: Mapping[str, str], root: Path) -> tuple[FileChange, ...]:
    """Compare compiled files with those below ``root``; raise OutputError when one can't be read."""
    rendered = [_compare(root, path, text) for path, text in files.items()]
    return (*rendered, *(FileChange(path, "removed") for path in _orphans(files, root)))


class Staging:
    """
    Files on their way to the disk, every one or none.

    ``add`` puts new texts beside their places, ``commit`` renames them all. Leaving the context without a commit, or
    with one that failed, leaves every old file as it was; both raise OutputError.
    """

    def __init__(self) -> None:
        self._exit = contextlib.ExitStack()
        self._staged: list[tuple[Path, Path | None]] = []

    def __enter__(self) -> Self:
        """Begin with nothing staged."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is left of staged and replaced files."""
        self._exit.close()

    def add(self, planned: Iterable[FileChange], root: Path) -> None:
        """Stage what differs, below ``root``."""
        with _told(root):
            for change in planned:
                if change.action != "unchanged":
                    self._staged.append((root / change.path, _stage(self._exit, root, change)))

    def commit(self) -> None:
        """Put every staged file in its place; when one can't be, put back those that already were."""
        with _told(Path.cwd()), contextlib.ExitStack() as undo:
            for target, new in self._staged:
                old = target.with_name(f".{target.name}.old")
                if target.exists():
                    old.unlink(missing_ok=True)
                    old.hardlink_to(target)
                    self._exit.callback(old.unlink, missing_ok=True)
                    undo.callback(_put_back, old, target)
                else:
                    undo.callback(target.unlink, missing_ok=True)
                if new:
                    new.replace(target)
                else:
                    target.unlink()
            undo.pop_all()


@contextlib.contextmanager
def _told(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = Path(error.filename2 or error.filename or root)
        where = name.relative_to(root) if name.is_relative_to(root) else name
        raise OutputError(f"{where}: can't be written: {error.strerror}; nothing was changed") from error


def _compare(root: Path, path: str, text: str) -> FileChange:
    try:
        old = (root / path).read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return FileChange(path, "created", text)
    except OSError as error:
        raise OutputError(f"{path}: can't be read: {error.strerror}") from error
    if old == text:
        return FileChange(path, "unchanged", text)
    pairs = zip([*old.splitlines(), None], [*text.splitlines(), None], strict=False)
    return FileChange(path, "changed", text, next(n for n, (a, b) in enumerate(pairs, 1) if a != b or a is None))


def _orphans(files: Mapping[str, str], root: Path) -> list[str]:
    written = {folder for folder in OWNED if any(path.startswith(f"{folder}/") for path in files)}
    owned = (f"{folder}/{name}" for folder in OWNED if folder in written for name in sorted(_names(root / folder)))
    return [path for path in owned if path not in files]


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def _stage(stack: contextlib.ExitStack, root: Path, change: FileChange) -> Path | None:
    """Write the new text beside its place, where a rename is atomic; None for a file that goes."""
    target = root / change.path
    if change.action == "removed":
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    stack.callback(Path(name).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as file:
        file.write(change.text.encode())
    Path(name).chmod(0o644)
    return Path(name)


def _put_back(old: Path, target: Path) -> None:
    old.replace(target)
