"""What does the end-to-end run say of programs that are not there?"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from e2e import boards
from e2e.questions import questions
from obs.programs import programs
from obs.stack import Stack
from tests.conftest import ROOT


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return the checkout without `.tools`."""
    for entry in ROOT.iterdir():
        if entry.name != ".tools":
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


def test_what_is_missing_is_named_and_never_passed(bare: Path) -> None:
    """With no program at all, everything that needs one is reported as not run, and the run still ends well."""
    answer = _run(bare)

    assert answer.returncode == 0, answer.stderr
    results = json.loads(answer.stdout)["results"]
    # The id of an answer is the API's own work.
    assert [found["check"] for found in results if found["outcome"] != "not run"] == ["x-trace-id"]
    details = " ".join(found["detail"] for found in results)
    # Node draws the pictures of a preview, which no run needs.
    for wanted in (one for one in programs.WANTED if one.name != "node"):
        assert f"{wanted.name} is neither on PATH nor in .tools/bin" in details
    assert json.loads(answer.stdout)["pages"] == []


def test_strict_fails_where_something_is_missing(bare: Path) -> None:
    """In CI, where all is installed, a missing program is a fault."""
    assert _run(bare, "--strict").returncode == 1


def test_a_program_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    """Alertmanager 0.25 would refuse our configuration: that is said before it is tried."""
    old = tmp_path / "prometheus-alertmanager"
    old.write_text("#!/bin/sh\necho 'alertmanager, version 0.25.0 (branch: debian/sid)'\n", encoding="utf-8")
    old.chmod(0o755)

    found = programs.find(tmp_path, {"PATH": f"{tmp_path}{os.pathsep}/bin"})

    assert found.lacks("alertmanager") == f"{old} is 0.25, and url_file of a webhook needs 0.26"


@pytest.mark.parametrize("board", boards.empty())
def test_every_exception_is_about_a_question_that_is_asked(board: str, production: Stack) -> None:
    """A panel that was renamed can't stay excused."""
    places = {question.place for question in questions(production, {}) if question.board == board}
    asked = places | {place.rpartition("/")[0] for place in places}

    assert boards.empty()[board].keys() <= asked
    assert all(boards.empty()[board].values()), "every exception has its reason"


def _run(checkout: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run `obs e2e` on a machine that has nothing but Python."""
    command = [str(ROOT / ".venv/bin/python"), "-m", "e2e", "--json", *options]
    environ = {**os.environ, "PATH": ""}
    return subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False, timeout=120)


def test_a_version_is_the_programs_own_word(tmp_path: Path) -> None:
    """The run names the version a program prints, and the digest of a build that prints none; it assumes neither."""
    for name, says in (
        ("prometheus", "prometheus, version 3.16.0 (branch: HEAD)"),
        ("loki", "loki, version  (branch: "),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)

    versions = programs.find(tmp_path, {"PATH": f"{tmp_path}{os.pathsep}/bin"}).versions()

    assert versions["prometheus"] == "3.16.0"
    assert versions["loki"].startswith("not stamped, sha256 ")
