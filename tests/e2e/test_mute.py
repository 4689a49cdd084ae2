"""Does a muted stack tell nobody, and one with its secrets everybody, in Alertmanager's own judgement?"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from e2e.loopback import place, stack_at
from e2e.sink import ROUTING_KEY, WEBHOOK_PATH, Sink
from examples.ports import free_port
from obs import config, stack
from obs.programs import preflight
from obs.programs.processes import Processes
from obs.programs.waiting import until
from tests.conftest import ROOT
from tests.e2e.programs import program

ALERTS = [
    {"labels": {"alertname": name, "severity": severity, "team": team}}
    for name, severity, team in (
        ("Paged", "page", "backend"),
        ("Ticketed", "ticket", "backend"),
        ("Watchdog", "none", "backend"),
        ("Strayed", "page", "nobody"),
    )
]


@pytest.mark.parametrize("muted", [True, False])
def test_what_compose_gives_alertmanager_decides_who_is_told(tmp_path: Path, *, muted: bool) -> None:
    """With a filled `.env`, `--mute` leaves Alertmanager nothing to send with; without it every receiver is told."""
    here = place(tmp_path)
    moved = stack_at(stack.load(ROOT / "stack.toml"), here)
    for folder in ("secrets", "logs"):
        (tmp_path / folder).mkdir()
    for path, text in config.render(moved).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(re.sub("group_wait: (30|15)s", "group_wait: 0s", text), encoding="utf-8")
    address = f"http://127.0.0.1:{free_port()}"
    with Sink(here.ports["sink"]) as sink, Processes(tmp_path / "logs") as processes:
        alertmanager = processes.start(
            "alertmanager",
            "sh",
            tmp_path / "alertmanager/start.sh",
            f"--web.listen-address={address.removeprefix('http://')}",
            f"--storage.path={tmp_path / 'data'}",
            "--cluster.listen-address=",
            environ={"PATH": on_path(tmp_path, "alertmanager"), **given(tmp_path, here.url("sink"), muted=muted)},
        )
        alertmanager.ready(f"{address}/-/ready")
        requests.post(f"{address}/api/v2/alerts", json=ALERTS, timeout=10).raise_for_status()
        if not muted:
            told = {"Paged", "Ticketed", "Strayed"}
            until("people told", lambda: {one.alert for one in sink.since(0)} == told, within=20)
            until("the dead man's switch fed", lambda: sink.heartbeats(0), within=20)
        metrics = requests.get(f"{address}/metrics", timeout=10).text.splitlines()

        assert f"alertmanager_integrations {0 if muted else 4}" in metrics
        assert bool(sink.since(0)) is not muted
        assert bool(sink.heartbeats(0)) is not muted
        written = {file.name for file in (tmp_path / "secrets").iterdir()}
        assert written == (set() if muted else {name.lower() for name in preflight.SECRETS})


@pytest.mark.parametrize("missing", preflight.SECRETS)
def test_half_of_the_secrets_start_nothing(tmp_path: Path, missing: str) -> None:
    """One empty secret beside others is an oversight, said by name; nobody takes such a stack for one that pages."""
    moved = stack_at(stack.load(ROOT / "stack.toml"), place(tmp_path))
    (tmp_path / "secrets").mkdir()
    script = tmp_path / "start.sh"
    script.write_text(config.render(moved)["alertmanager/start.sh"], encoding="utf-8")
    environ = dict.fromkeys(preflight.SECRETS, "x") | {missing: "", "PATH": os.defpath}

    answer = subprocess.run(["sh", script], env=environ, capture_output=True, text=True, check=False, timeout=20)

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{missing} is unset: ")


def given(folder: Path, sink: str, *, muted: bool) -> dict[str, str]:
    """Return what compose gives Alertmanager on the compose files and a filled `.env`."""
    for name in ("docker-compose.yml", "docker-compose.observability.yml"):
        shutil.copy(ROOT / name, folder / name)
    env = (ROOT / ".env.example").read_text(encoding="utf-8").replace("PASSWORD=\n", "PASSWORD=x\n")
    secrets = {"PAGERDUTY_ROUTING_KEY": ROUTING_KEY, "WEBHOOK_URL": f"{sink}{WEBHOOK_PATH}"}
    secrets["DEADMAN_URL"] = secrets["WEBHOOK_URL"]
    for name, value in secrets.items():
        env = env.replace(f"{name}=\n", f"{name}={value}\n")
    (folder / ".env").write_text(env, encoding="utf-8")
    (folder / "infra/observability").mkdir(parents=True)
    (folder / "infra/observability/service.env").touch()
    answer = subprocess.run(
        [program("docker-compose"), "--project-directory", folder, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"]} | (preflight.MUTED if muted else {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    environ: dict[str, str] = json.loads(answer.stdout)["services"]["alertmanager"]["environment"]
    return environ


def on_path(folder: Path, name: str) -> str:
    """Return a PATH on which a program has its own name, wherever it was found."""
    (folder / "bin").mkdir()
    (folder / "bin" / name).symlink_to(program(name).resolve())
    return f"{folder / 'bin'}:{os.defpath}"
