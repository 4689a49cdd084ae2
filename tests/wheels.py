"""An environment with both wheels and nothing of this checkout, made once for all tests of a run."""

import fcntl
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROJECTS = (ROOT, ROOT / "watchkeeper")


def run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command without what this checkout adds to the environment."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(command, cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False)


def installed(factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of the environment; whichever process of the run comes first makes it."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheels"
    folder.mkdir(exist_ok=True)
    interpreter = folder / "venv/bin/python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            _make(folder, interpreter)
            (folder / "made").touch()
    return interpreter


def _make(folder: Path, interpreter: Path) -> None:
    for project in PROJECTS:
        built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, project, cwd=folder)
        assert built.returncode == 0, built.stdout + built.stderr
        held = run(sys.executable, "-m", "zipfile", "-l", max(folder.glob("*.whl")), cwd=folder).stdout
        assert "licenses/LICENSE" in held
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    done = run(
        *(sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet", "--no-deps", "--no-index"),
        *folder.glob("*.whl"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    # Dependencies are those of this environment; its own .pth files, which name the checkout, are not read from there.
    site = run(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
