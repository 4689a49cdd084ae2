"""The tool and the instrumentation install as wheels, and do their work beside nothing but a service's content."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from obs.proofs.promtool import find
from tests.conftest import ROOT

CONTENT = ("alerts", "dashboards", "metrics", "docs", "infra", "stack.toml", "stack.schema.json", "waivers.toml")

USER = """\
from fastapi import FastAPI

from watchkeeper import Telemetry, instrument

app = FastAPI()
telemetry: Telemetry = Telemetry.read(service="shop")
instrument(app, telemetry=telemetry)
observed: FastAPI = instrument(app, service="shop", pages=["/", "/rooms/{id}"], sampler_ratio=0.5)
observed.get("/")
"""


def run(*command: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command without what this checkout adds to the environment."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(command, cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with both wheels and their dependencies, without this checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, ROOT / "watchkeeper"):
        built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", folder, project, cwd=folder)
        assert built.returncode == 0, built.stdout + built.stderr
        assert (
            "licenses/LICENSE"
            in run(sys.executable, "-m", "zipfile", "-l", max(folder.glob("*.whl")), cwd=folder).stdout
        )
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    interpreter = folder / "venv/bin/python"
    installed = run(
        *(sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet", "--no-deps", "--no-index"),
        *folder.glob("*.whl"),
        cwd=folder,
    )
    assert installed.returncode == 0, installed.stderr
    # Dependencies are those of this environment; its own .pth files, which name the checkout, are not read from there.
    site = run(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return interpreter


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """Return a folder with a service's own files."""
    for name in CONTENT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("arguments", [("build", "--check"), ("check",), ("alerts", "test", "ApiDown")])
def test_the_installed_tool_builds_checks_and_proves_a_service(
    python: Path, service: Path, arguments: tuple[str, ...]
) -> None:
    """Beside content alone, every verb finds what it needs, and none of it in this checkout."""
    promtool = str(find(ROOT).path)

    where = run(python, "-c", "import obs, watchkeeper; print(obs.__file__, watchkeeper.__file__)", cwd=service).stdout
    done = run(python.with_name("obs"), *arguments, cwd=service, PROMTOOL=promtool)

    assert all("/venv/" in path for path in where.split())
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_user_of_the_instrumentation_passes_strict_types(python: Path, tmp_path: Path) -> None:
    """The installed package says that it is typed, and its one line is: a misspelt setting is a type error."""
    program = tmp_path / "main.py"
    program.write_text(USER, encoding="utf-8")
    mypy = (sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "--cache-dir", str(tmp_path))
    good = run(*mypy, program, cwd=tmp_path)
    program.write_text(USER.replace("sampler_ratio=0.5", "sampler_ration=0.5"), encoding="utf-8")
    bad = run(*mypy, program, cwd=tmp_path)

    assert good.returncode == 0, good.stdout
    assert 'Unexpected keyword argument "sampler_ration" for "instrument"' in bad.stdout
