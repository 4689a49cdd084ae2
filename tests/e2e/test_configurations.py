"""Does every program accept the configuration we write for it?"""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from obs import config, stack
from obs.alerting.rules import groups
from obs.alerting.rules import render as rules
from obs.cli.up import FILES
from obs.stack import Stack
from tests.conftest import ROOT
from tests.e2e.programs import run

PRODUCTION = stack.load(ROOT / "stack.toml")
STACKS = {
    "production": PRODUCTION,
    "staging": stack.load(ROOT / "stack.toml", "staging"),
    "Grafana pages": dataclasses.replace(PRODUCTION, grafana=dataclasses.replace(PRODUCTION.grafana, pages=True)),
}

pytestmark = pytest.mark.parametrize("chosen", STACKS.values(), ids=STACKS)


@pytest.fixture
def folder(chosen: Stack, tmp_path: Path) -> Path:
    """Return a folder with everything the stack renders, as in infra/observability."""
    for path, text in {**config.render(chosen), **rules(chosen)}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    return tmp_path


def test_amtool_accepts_alertmanager(folder: Path, chosen: Stack) -> None:
    """Routes, receivers, inhibitions and templates parse."""
    answer = run("amtool", "check-config", folder / "alertmanager" / "alertmanager.yml")

    assert answer.returncode == 0, answer.stdout
    causes = sum(len(alert.silences) for group in groups(chosen) for alert in group.alerts)
    assert f"{causes + 1} inhibit rules" in answer.stdout


def test_loki_accepts_its_configuration(folder: Path) -> None:
    """Loki's own check passes."""
    answer = run("loki", "-verify-config", f"-config.file={folder}/loki/loki.yml")

    assert answer.returncode == 0, answer.stdout


def test_jaeger_accepts_its_configuration(folder: Path) -> None:
    """Jaeger's own check passes."""
    answer = run("jaeger", "validate", "--config", folder / "jaeger" / "jaeger.yml")

    assert answer.returncode == 0, answer.stdout


def test_promtail_accepts_its_configuration(folder: Path) -> None:
    """Promtail, told to read its input from stdin and send nothing, gets as far as reading."""
    file = folder / "promtail-config.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("9080", "0"), encoding="utf-8")

    answer = run("promtail", "-dry-run", "-stdin", f"-config.file={file}", f"-positions.file={folder}/positions.yaml")

    assert "error creating promtail" not in answer.stdout
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("program", ["prometheus", "alertmanager"])
def test_a_flags_file_is_understood(folder: Path, program: str) -> None:
    """The flags that no configuration file takes are flags the program has."""
    answer = run(program, f"@{folder}/{program}/flags", "--version")

    assert answer.returncode == 0, answer.stdout


def test_compose_accepts_both_files(folder: Path) -> None:
    """Both compose files make one valid project on a fresh clone, and open ports on this machine alone."""
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(folder, folder / "infra" / "observability", ignore=shutil.ignore_patterns("infra", "docker-*"))
    files = [word for file in FILES for word in ("--file", folder / file)]
    answer = run("docker-compose", *files, "config", "--format", "json")

    assert answer.returncode == 0, answer.stdout
    services = json.loads(answer.stdout)["services"]
    assert {"api", "grafana", "prometheus", "redis"} <= set(services)
    opened = [port["host_ip"] for service in services.values() for port in service.get("ports", ())]
    assert set(opened) == {"127.0.0.1"}
