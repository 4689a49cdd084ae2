"""Which containers run the stack, and what may each of them do? The add-on to a service's own compose file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from obs.config import otelcol
from obs.config.document import document
from obs.durations import seconds
from obs.stack import Stack

COMPOSE = "docker-compose.observability.yml"
ENV = ".env.example"
PREPARE = "infra/passwords/prepare.sh"
"""Where they are written, below the checkout."""

FOLDER = "./infra/observability"
BUSYBOX = "/probe/busybox"
HEALTH = {"interval": "10s", "timeout": "5s", "retries": 12}
LOGGING = {
    "driver": "json-file",
    "options": {"max-size": "10m", "max-file": "3", "labels": "com.docker.compose.service"},
}
CLOSED: Mapping[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "logging": LOGGING,
}
INSIDE, BOTH = ["observability"], ["default", "observability"]
"""
The networks of a container. What can silence an alert or delete a line is neither published nor in the service's
network: it is reached through Grafana, which asks who you are. Prometheus, Jaeger and the exporters are in both.
"""

SHIPPERS = ("otelcol", "promtail")
"""The targets that send log lines to Loki; a stack has one of them."""

SECRETS = ("PAGERDUTY_ROUTING_KEY", "WEBHOOK_URL", "DEADMAN_URL")
"""What Alertmanager is given by the environment: nobody is told of anything without."""

Service = dict[str, Any]


def render(stack: Stack) -> dict[str, str]:
    """Return the compose file, the variables a person may set, and the script that hands passwords out, by path."""
    script = Path(__file__).with_name("prepare.sh").read_text(encoding="utf-8")
    return {COMPOSE: document(configuration(stack)), ENV: variables(stack), PREPARE: script}


def configuration(stack: Stack) -> dict[str, Any]:
    """Return the content of the compose file: a service for each part that the stack has and runs here."""
    services = {"prepare": _prepare(stack)} | {
        name: service(stack) for name, (role, service) in SERVICES.items() if _runs(stack, role)
    }
    mounted = (
        volume.rpartition("}")[2].partition(":")[0] for service in services.values() for volume in service["volumes"]
    )
    named = sorted({source for source in mounted if not source.startswith((".", "/"))})
    return {"services": services, "networks": {"observability": None}, "volumes": dict.fromkeys(named)}


def _runs(stack: Stack, role: str) -> bool:
    """Tell whether a target is one of our containers: an address with a dot in its host is run elsewhere."""
    return role in stack.targets and "." not in _host(stack, role)


def _host(stack: Stack, role: str) -> str:
    return stack.targets[role].address.rpartition(":")[0]


def _service(image: str, user: str, memory: str, health: str, networks: Any = None, **more: Any) -> Service:
    """Return a container that is closed, limited, asked about its health, and started once passwords are there."""
    return {
        "image": image,
        "user": user,
        "restart": "unless-stopped",
        **CLOSED,
        "depends_on": {"prepare": {"condition": "service_completed_successfully"}},
        "networks": networks or INSIDE,
        **more,
        "mem_limit": memory,
        "healthcheck": {**HEALTH, "test": ["CMD", BUSYBOX, "wget", "-q", "--spider", f"http://127.0.0.1:{health}"]},
    }


def _published(port: int, inside: int | None = None) -> str:
    return f"${{BIND_ADDRESS:-127.0.0.1}}:{port}:{inside or port}"


def _prepare(stack: Stack) -> Service:
    """
    Return what runs once, before all others.

    Half of the images have no shell to ask about their health with, so a static busybox is lent to all of them. It also
    gives Jaeger, which does not run as root, a directory to write to, and each reader of a password its own.
    """
    readers = {reader: words for reader, (role, words, _) in PASSWORDS.items() if _runs(stack, role)}
    jaeger = _runs(stack, "jaeger")
    # A program that runs can't be written over, but it can be replaced.
    steps = [
        "cp /bin/busybox /probe/new && mv /probe/new /probe/busybox",
        *(["chown 10001:10001 /jaeger"] if jaeger else []),
        *([" ".join(["exec sh /prepare.sh /passwords", *readers.values()])] if readers else []),
    ]
    asked = [variable for role, _, variable in PASSWORDS.values() if _runs(stack, role)]
    return {
        "image": "busybox:1.37.0-musl",
        "command": ["sh", "-c", " &&\n".join(steps) + "\n"],
        "environment": {variable: f"${{{variable}:-}}" for variable in asked},
        "volumes": [
            f"./{PREPARE}:/prepare.sh:ro",
            "passwords:/passwords",
            "probe:/probe",
            *(["jaeger-data:/jaeger"] if jaeger else []),
        ],
        "network_mode": "none",
        **CLOSED,
        "cap_add": ["CHOWN"],
        "mem_limit": "32m",
    }


PASSWORDS = {
    "grafana": ("grafana", "grafana:472:GRAFANA_ADMIN_PASSWORD=GF_SECURITY_ADMIN_PASSWORD", "GRAFANA_ADMIN_PASSWORD"),
    "redis_exporter": ("redis", "redis_exporter:59000:REDIS_PASSWORD", "REDIS_PASSWORD"),
    "mongodb_exporter": (
        "mongodb",
        "mongodb_exporter:65535:MONGODB_EXPORTER_PASSWORD=MONGODB_PASSWORD",
        "MONGODB_EXPORTER_PASSWORD",
    ),
}
"""Who reads a password: the target it is for, what `prepare.sh` is told, and the variable it may be given in."""


def _prometheus(_: Stack) -> Service:
    return _service(
        "prom/prometheus:v3.16.0",
        "65534:65534",
        "1g",
        "9090/-/ready",
        BOTH,
        command=[
            "@/etc/prometheus/flags",
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
        ],
        ports=[_published(9090)],
        extra_hosts=["host.docker.internal:host-gateway"],
        volumes=[f"{FOLDER}/prometheus:/etc/prometheus:ro", "prometheus-data:/prometheus", "probe:/probe:ro"],
    )


def _alertmanager(_: Stack) -> Service:
    return _service(
        "prom/alertmanager:v0.34.2",
        "65534:65534",
        "128m",
        "9093/-/ready",
        # Without secrets it is muted: start.sh chooses the configuration.
        entrypoint=[BUSYBOX, "sh", "/etc/alertmanager/start.sh"],
        command=["--storage.path=/alertmanager", "--cluster.listen-address="],
        environment={name: f"${{{name}:-}}" for name in SECRETS},
        tmpfs=["/run/secrets:size=64k"],
        volumes=[f"{FOLDER}/alertmanager:/etc/alertmanager:ro", "alertmanager-data:/alertmanager", "probe:/probe:ro"],
    )


def _grafana(_: Stack) -> Service:
    return _service(
        "grafana/grafana:12.4.1",
        "472:0",
        "512m",
        "3000/api/health",
        entrypoint=["sh", "-c", ". /run/passwords/grafana; exec /run.sh"],
        environment={
            "GF_SECURITY_ADMIN_USER": "${GRAFANA_ADMIN_USER:-admin}",
            # `obs up --mute` sets it to false; empty, grafana.ini decides.
            "GF_UNIFIED_ALERTING_EXECUTE_ALERTS": "${GRAFANA_EXECUTE_ALERTS:-}",
        },
        ports=[_published(3001, 3000)],
        tmpfs=["/tmp:size=64m"],  # noqa: S108 - inside the container
        volumes=[
            f"{FOLDER}/grafana/grafana.ini:/etc/grafana/grafana.ini:ro",
            f"{FOLDER}/grafana/provisioning:/etc/grafana/provisioning:ro",
            f"{FOLDER}/grafana/dashboards:/etc/grafana/dashboards:ro",
            "grafana-data:/var/lib/grafana",
            "passwords:/run/passwords:ro",
            "probe:/probe:ro",
        ],
    )


def _jaeger(_: Stack) -> Service:
    return _service(
        "jaegertracing/jaeger:2.13.0",
        "10001:10001",
        "512m",
        "13133/status",
        BOTH,
        command=["--config", "/etc/jaeger/jaeger.yml"],
        environment={"GOMEMLIMIT": "400MiB"},
        ports=[_published(16686), _published(4317), _published(4318)],
        tmpfs=["/tmp:size=64m"],  # noqa: S108 - inside the container
        volumes=[f"{FOLDER}/jaeger:/etc/jaeger:ro", "jaeger-data:/var/lib/jaeger", "probe:/probe:ro"],
    )


def _loki(_: Stack) -> Service:
    return _service(
        "grafana/loki:3.7.8",
        "10001:10001",
        "1g",
        "3100/ready",
        command=["-config.file=/etc/loki/loki.yml"],
        environment={"GOMEMLIMIT": "800MiB"},
        tmpfs=["/tmp:size=64m"],  # noqa: S108 - inside the container
        volumes=[f"{FOLDER}/loki:/etc/loki:ro", "loki-data:/loki", "probe:/probe:ro"],
    )


def _promtail(_: Stack) -> Service:
    """Return Promtail: Docker's log files belong to root, so it is root too, with the one capability to read them."""
    return _service(
        "grafana/promtail:3.5.8",
        "0:0",
        "256m",
        "9080/ready",
        cap_add=["DAC_READ_SEARCH"],
        command=["-config.file=/etc/promtail/config.yml"],
        environment={"GOMEMLIMIT": "200MiB"},
        tmpfs=["/tmp:size=16m"],  # noqa: S108 - inside the container
        volumes=[
            f"{FOLDER}/promtail-config.yml:/etc/promtail/config.yml:ro",
            "${DOCKER_DATA_ROOT:-/var/lib/docker}/containers:/var/lib/docker/containers:ro",
            "promtail-data:/var/lib/promtail",
            "probe:/probe:ro",
        ],
    )


def _otelcol(_: Stack) -> Service:
    """Return the collector: like Promtail it is root, with the one capability to read files of others."""
    return _service(
        "otel/opentelemetry-collector-contrib:0.165.1",
        "0:0",
        "256m",
        "8888/metrics",
        cap_add=["DAC_READ_SEARCH"],
        command=["--config=/etc/otelcol/otelcol.yml", f"--feature-gates={otelcol.GATES}"],
        environment={"GOMEMLIMIT": "200MiB"},
        volumes=[
            f"{FOLDER}/otelcol.yml:/etc/otelcol/otelcol.yml:ro",
            "${DOCKER_DATA_ROOT:-/var/lib/docker}/containers:/var/lib/docker/containers:ro",
            f"otelcol-data:{otelcol.FOLDER}",
            "probe:/probe:ro",
        ],
    )


def _redis_exporter(stack: Stack) -> Service:
    return _service(
        "oliver006/redis_exporter:v1.86.0",
        "59000:59000",
        "64m",
        "9121/health",
        _known_as(stack, "redis"),
        entrypoint=[BUSYBOX, "sh", "-c", ". /run/passwords/redis_exporter; exec /redis_exporter"],
        environment={"REDIS_ADDR": "${REDIS_ADDRESS:-redis://redis:6379}"},
        volumes=["passwords:/run/passwords:ro", "probe:/probe:ro"],
    )


def _mongodb_exporter(stack: Stack) -> Service:
    return _service(
        "percona/mongodb_exporter:0.53.0",
        "65535:65535",
        "128m",
        "9216/",
        _known_as(stack, "mongodb"),
        entrypoint=[BUSYBOX, "sh", "-c", '. /run/passwords/mongodb_exporter; exec /mongodb_exporter "$$@"', "sh"],
        command=[
            "--collector.diagnosticdata",
            "--collector.dbstats",
            "--collector.profile",
            # A slow query is counted once a scrape: over the same window, or it is counted twice or never.
            f"--collector.profile-time-ts={seconds(stack.prometheus.scrape_interval):g}",
        ],
        environment={
            "MONGODB_URI": "${MONGODB_ADDRESS:-mongodb://mongodb:27017}/admin",
            "MONGODB_USER": "${MONGODB_EXPORTER_USER:-exporter}",
        },
        volumes=["passwords:/run/passwords:ro", "probe:/probe:ro"],
    )


def _known_as(stack: Stack, role: str) -> dict[str, Any]:
    """Return the networks of an exporter, which is asked by the host of its target."""
    return {"default": None, "observability": {"aliases": [_host(stack, role)]}}


SERVICES: Mapping[str, tuple[str, Callable[[Stack], Service]]] = {
    "prometheus": ("prometheus", _prometheus),
    "alertmanager": ("alertmanager", _alertmanager),
    "grafana": ("grafana", _grafana),
    "jaeger": ("jaeger", _jaeger),
    "loki": ("loki", _loki),
    "otelcol": ("otelcol", _otelcol),
    "promtail": ("promtail", _promtail),
    "redis_exporter": ("redis", _redis_exporter),
    "mongodb_exporter": ("mongodb", _mongodb_exporter),
}
"""The services of the compose file: the target each answers for, and what it is made of."""


def variables(stack: Stack) -> str:
    """Return what a person may set before the first start, each with its reason."""
    databases = [role for role in ADDRESSES if _runs(stack, role)]
    passwords = [name for role, names in KEPT.items() if _runs(stack, role) for name in names]
    blocks = [
        "# Copied to .env, which is never committed, by `obs up`.\n",
        _block(RANDOM, passwords),
        YOURS if _runs(stack, "alertmanager") else "",
        CHANGED + ("GRAFANA_ADMIN_USER=admin\n" if _runs(stack, "grafana") else ""),
        _block(ENGINE, ["DOCKER_DATA_ROOT=/var/lib/docker"] if any(_runs(stack, role) for role in SHIPPERS) else []),
        _block(ELSEWHERE, [line for role in databases for line in ADDRESSES[role]]),
    ]
    return "\n".join(filter(None, blocks[:-2])) + "".join(blocks[-2:])


def _block(reason: str, assigned: list[str]) -> str:
    return "\n".join([reason, *assigned, ""]) if assigned else ""


KEPT = {
    "grafana": ["GRAFANA_ADMIN_PASSWORD="],
    "redis": ["REDIS_PASSWORD="],
    "mongodb": ["MONGODB_ROOT_PASSWORD=", "MONGODB_PASSWORD=", "MONGODB_EXPORTER_PASSWORD="],
}
ADDRESSES = {
    "redis": ["REDIS_ADDRESS=redis://redis:6379"],
    "mongodb": ["MONGODB_ADDRESS=mongodb://mongodb:27017", "MONGODB_EXPORTER_USER=exporter"],
}
RANDOM = "# An empty one is made at random and kept in the volume `passwords`."
ENGINE = "# Where Docker Engine keeps its containers' logs, which are shipped to Loki; `docker info` tells."
ELSEWHERE = "# Databases that are not the reference service's."
YOURS = """\
# Yours: who is told. With none of them nobody is; `obs up --mute` tells nobody even when they are filled in.
# The integration key of a PagerDuty service (Events API v2).
PAGERDUTY_ROUTING_KEY=
# Where tickets go: any address that takes Alertmanager's webhook.
WEBHOOK_URL=
# What must hear from us every minute, and cries when it does not: https://healthchecks.io, Dead Man's Snitch, ...
DEADMAN_URL=
"""
CHANGED = f"""\
# May be changed.
# The service's own compose file, and ours.
COMPOSE_FILE=docker-compose.yml:{COMPOSE}
# The address ports are opened on; 0.0.0.0 opens them to the network, without TLS: put a proxy in front.
BIND_ADDRESS=127.0.0.1
"""
