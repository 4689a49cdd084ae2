"""The example of an exporter of one's own is what `obs init` and `obs contract` make today, and proves."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from obs.proofs import promtool
from tests.checkout import PROGRAM
from tests.conftest import ROOT
from tests.test_alerts import PARTS

EXAMPLE = ROOT / "examples/postgres"
BY_HAND = {"stack.toml", "docker-compose.yml", "alerts/postgres.py", "dashboards/postgres.py"}
RUNBOOK = "docs/operations/postgres.md"
RULES = "infra/observability/prometheus/rules/postgres.yml"
MADE = {"metrics/postgres.py", RULES}
ABOUT = {"README.md", "scrape.prom"}
ALERTS = ("ExporterDown", "Down", "ConnectionsFull", "TransactionIdle", "Deadlocks", "ReplicaLags", "WalKept")

Obs = Callable[..., str]


UNPROVEN = f"""
import re
from pathlib import Path
from obs import stack
from obs.alerting import rules
from obs.proofs import mutants, promtool
ours = stack.load(Path("stack.toml"))
groups = rules.groups(ours)
names = [alert.name for group in groups for alert in group.alerts if alert.name.startswith("Postgres")]
wanted = re.compile({PARTS.pattern!r})
judged = mutants.prove(promtool.find(Path()), ours, groups, names, where=lambda part: bool(wanted.fullmatch(part)))
print([str(one) for one in judged.findings])
"""
"""Prints the conditions, guards, matchers and holds of the example's alerts that no case needs."""


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository of a new service."""
    folder = tmp_path_factory.mktemp("example")
    run(folder, "init", "rooms", "--parts", "api,logs")
    return folder / "rooms"


def run(folder: Path, *arguments: str, program: str = PROGRAM) -> str:
    """Run `obs` in a folder; it ends with 0, and what it printed is returned."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PROMTOOL": str(promtool.find(ROOT).path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_four_files_are_written_by_hand() -> None:
    """Beside the runbook; everything else here is made, or tells of it."""
    there = {str(path.relative_to(EXAMPLE)) for path in EXAMPLE.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    assert there == BY_HAND | MADE | ABOUT | {RUNBOOK}


def test_the_contract_is_what_the_scrape_says() -> None:
    """`obs contract` writes the committed module from the recording."""
    made = run(ROOT, "contract", str(EXAMPLE / "scrape.prom"), "--title", "postgres_exporter")

    assert made == (EXAMPLE / "metrics/postgres.py").read_text(encoding="utf-8")


def test_the_settings_are_those_of_a_new_service_and_one_line(rooms: Path) -> None:
    """The target of the exporter is the one thing that stack.toml needs."""
    new = (rooms / "stack.toml").read_text(encoding="utf-8").splitlines()
    ours = (EXAMPLE / "stack.toml").read_text(encoding="utf-8").splitlines()

    added = [line for line in ours if line.startswith("postgres = ")]
    assert len(added) == 1
    assert [line for line in ours if line not in added] == new


def test_the_example_builds_checks_and_proves(rooms: Path) -> None:
    """Laid into the new repository nothing is found, each part of its rules is proven, and they are the committed."""
    for name in sorted(BY_HAND | MADE - {RULES} | {RUNBOOK}):
        shutil.copy(EXAMPLE / name, rooms / name)

    run(rooms, "build")

    assert (rooms / RULES).read_text(encoding="utf-8") == (EXAMPLE / RULES).read_text(encoding="utf-8")
    assert "checks hold" in run(rooms, "check")
    assert "cases hold" in run(rooms, "alerts", "test", *(f"Postgres{name}" for name in ALERTS))
    assert run(rooms, program=UNPROVEN) == "[]\n"
    scrapes = (rooms / "infra/observability/prometheus/prometheus.yml").read_text(encoding="utf-8")
    assert "postgres-exporter:9187" in scrapes
    overview = (rooms / "infra/observability/grafana/dashboards/overview.json").read_text(encoding="utf-8")
    assert '"title": "PostgreSQL connections used"' in overview
