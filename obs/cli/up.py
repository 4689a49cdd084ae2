"""`obs up`, `down`, `logs`, `open`: how is the stack started, stopped and looked at with Docker Compose?"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from obs.cli.cli import Selection, note_examples
from obs.programs import preflight
from obs.programs.preflight import PreflightError
from obs.stack import Stack

FILES = ("docker-compose.yml", "docker-compose.observability.yml")
INSTALL = "https://docs.docker.com/engine/install/"


@click.command()
@click.option("--mute", is_flag=True, help="Start so that nobody is told of anything, whatever .env holds.")
@click.pass_obj
def up(selection: Selection, mute: bool) -> None:
    r"""
    Start the service and the stack, or start anew what was changed; on the first run, write .env.

    \b
    obs up            refuses to start while an alert would reach nobody
    obs up --mute     to look around
    """
    stack = selection.stack()
    if stack.service.stack == "others":
        raise PreflightError('nothing was started: service.stack = "others": this stack is run by others')
    env = preflight.prepare_env(Path.cwd())
    compose = _compose()
    plan = json.loads(_asked(compose, "config", "--format", "json"))
    secret = preflight.unset(env) if "alertmanager" in stack.targets else []
    wrong = list(_sent_elsewhere(stack)) if mute else secret
    wrong += [*_wrong(compose, plan), *preflight.locked_out(plan, env, _volumes(compose))]
    if wrong:
        raise PreflightError("\n".join(["nothing was started:", *wrong]))
    found = preflight.digests(plan)
    for service in preflight.changed(_asked(compose, "ps", "--format", "json"), found):
        click.echo(f"{service}: its configuration changed; it is started anew")
    labelled = [*_files(compose), "--file", str(preflight.write_digests(Path.cwd(), found))]
    _run(labelled, "up", "--detach", "--build", "--wait", environ=preflight.MUTED if mute else {})
    _addresses(stack)
    if mute:
        click.echo("muted: nobody is told of any alert, until `obs up` is run without --mute")
    else:
        note_examples(stack)


@click.command()
@click.option("--volumes", is_flag=True, help="Also delete what was stored: metrics, logs, traces, databases.")
def down(volumes: bool) -> None:
    r"""
    Stop the stack; what it stored stays.

    \b
    obs down
    obs down --volumes
    """
    _run(_compose(), "down", *(["--volumes"] if volumes else []))


@click.command()
@click.argument("services", nargs=-1)
def logs(services: tuple[str, ...]) -> None:
    r"""
    Follow the logs of all services, or of those named.

    \b
    obs logs
    obs logs api worker
    """
    _run(_compose(), "logs", "--follow", "--tail=100", *services)


@click.command("open")
@click.option("--print", "only_print", is_flag=True, help="Print the addresses; open nothing.")
@click.pass_obj
def open_(selection: Selection, only_print: bool) -> None:
    r"""
    Print the addresses of the stack, and open Grafana in a browser.

    \b
    obs open
    obs open --print
    """
    stack = selection.stack()
    _addresses(stack)
    if not only_print:
        click.launch(stack.grafana.url or stack.prometheus.url)


def _sent_elsewhere(stack: Stack) -> Iterator[str]:
    if stack.prometheus.remote_write_url:
        yield "prometheus.remote_write_url is set: samples would leave this machine; empty it in stack.toml to be muted"


def _addresses(stack: Stack) -> None:
    sources = stack.datasources
    addresses = {"Grafana": stack.grafana.url, "Prometheus": stack.prometheus.url}
    if "jaeger" in sources:
        addresses["Jaeger"] = f"http://localhost:{sources.jaeger.url.rpartition(':')[2]}"
    for name, address in addresses.items():
        if address:
            click.echo(f"{name:13} {address}")


def _compose() -> list[str]:
    """Return how Docker Compose is called here; raise PreflightError where it is not installed."""
    plugin = ["docker", "compose"]
    if (
        shutil.which("docker")
        and subprocess.run([*plugin, "version"], capture_output=True, check=False).returncode == 0
    ):
        program = plugin
    elif shutil.which("docker-compose"):
        program = ["docker-compose"]
    else:
        raise PreflightError(f"Docker Compose is not installed; see {INSTALL}")
    if "COMPOSE_FILE" in (os.environ | preflight.read_env(Path.cwd())):
        return program
    return [*program, *(argument for file in FILES for argument in ("--file", file))]


def _files(compose: list[str]) -> list[str]:
    """Return the same call with its files named: a further one can be added to no other."""
    named = (preflight.read_env(Path.cwd()) | os.environ).get("COMPOSE_FILE", "")
    return [*compose, *(word for file in named.split(os.pathsep) if file for word in ("--file", file))]


def _volumes(compose: list[str]) -> list[str]:
    """Return the names of the engine's volumes; none where nobody can be asked, which `_wrong` has said."""
    try:
        return _asked([compose[0]], "volume", "ls", "--quiet").splitlines() if compose[0] == "docker" else []
    except PreflightError:
        return []


def _wrong(compose: list[str], plan: Mapping[str, Any]) -> list[str]:
    found = list(preflight.unreadable(plan))
    try:
        running = preflight.published(_asked(compose, "ps", "--format", "json"))
    except PreflightError as error:
        return [*found, *preflight.occupied(plan, ()), f"no Docker engine answers; start it, or see {INSTALL}: {error}"]
    return [*found, *preflight.occupied(plan, running), *preflight.engine(_info(compose), plan)]


def _info(compose: list[str]) -> Mapping[str, Any]:
    """Return what the engine says of itself; nothing where there is only Docker Compose to ask."""
    if compose[0] != "docker":
        return {}
    said = json.loads(_asked(["docker"], "info", "--format", "json") or "{}")
    return said if isinstance(said, dict) else {}


def _asked(compose: list[str], *arguments: str) -> str:
    """Return what Docker Compose prints; raise PreflightError with its last words."""
    answer = subprocess.run([*compose, *arguments], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise PreflightError(answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "it said nothing")
    return answer.stdout


def _run(compose: list[str], *arguments: Any, environ: Mapping[str, str] = MappingProxyType({})) -> None:
    """Hand the terminal to Docker Compose, which prefers the environment to ``.env``; its exit code becomes ours."""
    code = subprocess.run([*compose, *arguments], check=False, env=os.environ | environ).returncode
    if code != 0:
        raise SystemExit(2)
