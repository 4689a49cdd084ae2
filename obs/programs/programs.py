"""Which real programs are on this machine, and which are missing or too old?"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OWN = Path(".tools/bin")
"""Where `scripts/install-stack-programs` puts what a Debian machine lacks, below the checkout."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A program of the run: the names it goes by, and the oldest release that reads our configuration."""

    name: str
    also_called: tuple[str, ...] = ()
    oldest: tuple[int, int] = (0, 0)
    since: str = ""


WANTED = (
    Wanted("prometheus", oldest=(2, 42), since="keep_firing_for"),
    Wanted("promtool", oldest=(2, 42), since="keep_firing_for"),
    Wanted("alertmanager", ("prometheus-alertmanager",), (0, 26), "url_file of a webhook"),
    Wanted("amtool", oldest=(0, 26), since="url_file of a webhook"),
    Wanted("redis_exporter", ("prometheus-redis-exporter",)),
    Wanted("loki"),
    Wanted("promtail"),
    Wanted("jaeger"),
    Wanted("docker-compose"),
    Wanted("chromium", ("google-chrome", "chrome"), (112, 0), "--headless=new"),
    Wanted("node", ("nodejs",), (18, 0), "esbuild"),
    Wanted("npm", oldest=(8, 0), since="omit-lockfile-registry-resolved"),
)


@dataclass(frozen=True, slots=True)
class Programs:
    """Where each program is, and in words why each of the others is not used."""

    found: Mapping[str, Path]
    missing: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """Return the path of a program that was found."""
        return str(self.found[name])

    def lacks(self, *names: str) -> str:
        """Return why a check that needs these programs can't run; nothing when it can."""
        return "; ".join(self.missing[name] for name in names if name in self.missing)

    def version(self, name: str) -> str:
        """Return what a program says its version is; a build without one is told by the digest of its file."""
        path = self.found[name]
        return _version(path) or f"not stamped, sha256 {_digest(path)}"

    def versions(self) -> dict[str, str]:
        """Return what each program says its version is; a build without one is told by the digest of its file."""
        return {name: self.version(name) for name in self.found}


def find(root: Path, environ: Mapping[str, str] = os.environ, *, names: Collection[str] = ()) -> Programs:
    """
    Look for programs on PATH, then in `.tools/bin` below ``root``; the first that is new enough wins.

    Looks for those ``names``, or for all that are wanted.
    """
    found, missing = {}, {}
    for wanted in (one for one in WANTED if not names or one.name in names):
        refused = []
        for path in _candidates(wanted, root, environ):
            release = _release(path) if wanted.since else None
            if release is None or release >= wanted.oldest:
                found[wanted.name] = path
                break
            refused.append(f"{path} is {_dotted(release)}, and {wanted.since} needs {_dotted(wanted.oldest)}")
        else:
            missing[wanted.name] = "; ".join(refused) or f"{wanted.name} is neither on PATH nor in {OWN}"
    return Programs(found, missing)


def _candidates(wanted: Wanted, root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in (environ.get("PATH", ""), str(root / OWN)):
        for name in (wanted.name, *wanted.also_called):
            path = shutil.which(name, path=folder)
            if path:
                yield Path(path)


def _release(path: Path) -> tuple[int, int] | None:
    """Return major and minor release; None for a program that does not say."""
    found = re.match(r"(\d+)\.(\d+)", _version(path))
    return (int(found[1]), int(found[2])) if found else None


def _version(path: Path) -> str:
    with contextlib.suppress(OSError):
        file = path.stat()
        return _said(path, file.st_mtime_ns, file.st_size)
    return ""


@cache
def _said(path: Path, *_: int) -> str:
    """Ask a program for its version, once as long as its file stays."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"(?:^|\b(?:version|Exporter|Chromium|Chrome) )v?(\d+(?:\.\d+)+)", answer.stdout + answer.stderr)
    return found[1] if found else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _dotted(release: tuple[int, int]) -> str:
    return ".".join(map(str, release))
