"""How does the project's own configuration come to run beside itself, on free ports, below one folder?"""

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from e2e import scaling
from e2e.sink import PAGERDUTY_PATH, ROUTING_KEY, WEBHOOK_PATH
from obs import config
from obs.alerting import rules
from obs.stack import Stack
from obs.stack.settings import Datasources, Targets

HOST = "127.0.0.1"
SCRAPE_INTERVAL = "1s"

NAMES = (
    *("api", "redis_server", "redis", "mongodb", "prometheus", "alertmanager", "loki", "loki_grpc", "promtail"),
    *("promtail_grpc", "jaeger", "jaeger_query", "jaeger_query_grpc", "otlp_http", "otlp_grpc", "jaeger_health"),
    *("grafana", "sink"),
)
"""Everything that listens; those named like a target of `stack.toml` are scraped."""


@dataclass(frozen=True, slots=True)
class Place:
    """One run's ports and folder."""

    ports: Mapping[str, int]
    folder: Path

    def address(self, name: str) -> str:
        """Return host:port."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """Return http://host:port."""
        return f"http://{self.address(name)}"


def place(folder: Path) -> Place:
    """Return a place below ``folder`` with a free port for every name."""
    with ExitStack() as sockets:
        bound = {name: sockets.enter_context(socket.create_server((HOST, 0))) for name in NAMES}
        return Place({name: each.getsockname()[1] for name, each in bound.items()}, folder)


def stack_at(stack: Stack, here: Place) -> Stack:
    """Return ``stack`` with this run's addresses, scrape interval, secrets and log files; promises stay as they are."""
    targets = {role: replace(target, address=here.address(role)) for role, target in stack.targets.items()}
    sources = {
        "prometheus": here.url("prometheus"),
        "loki": here.url("loki"),
        "jaeger": here.url("jaeger_query"),
        "alertmanager": here.url("alertmanager"),
    }
    secrets = here.folder / "secrets"
    return replace(
        stack,
        targets=Targets(targets),
        prometheus=replace(stack.prometheus, url=here.url("prometheus"), scrape_interval=SCRAPE_INTERVAL),
        alertmanager=replace(stack.alertmanager, url=here.url("alertmanager")),
        datasources=Datasources(
            {kind: replace(source, url=sources[kind]) for kind, source in stack.datasources.items()}
        ),
        logs=replace(stack.logs, path=str(here.folder / "containers/*/*-json.log")),
        traces=replace(stack.traces, sample_ratio=1.0),
        notify=replace(
            stack.notify,
            pagerduty_url=here.url("sink") + PAGERDUTY_PATH,
            pagerduty_routing_key_file=str(secrets / "pagerduty_routing_key"),
            webhook_url_file=str(secrets / "webhook_url"),
            deadman_url_file=str(secrets / "deadman_url"),
        ),
    )


def write(stack: Stack, here: Place) -> None:
    """Write every configuration and rule file of a stack that is at this place, and the secrets it names."""
    files = config.render(stack)
    files |= {path: scaling.rules(text) for path, text in rules.render(stack).items()}
    files["alertmanager/alertmanager.yml"] = scaling.routes(files["alertmanager/alertmanager.yml"])
    files["service.env"] = files["service.env"].replace("http://jaeger:4318", here.url("otlp_http"))
    for program, edits in _inside_a_container(here).items():
        files[program] = _edited(files[program], edits, here.folder / "data")
    files |= {
        "secrets/pagerduty_routing_key": ROUTING_KEY,
        "secrets/webhook_url": here.url("sink") + WEBHOOK_PATH,
        "secrets/deadman_url": here.url("sink") + WEBHOOK_PATH,
    }
    for path, text in files.items():
        target = here.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def flags(here: Place, program: str) -> list[str]:
    """Return the command-line flags a program is given by the project."""
    lines = (here.folder / program / "flags").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def variables(here: Place) -> dict[str, str]:
    """Return the environment the project gives a service."""
    lines = (here.folder / "service.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _inside_a_container(here: Place) -> dict[str, dict[str, Any]]:
    """Return, by file, the settings that are fixed inside a container and can't be so beside other programs."""
    listen = {"server.http_listen_address": HOST, "server.grpc_listen_address": HOST}
    return {
        "loki/loki.yml": listen
        | {
            "common.instance_addr": HOST,
            "server.http_listen_port": here.ports["loki"],
            "server.grpc_listen_port": here.ports["loki_grpc"],
        },
        "promtail-config.yml": listen | {"server.grpc_listen_port": here.ports["promtail_grpc"]},
        "jaeger/jaeger.yml": {
            "service.telemetry.metrics.readers.0.pull.exporter.prometheus.host": HOST,
            "extensions.healthcheckv2.http.endpoint": here.address("jaeger_health"),
            "extensions.jaeger_query.http.endpoint": here.address("jaeger_query"),
            "extensions.jaeger_query.grpc.endpoint": here.address("jaeger_query_grpc"),
            "receivers.otlp.protocols.grpc.endpoint": here.address("otlp_grpc"),
            "receivers.otlp.protocols.http.endpoint": here.address("otlp_http"),
        },
    }


def _edited(text: str, edits: Mapping[str, Any], data: Path) -> str:
    document = yaml.safe_load(text)
    for path, value in edits.items():
        *parents, last = path.split(".")
        inner = document
        for key in parents:
            inner = inner[int(key)] if isinstance(inner, list) else inner[key]
        inner[last] = value
    return yaml.safe_dump(_moved(document, data), sort_keys=False, width=1000)


def _moved(value: Any, data: Path) -> Any:
    """Return a document whose paths below a container's volumes lie below ``data``."""
    if isinstance(value, dict):
        return {key: _moved(inner, data) for key, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, data) for inner in value]
    is_volume = isinstance(value, str) and value.startswith(("/loki", "/var/lib/promtail", "/var/lib/jaeger"))
    return f"{data}{value}" if is_volume else value
