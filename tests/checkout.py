"""A copy of the repository for one test, to break at will, and the command line to try it on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "from obs.cli.cli import main; main()"
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".tools", ".obs", "__pycache__", ".*_cache", ".hypothesis", "tests")

SHARED = ("benchmarks", "e2e", "examples", "obs", "watchkeeper")
"""The folders of a copy that lead to one and the same: a test that changes them calls `own` first."""


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

    def edit(self, path: str, old: str, new: str, *, times: int = 1) -> None:
        """Replace ``old`` wherever it stands; fail where that is not as many ``times`` as the test believes."""
        text = (self.root / path).read_text()
        assert text.count(old) == times, f"{path} has {text.count(old)} times {old!r}"
        (self.root / path).write_text(text.replace(old, new))

    def own(self, *folders: str) -> None:
        """Bring folders of its own where they are shared."""
        for folder in folders:
            shared = (self.root / folder).readlink()
            (self.root / folder).unlink()
            shutil.copytree(shared, self.root / folder)

    def written(self) -> Mapping[str, bytes]:
        """Return every file that a build could touch."""
        folders = (self.root / "infra", self.root / "docs")
        return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}
