"""Which log files does Promtail read, and what does it make of a line?"""

import re
from typing import Any

from obs.config.document import document
from obs.config.masking import MASKED, SECRETS
from obs.query.logql import CONTAINER, ENVIRONMENT, LEVEL, LEVELS, SERVICE, UNKNOWN
from obs.stack import Stack

COMPOSE_SERVICE = 'attrs."com.docker.compose.service"'
"""Where Docker's json-file driver puts the compose service, given `labels: com.docker.compose.service`."""

_LEVELS = " ".join(f'"{level}"' for level in LEVELS)
_KNOWN_LEVEL = f"{{{{ if eq .Value {_LEVELS} }}}}{{{{ .Value }}}}{{{{ else }}}}{UNKNOWN}{{{{ end }}}}"
_OR_CONTAINER = f"{{{{ else if .{CONTAINER} }}}}{{{{ .{CONTAINER} }}}}{{{{ else }}}}{UNKNOWN}{{{{ end }}}}"
_SERVICE_OR_CONTAINER = f"{{{{ if .Value }}}}{{{{ .Value }}}}{_OR_CONTAINER}"


def render(stack: Stack) -> dict[str, str]:
    """Return ``promtail-config.yml``: valid for Promtail 1.6 to 3.x, and for Alloy's converter."""
    return {"promtail-config.yml": document(_configuration(stack))}


def _configuration(stack: Stack) -> dict[str, Any]:
    return {
        "server": {"http_listen_port": int(stack.targets.promtail.address.rpartition(":")[2]), "log_level": "warn"},
        "positions": {"filename": "/var/lib/promtail/positions.yaml"},
        "clients": [
            {
                "url": f"{stack.datasources.loki.url.rstrip('/')}/loki/api/v1/push",
                "external_labels": {ENVIRONMENT: stack.service.environment},
                # Waits double from half a second to five minutes: a line is given up after an hour and a half
                "backoff_config": {"min_period": "500ms", "max_period": "5m", "max_retries": 25},
            }
        ],
        "scrape_configs": [
            {
                "job_name": "containers",
                "static_configs": [{"targets": ["localhost"], "labels": {"__path__": stack.logs.path}}],
                "pipeline_stages": _stages(stack.service.name),
            }
        ],
    }


def _stages(name: str) -> list[dict[str, Any]]:
    """
    Unwrap Docker's line, mask it, give it its own time and three labels; what isn't JSON passes as it is.

    A label's values are a closed set, whatever a line claims: levels, the names of containers, and the service's. Were
    they not, one container could use up Loki's streams, and the refused batches would hold up everybody's lines.
    """
    return [
        {"json": {"expressions": {"log": "log", "written": "time", CONTAINER: COMPOSE_SERVICE}}},
        {"timestamp": {"source": "written", "format": "RFC3339Nano", "action_on_failure": "skip"}},
        {"output": {"source": "log"}},
        *(
            {"replace": {"expression": f"{before}({secret}){after}", "replace": MASKED}}
            for before, secret, after in SECRETS
        ),
        {"json": {"expressions": {"timestamp": "timestamp", LEVEL: "level", "claimed": "service"}}},
        {"timestamp": {"source": "timestamp", "format": "RFC3339Nano", "action_on_failure": "skip"}},
        {"template": {"source": LEVEL, "template": _KNOWN_LEVEL}},
        {"regex": {"source": "claimed", "expression": f"^(?P<{SERVICE}>{re.escape(name)})$"}},
        {"template": {"source": SERVICE, "template": _SERVICE_OR_CONTAINER}},
        # Promtail labels each line with its file, whose name is the container's id: a stream for every restart
        {"labels": {LEVEL: "", SERVICE: "", CONTAINER: "", "filename": CONTAINER}},
    ]
