"""Does each program accept the configuration it is given in production?"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from e2e.report import Report
from obs import config
from obs.alerting import rules
from obs.programs.programs import Programs
from obs.stack import Stack

PART = "configuration"
PATIENCE_SECONDS = 60
COMPOSE = ("docker-compose.yml", "docker-compose.observability.yml")


def check(stack: Stack, root: Path, folder: Path, programs: Programs, report: Report) -> None:
    """Write what `obs build` writes below ``folder``, and have each program's own checker read it."""
    written = folder / "infra/observability"
    for path, text in {**config.render(stack), **rules.render(stack)}.items():
        (written / path).parent.mkdir(parents=True, exist_ok=True)
        (written / path).write_text(text, encoding="utf-8")
    for name, arguments in _commands(root, folder):
        if missing := programs.lacks(name):
            report.not_run(PART, name, missing)
            continue
        report.step(f"asking {name}")
        answer = _run([programs[name], *arguments])
        if answer.returncode:
            report.failed(PART, name, answer.stdout.strip()[-500:] or f"ended with status {answer.returncode}")
        else:
            report.passed(PART, name, "accepts its configuration")


def _commands(root: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each program, and the arguments that make it read its configuration and do nothing else."""
    written = folder / "infra/observability"
    yield "promtool", ["check", "config", f"{written}/prometheus/prometheus.yml"]
    yield "amtool", ["check-config", f"{written}/alertmanager/alertmanager.yml"]
    yield "loki", ["-verify-config", f"-config.file={written}/loki/loki.yml"]
    yield "jaeger", ["validate", f"--config={written}/jaeger/jaeger.yml"]
    positions, config_file = f"{folder}/positions.yaml", f"{written}/promtail-config.yml"
    # A dry run of nothing, without servers: their ports may be taken.
    dry = ["-dry-run", "-stdin", "-server.disable=true"]
    yield "promtail", [*dry, f"-config.file={config_file}", f"-positions.file={positions}"]
    yield "docker-compose", _compose(root, folder)


def _compose(root: Path, folder: Path) -> list[str]:
    """Return the check of both compose files together, as on a fresh clone: nothing is set."""
    for name in COMPOSE:
        shutil.copy(root / name, folder / name)
    return [*(word for name in COMPOSE for word in ("--file", str(folder / name))), "config", "--quiet"]


def _run(argv: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
