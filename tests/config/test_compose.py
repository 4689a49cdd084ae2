"""Do the compose files keep what they promise: pinned, limited, closed, and started as the dashboards need it?"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics import mongodb
from obs import config, stack
from obs.programs import preflight

ROOT = Path(__file__).parents[2]
STACK = stack.load(ROOT / "stack.toml")
REFERENCE, ADD_ON = (
    yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    for name in ("docker-compose.yml", "docker-compose.observability.yml")
)
SERVICES: dict[str, dict[str, Any]] = {**REFERENCE["services"], **ADD_ON["services"]}

REACHED = {
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
    "jaeger": 16686,
    "loki": 3100,
    "promtail": None,
    "redis_exporter": None,
    "mongodb_exporter": None,
    "api": 4000,
    "worker": None,
    "mongodb": None,
    "redis": None,
}
"""Every service, and the port of its container that is opened."""

ROOT_USER = {
    "promtail": "reads Docker's log files, which belong to root",
    "prepare": "gives Jaeger its directory, and ends",
}


def test_every_service_is_there_on_its_port() -> None:
    """The services, and the ports a person opens."""
    opened = {
        name: {int(port.rpartition(":")[2]) for port in service.get("ports", ())} for name, service in SERVICES.items()
    }

    assert set(opened) == {*REACHED, "prepare"}
    assert {name: port in opened[name] for name, port in REACHED.items() if port} == {
        name: True for name, port in REACHED.items() if port
    }
    assert all(not opened[name] for name, port in REACHED.items() if port is None)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed_and_limited(name: str) -> None:
    """Nothing is root without a reason, writes outside its volumes, grows without limit or opens to the network."""
    service = SERVICES[name]

    assert service.get("read_only") is True
    assert service.get("cap_drop") == ["ALL"]
    assert service.get("security_opt") == ["no-new-privileges:true"]
    assert service.get("mem_limit")
    assert service["logging"]["options"]["max-size"]
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in service.get("ports", ()))
    assert (str(service.get("user", "0")).split(":")[0] == "0") == (name in ROOT_USER)
    if name != "prepare":
        assert service.get("restart") == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"prepare", "worker"}))
def test_a_service_says_whether_it_is_well(name: str) -> None:
    """Everything with a port has a health check; the worker's heartbeat is an alert, JobWorkersMissing."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    """A version to the patch, or built here."""
    assert "build" in SERVICES[name] or re.search(r":v?\d+\.\d+\.\d+", SERVICES[name]["image"])


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (name, volume.split(":")[0])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ],
)
def test_what_is_mounted_is_written_and_only_read(name: str, source: str) -> None:
    """Every mounted file is one that `render` writes or the repository holds, mounted read-only."""
    written = {*config.render(STACK), "grafana/dashboards/", "prometheus/rules/"}
    below = source.removeprefix("./infra/observability/")

    assert (ROOT / source).exists() or any(path == below or path.startswith(f"{below}/") for path in written)
    assert any(volume.startswith(f"{source}:") and volume.endswith(":ro") for volume in SERVICES[name]["volumes"])


def test_named_volumes_are_declared_and_used() -> None:
    """What must survive a restart has a name."""
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith((".", "/"))
    }

    assert used == {*REFERENCE["volumes"], *ADD_ON["volumes"]}
    assert "grafana-data" in used


def test_the_mongodb_exporter_is_started_with_every_collector_the_dashboards_need() -> None:
    """Without its flags the exporter exposes one series."""
    assert set(mongodb.BY_FLAG) <= set(SERVICES["mongodb_exporter"]["command"])


def test_slow_queries_are_counted_once_a_scrape() -> None:
    """The exporter's window for slow queries is the scrape interval, or a query is counted twice or never."""
    seconds = STACK.prometheus.scrape_interval.removesuffix("s")

    assert f"--collector.profile-time-ts={seconds}" in SERVICES["mongodb_exporter"]["command"]


def test_everything_is_scraped_where_compose_puts_it() -> None:
    """Host and port of every target are a service of compose, by its name or alias."""
    names = {
        name: service
        for service_name, service in SERVICES.items()
        for name in (service_name, *service.get("networks", {}).get("default", {}).get("aliases", ()))
    }
    hosts = {getattr(STACK.targets, role).address.rpartition(":")[0] for role in STACK.targets.__dataclass_fields__} - {
        "localhost"
    }

    assert hosts <= set(names)


def test_secrets_are_kept_in_memory_alone() -> None:
    """Each variable of a secret reaches Alertmanager; the files of `[notify]` lie below a folder that is no disk."""
    alertmanager, notify = SERVICES["alertmanager"], STACK.notify
    (memory,) = (mount.split(":")[0] for mount in alertmanager["tmpfs"])

    assert alertmanager["environment"] == {name: f"${{{name}:-}}" for name in preflight.SECRETS}
    assert all(
        file.startswith(f"{memory}/")
        for file in (notify.pagerduty_routing_key_file, notify.webhook_url_file, notify.deadman_url_file)
    )


def test_no_password_has_a_default() -> None:
    """A password comes from .env or nothing starts."""
    text = "".join(
        (ROOT / name).read_text(encoding="utf-8") for name in ("docker-compose.yml", "docker-compose.observability.yml")
    )

    assert set(re.findall(r"\$\{\w*PASSWORD(\W\W?)", text)) == {":?"}
    assert (
        re.findall(r"^\w*PASSWORD=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE) == [""] * 5
    )
