"""What differs between compiled files and the disk, and how are they written so that a failure changes nothing?"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

MANIFEST = "files.txt"
"""The list of what a build has made, beside it: what it names and nothing renders any more goes, and nothing else."""


OF = "# Of "
"""What the line of a manifest begins with that says which deployment its files are of."""


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


def refuse_another(files: Mapping[str, str], root: Path) -> None:
    """Raise OutputError where what is below ``root`` was made of another deployment than ``files``."""
    for path, text in files.items():
        if path.endswith(f"/{MANIFEST}") and (root / path).is_file():
            there, ours = (_of(lines) for lines in ((root / path).read_text(encoding="utf-8"), text))
            if there and there != ours:
                raise OutputError(
                    f"{root / path}: it is of {there}, not of {ours}, which would be written over it; take --out DIR, "
                    "a folder for each"
                )


def _of(manifest: str) -> str:
    return next((line.removeprefix(OF) for line in manifest.splitlines() if line.startswith(OF)), "")


class Staging:
    """
    Files on their way to the disk, every one or none.

    ``add`` puts new texts beside their places, ``commit`` renames them all. Leaving the context without a commit, or
    with one that failed, leaves every old file as it was; both raise OutputError.
    """

    def __init__(self) -> None:
        self._exit = contextlib.ExitStack()
        self._staged: list[tuple[Path, Path | None]] = []
        self._folders: set[Path] = set()

    def __enter__(self) -> Self:
        """Begin with nothing staged."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is left of staged and replaced files."""
        self._exit.close()

    def add(self, planned: Iterable[FileChange], root: Path) -> None:
        """Stage what differs, below ``root``."""
        for change in planned:
            if change.action != "unchanged":
                try:
                    self._staged.append((root / change.path, self._stage(root / change.path, change)))
                except OSError as error:  # of a disk that is full Python does not say which file it was
                    raise _refused(change.path, error) from error

    def _stage(self, target: Path, change: FileChange) -> Path | None:
        """Write the new text beside its place, where a rename is atomic; None for a file that goes."""
        if change.action == "removed":
            return None
        if target.parent not in self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        staged = Path(name)
        self._exit.callback(staged.unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as file:
            file.write(change.text.encode())
            os.fchmod(handle, 0o644)
        return staged

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
        raise _refused(where, error) from error


def _refused(where: str | Path, error: OSError) -> OutputError:
    return OutputError(f"{where}: can't be written: {error.strerror}; nothing was changed")


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
    manifests = (root / path for path in files if path.endswith(f"/{MANIFEST}"))
    listed = (line for manifest in manifests if manifest.is_file() for line in manifest.read_text().splitlines())
    made = (line for line in listed if not line.startswith("#"))
    return [path for path in dict.fromkeys(made) if path not in files and _is_below(root, path)]


def _is_below(root: Path, path: str) -> bool:
    """Tell whether a file is there, in no other folder than ``root``: a list could be edited to name any."""
    target = root / path
    return target.is_file() and target.resolve().is_relative_to(root.resolve())


def _put_back(old: Path, target: Path) -> None:
    old.replace(target)
