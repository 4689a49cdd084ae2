"""Where do the two sides of a comparison come from: the code, a git revision, a folder, one file?"""

import subprocess
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from obs import output
from obs.diff.cases import diff_cases
from obs.diff.change import DiffError, ObjectChange
from obs.diff.documents import parsed
from obs.diff.notified import diff_notified
from obs.diff.settings import diff_settings
from obs.diff.trees import diff_trees, not_compared
from obs.stack import Stack

OUTPUT = "infra/observability"
GENERATED = (f"{OUTPUT}/grafana/dashboards", f"{OUTPUT}/prometheus/rules")
COMPOSE = "docker-compose.observability.yml"
SETTINGS = ("stack.toml", COMPOSE)
REVIEWED = (OUTPUT, "alerts", *SETTINGS)
DOCUMENTS = (".json", ".yml", ".yaml")
READ = (*DOCUMENTS, ".py", ".toml")
Files = Mapping[str, bytes]


def diff_files(old: Files, new: Files) -> tuple[ObjectChange, ...]:
    """Describe what changed between two sets of files, path to bytes; of Python only the cases of alerts are read.

    A file that both sides hold alike is not read further: a dashboard in it counts as one unchanged object.
    """
    notified = diff_notified(old, new)
    settings = sorted(path for path in {*old, *new} if _is_setting(path))
    told_settings = [_setting(path, old.get(path), new.get(path)) for path in settings]
    old, new = ({path: text for path, text in side.items() if not _is_setting(path)} for side in (old, new))
    unchanged = [path for path, text in old.items() if path.endswith(".json") and new.get(path) == text]
    told, unread = _parsed([old, new], frozenset(unchanged))
    modules = ({path: text for path, text in files.items() if path.endswith(".py")} for files in (old, new))
    alike = (ObjectChange("dashboard", path, path, "unchanged") for path in unchanged if b'"panels"' in old[path])
    return (*unread, *notified, *diff_trees(*told), *told_settings, *alike, *diff_cases(*modules))


def _is_setting(path: str) -> bool:
    """Tell whether a file of a checkout holds settings of the stack: what is built beside dashboards and rules."""
    return path in SETTINGS or (path.startswith(f"{OUTPUT}/") and not path.startswith(GENERATED))


def _setting(path: str, old: bytes | None, new: bytes | None) -> ObjectChange:
    try:
        return diff_settings(path, old, new)
    except DiffError as error:
        return not_compared(path, error)


def _parsed(sides: list[Files], skipped: Container[str]) -> tuple[list[dict[str, Any]], list[ObjectChange]]:
    """Parse the documents of both sides; a file that is broken on one side takes part on neither."""
    trees: list[dict[str, Any]] = [{}, {}]
    unread: dict[str, ObjectChange] = {}
    for tree, files, others in zip(trees, sides, reversed(sides), strict=True):
        for path, text in files.items():
            if path.endswith(DOCUMENTS) and path not in skipped:
                try:
                    tree[path] = parsed(path, text)
                except DiffError as error:
                    if others.get(path) != text:
                        unread[path] = not_compared(path, error)
    pair = all(len(files) == 1 for files in sides)  # two files, whatever they are called
    kept = [{path: one for path, one in tree.items() if path not in unread and not (pair and unread)} for tree in trees]
    return kept, [*unread.values()]


def compared(repository: Path, stack: Callable[[], Stack], sides: Sequence[str]) -> tuple[Files, Files]:
    """Read both sides of a comparison by what was asked for.

    Nothing: the committed files and the code. One revision: that and the working tree. `A..B`, or two revisions: these.
    `A...B`: B and where it left A.
    Two paths: these. `stack` is called only where the code is rendered. Raises DiffError if a side is none of these.
    """
    if len(sides) <= 1 and not (repository / OUTPUT).is_dir():
        raise DiffError(
            f"there is no {OUTPUT} in {repository}; run it at the root of the checkout, after `make dashboards`"
        )
    match sides:
        case []:
            code = read_code(stack())
            committed = read_folder(repository, (OUTPUT, COMPOSE))
            return {path: text for path, text in committed.items() if path in code or path.startswith(GENERATED)}, code
        case [one]:
            old, new = revisions(one)
            if new and new.startswith("."):
                new = new.removeprefix(".") or "HEAD"
                old = fork(repository, old, new)
            after = read_revision(repository, new) if new else read_folder(repository, REVIEWED)
            return read_revision(repository, old), after
        case [old, new] if Path(old).exists() and Path(new).exists():
            return read_folder(Path(old)), read_folder(Path(new))
        case [old, new]:
            return read_revision(repository, old), read_revision(repository, new)
    raise DiffError(f"{len(sides)} sides were given; at most two can be compared")


def read_code(stack: Stack) -> dict[str, bytes]:
    """Build what the programs of a stack load, by the path it is committed at."""
    built = output.build(stack).texts
    return {path: text.encode() for path, text in built.items() if path == COMPOSE or path.startswith(f"{OUTPUT}/")}


def read_folder(folder: Path, below: Iterable[str] = ("",)) -> dict[str, bytes]:
    """Read every JSON, YAML and Python file of a folder, or of some folders below it, by its path from there.

    A file instead of a folder is read as itself. Raises DiffError if there is nothing at the path.
    """
    if not folder.exists():
        raise DiffError(f"{folder} is neither a file, a folder nor a git revision")
    if folder.is_file():
        return {folder.name: folder.read_bytes()}
    parts = [folder / part for part in below]
    found = (path for part in parts for path in ([part] if part.is_file() else sorted(part.rglob("*"))))
    files = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if _is_read(name)}


def _is_read(path: str) -> bool:
    return path.endswith(READ) or _is_setting(path)


def read_revision(repository: Path, revision: str, below: Iterable[str] = REVIEWED) -> dict[str, bytes]:
    """Read the generated files and the alerts of a git revision by their path, without touching the working tree.

    Raises DiffError if git does not know the revision.
    """
    listing = _git(repository, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", revision, "--", *below)
    entries = [entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry]
    blobs = {path.decode(): head.split()[2] for head, path in entries if head.split()[1] == b"blob"}
    wanted = {path: blob for path, blob in blobs.items() if _is_read(path)}
    answer = _git(repository, "cat-file", "--batch", stdin=b"".join(blob + b"\n" for blob in wanted.values()))
    files = {}
    for path in wanted:
        head, _, rest = answer.partition(b"\n")
        size = int(head.split()[2])
        files[path], answer = rest[:size], rest[size + 1 :]
    return files


def revisions(text: str) -> tuple[str, str | None]:
    """Read `A..B` as two revisions and `A` as one to compare the working tree with; an empty end is HEAD."""
    old, dots, new = text.partition("..")
    return old or "HEAD", (new or "HEAD") if dots else None


def fork(repository: Path, old: str, new: str) -> str:
    """Return the commit two revisions have in common; raise DiffError if git knows none."""
    return _git(repository, "merge-base", "--end-of-options", old, new).decode().strip()


def _git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(("git", "-C", str(folder), *arguments), input=stdin, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise DiffError("git is not on PATH; install it, or compare two folders") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise DiffError(f"git says: {said}; give two paths that are there, or a revision that this clone knows")
    return done.stdout
