"""Does the image of the reference service hold what the service runs with, and nothing that is not locked?"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.conftest import ROOT

DOCKERFILE = (ROOT / "examples/rce_api/Dockerfile").read_text(encoding="utf-8")
ALLOWED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
LOADED = """
import examples.rce_api.__main__, examples.rce_api.app, examples.rce_api.worker, watchkeeper.tracing
print(watchkeeper.__file__)
"""


def locked(name: str) -> dict[str, str]:
    """Return the version of every distribution in a lock file."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE))


def normal(name: str) -> str:
    """Return a distribution's name as lock files write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_image_starts_from_what_it_copies(tmp_path: Path) -> None:
    """Every copied path is there and reaches the builder, and the service imports from these alone."""
    copied = re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE)
    for source, target in copied:
        assert f"!{source}" in ALLOWED, f".dockerignore keeps {source} out"
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, tmp_path / target)

    answer = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )

    assert answer.stdout.startswith(str(tmp_path))


def test_the_image_has_what_the_service_imports() -> None:
    """Each package that the reference service imports is locked for its image."""
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "examples/rce_api").glob("*.py"))
    imported = set(re.findall(r"^(?:from|import) (\w+)|import_module\(\"(\w+)", code, re.MULTILINE))
    modules = {one or other for one, other in imported} - sys.stdlib_module_names - {"examples", "watchkeeper"}

    owners = packages_distributions()
    wanted = {normal(owners.get(module, [module])[0]) for module in modules}

    assert {"pymongo", "fastapi", "arq"} <= wanted
    assert wanted <= locked("service.lock").keys()


def test_the_image_is_built_from_hashes() -> None:
    """What is installed is what was locked, to the byte; a version both locks have is the same."""
    service, development = locked("service.lock"), locked("dev.lock")

    assert "--require-hashes --requirement service.lock" in DOCKERFILE
    assert {name: service[name] for name in service.keys() & development.keys()} == {
        name: development[name] for name in service.keys() & development.keys()
    }
