"""How does Loki store log lines, for how long, and what does it refuse?"""

from typing import Any

from obs.config.document import document
from obs.query.logql import STREAM_LABELS
from obs.stack import Stack

SCHEMA_SINCE = "2024-04-01"
"""Day from which chunks have schema v13: any day before the first line; it must never change afterwards."""

OLDEST, LATEST = "168h", "10m"
"""How far behind and ahead of the clock a line's time may be."""

LABELS = {
    "ignore_defaults": True,
    "attributes_config": [{"action": "index_label", "attributes": list(STREAM_LABELS)}],
}
"""What of a resource, as the OpenTelemetry Collector sends it, becomes a label; anything else is no label."""


def render(stack: Stack) -> dict[str, str]:
    """Return ``loki.yml``."""
    return {"loki/loki.yml": document(_configuration(stack))}


def _configuration(stack: Stack) -> dict[str, Any]:
    return {
        "auth_enabled": False,
        "server": {"http_listen_port": 3100, "log_level": "warn"},
        "common": {
            "path_prefix": "/loki",
            "replication_factor": 1,
            "ring": {"instance_addr": "127.0.0.1", "kvstore": {"store": "inmemory"}},
            "storage": {"filesystem": {"chunks_directory": "/loki/chunks", "rules_directory": "/loki/rules"}},
        },
        "schema_config": {
            "configs": [
                {
                    "from": SCHEMA_SINCE,
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "ingester": {"wal": {"enabled": True, "dir": "/loki/wal"}, "chunk_idle_period": "30m", "max_chunk_age": "2h"},
        "compactor": {
            "working_directory": "/loki/compactor",
            "retention_enabled": True,
            "retention_delete_delay": "2h",
            "delete_request_store": "filesystem",
        },
        "limits_config": _limits(stack),
        "analytics": {"reporting_enabled": False},
    }


def _limits(stack: Stack) -> dict[str, Any]:
    return {
        "retention_period": stack.logs.retention,
        "deletion_mode": "disabled",
        "ingestion_rate_mb": 8,
        "ingestion_burst_size_mb": 16,
        "per_stream_rate_limit": "5MB",
        "per_stream_rate_limit_burst": "20MB",
        "max_global_streams_per_user": 2000,
        "max_label_names_per_series": 10,
        "max_label_value_length": 128,
        "max_line_size": "256KB",
        "max_line_size_truncate": True,
        "reject_old_samples": True,
        "reject_old_samples_max_age": OLDEST,
        "creation_grace_period": LATEST,
        "max_entries_limit_per_query": 5000,
        "max_query_series": 1000,
        "query_timeout": "1m",
        "volume_enabled": True,
        "allow_structured_metadata": True,
        "discover_log_levels": False,
        **({"otlp_config": {"resource_attributes": LABELS}} if "otelcol" in stack.targets else {}),
    }
