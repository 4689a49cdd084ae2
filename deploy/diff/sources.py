"""Where do the two sides of a comparison come from: a git revision, a folder, one file?"""

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml

from deploy.diff.change import DiffError, ObjectChange
from deploy.diff.trees import Document, diff_trees

GENERATED = ("infra/observability/grafana/dashboards", "infra/observability/prometheus/rules")
SUFFIXES = (".json", ".yml", ".yaml")
Files = Mapping[str, bytes]


def diff_files(old: Files, new: Files) -> tuple[ObjectChange, ...]:
    """Describe what changed between two sets of files, path to bytes; equal bytes are parsed once and not walked.

    Raises DiffError, with the path, for a file that is no JSON, YAML or dashboard.
    """
    known: dict[tuple[bytes, str], Document] = {}
    trees = [{path: _parsed(path, text, known) for path, text in files.items()} for files in (old, new)]
    return diff_trees(*trees)


def read_folder(folder: Path, below: Iterable[str] = ("",)) -> dict[str, bytes]:
    """Read every JSON and YAML file of a folder, or of some folders below it, by its path from there.

    A file instead of a folder is read as itself. Raises DiffError if there is nothing at the path.
    """
    if not folder.exists():
        raise DiffError(f"{folder} is neither a file, a folder nor a git revision")
    if folder.is_file():
        return {folder.name: folder.read_bytes()}
    found = (path for part in below for path in sorted((folder / part).rglob("*")) if path.suffix in SUFFIXES)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.is_file()}


def read_revision(repository: Path, revision: str, below: Iterable[str] = GENERATED) -> dict[str, bytes]:
    """Read the generated files of a git revision by their path, without touching the working tree.

    Raises DiffError if git does not know the revision.
    """
    listing = _git(repository, "ls-tree", "-r", "-z", "--full-tree", revision, "--", *below)
    entries = [entry.split(b"\t", 1) for entry in listing.split(b"\0") if entry]
    blobs = {path.decode(): head.split()[2] for head, path in entries if head.split()[1] == b"blob"}
    wanted = {path: blob for path, blob in blobs.items() if path.endswith(SUFFIXES)}
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


def repository_of(folder: Path) -> Path:
    """Return the root of the git work tree a folder is in; raise DiffError if it is in none."""
    return Path(_git(folder, "rev-parse", "--show-toplevel").decode().strip())


def is_revision(repository: Path, text: str) -> bool:
    """Tell whether git knows the text as a commit."""
    asked = ("git", "-C", str(repository), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(("git", "-C", str(folder), *arguments), input=stdin, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise DiffError("git is not on PATH; install it, or compare two folders") from error
    if done.returncode:
        raise DiffError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _parsed(path: str, text: bytes, known: dict[tuple[bytes, str], Document]) -> Document:
    key = (text, path.rpartition(".")[2])
    if key not in known:
        known[key] = _document(path, text)
    return known[key]


def _document(path: str, text: bytes) -> Document:
    try:
        document: Any = orjson.loads(text) if path.endswith(".json") else yaml.load(text, yaml.CSafeLoader)
    except (orjson.JSONDecodeError, yaml.YAMLError) as error:
        raise DiffError(f"{path} is not valid {'JSON' if path.endswith('.json') else 'YAML'}: {error}") from error
    if not isinstance(document, dict):
        raise DiffError(f"{path} holds a {type(document).__name__}; a dashboard or a rule file is an object")
    return document
