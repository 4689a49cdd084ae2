"""A checkout of its own for every test, to break at will, and the command line to try it on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from obs.proofs.promtool import find

PROGRAM = "from obs.cli.cli import main; main()"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".tools", ".obs", "__pycache__", ".*_cache", ".hypothesis", "tests")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A copy of the repository, and `obs` run in it."""

    root: Path
    promtool: Path

    def obs(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `obs` as a user would, with variables laid over the environment."""
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root), "PROMTOOL": str(self.promtool), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the one place where ``old`` stands; fail when there is none or more."""
        text = (self.root / path).read_text()
        assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
        (self.root / path).write_text(text.replace(old, new))

    def written(self) -> Mapping[str, bytes]:
        """Return every file that a build could touch."""
        folders = (self.root / "infra", self.root / "docs")
        return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return one copy of the repository that nobody changes."""
    target = tmp_path_factory.mktemp("pristine") / "checkout"
    shutil.copytree(root, target, ignore=LEFT_OUT)
    return target


@pytest.fixture
def checkout(tmp_path: Path, pristine: Path, root: Path) -> Checkout:
    """Return a copy of the repository to break."""
    shutil.copytree(pristine, tmp_path / "checkout")
    return Checkout(tmp_path / "checkout", find(root).path)


@pytest.fixture
def promtool(tmp_path: Path) -> Callable[[str], str]:
    """Return what makes a promtool of a shell script, and its path."""

    def make(script: str) -> str:
        path = tmp_path / "promtool"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make
