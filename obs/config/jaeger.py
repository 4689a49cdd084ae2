"""How does Jaeger receive spans, for how long does it keep them, and how is it watched?"""

from typing import Any

from obs.config.document import document
from obs.stack import Stack

STORE = "spans"
MEMORY = {"check_interval": "100ms", "limit_mib": 380, "spike_limit_mib": 80}
"""From 300 MiB of heap on it refuses spans; their senders try again. Compose gives 512 MiB, GOMEMLIMIT is 400."""

EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside its container; compose decides which ports leave it


def render(stack: Stack) -> dict[str, str]:
    """Return ``jaeger.yml``."""
    return {"jaeger/jaeger.yml": document(_configuration(stack))}


def _configuration(stack: Stack) -> dict[str, Any]:
    telemetry = {"host": EVERYWHERE, "port": int(stack.targets.jaeger.address.rpartition(":")[2])}
    pipeline = {
        "receivers": ["otlp"],
        "processors": ["memory_limiter", "batch"],
        "exporters": ["jaeger_storage_exporter"],
    }
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "pipelines": {"traces": pipeline},
            "telemetry": {
                "resource": {"service.name": "jaeger"},
                "logs": {"level": "warn"},
                "metrics": {"level": "detailed", "readers": [{"pull": {"exporter": {"prometheus": telemetry}}}]},
            },
        },
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"{EVERYWHERE}:13133"}},
            "jaeger_query": {
                "storage": {"traces": STORE},
                "http": {"endpoint": f"{EVERYWHERE}:16686"},
                "grpc": {"endpoint": f"{EVERYWHERE}:16685"},
            },
            "jaeger_storage": {"backends": {STORE: {"badger": _badger(stack)}}},
        },
        "receivers": {
            "otlp": {
                "protocols": {"grpc": {"endpoint": f"{EVERYWHERE}:4317"}, "http": {"endpoint": f"{EVERYWHERE}:4318"}}
            }
        },
        "processors": {"memory_limiter": MEMORY, "batch": {}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": STORE}},
    }


def _badger(stack: Stack) -> dict[str, Any]:
    return {
        "ephemeral": False,
        "directories": {"keys": "/var/lib/jaeger/keys", "values": "/var/lib/jaeger/values"},
        "ttl": {"spans": stack.traces.retention},
    }
