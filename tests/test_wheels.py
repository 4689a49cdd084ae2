"""The instrumentation installs as a wheel that a typed program can use; test_init.py shows the tool's."""

import sys
from pathlib import Path

from tests.wheels import run

USER = """\
from fastapi import FastAPI

from watchkeeper import Telemetry, instrument

app = FastAPI()
telemetry: Telemetry = Telemetry.read(service="shop")
instrument(app, telemetry=telemetry)
observed: FastAPI = instrument(app, service="shop", pages=["/", "/rooms/{id}"], sampler_ratio=0.5)
observed.get("/")
"""


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
