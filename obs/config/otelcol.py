"""Which log files does the OpenTelemetry Collector read, and what does it make of a line?"""

import json
from typing import Any

from obs.config.document import document
from obs.config.loki import LATEST, OLDEST
from obs.config.masking import MASKED, SECRETS
from obs.query.logql import CONTAINER, ENVIRONMENT, LEVEL, LEVELS, SERVICE, UNKNOWN
from obs.stack import Stack

COMPOSE_SERVICE = '["com.docker.compose.service"]'
"""Where Docker's json-file driver puts the compose service, given `labels: com.docker.compose.service`."""

FOLDER = "/var/lib/otelcol"
"""Where the collector keeps its place in each file."""

GATES = "stanza.synchronousLogEmitter,-pkg.stanza.addDefaultScopeName"
"""
Features to switch on and off.

A line is handed on before its place in the file is written down, so a collector that is killed sends some lines again
and loses none; and no line carries the name of the collector's own package.
"""

BATCH_BYTES = 1024 * 1024
"""A push, at most: what Promtail sends, too. Loki's own limit between its parts is 4 MB."""

TIMESTAMP = {"layout_type": "gotime", "layout": "2006-01-02T15:04:05.999999999Z07:00", "on_error": "send_quiet"}


def render(stack: Stack) -> dict[str, str]:
    """Return ``otelcol.yml``, for release 0.165 of the collector's contrib distribution."""
    return {"otelcol.yml": document(_configuration(stack))}


def _configuration(stack: Stack) -> dict[str, Any]:
    everywhere = "0.0.0.0"  # noqa: S104 - inside its container; no port of it leaves it
    exposed = {
        "host": everywhere,
        "port": int(stack.targets.otelcol.address.rpartition(":")[2]),
        "without_scope_info": True,
        "without_type_suffix": False,
        "without_units": False,
    }
    return {
        "extensions": {"file_storage": {"directory": FOLDER, "create_directory": True, "fsync": True}},
        "receivers": {
            "file_log": {
                "include": [stack.logs.path],
                "start_at": "beginning",
                "include_file_path": True,
                "include_file_name": False,
                "storage": "file_storage",
                "resource": {ENVIRONMENT: stack.service.environment},
                "operators": _operators(stack.service.name),
            }
        },
        "exporters": {"otlp_http": _exporter(stack)},
        "service": {
            "extensions": ["file_storage"],
            "pipelines": {"logs": {"receivers": ["file_log"], "exporters": ["otlp_http"]}},
            "telemetry": {
                "logs": {"level": "warn"},
                "metrics": {"level": "detailed", "readers": [{"pull": {"exporter": {"prometheus": exposed}}}]},
            },
        },
    }


def _exporter(stack: Stack) -> dict[str, Any]:
    """Hand lines to Loki; their reader waits for its answer, so a line is in its file until Loki has it."""
    return {
        "endpoint": f"{stack.datasources.loki.url.rstrip('/')}/otlp",
        "timeout": "10s",
        # As Promtail does: a line is given up after an hour and a half
        "retry_on_failure": {"initial_interval": "500ms", "max_interval": "30s", "max_elapsed_time": "90m"},
        "sending_queue": {
            "wait_for_result": True,
            "block_on_overflow": True,
            "sizer": "bytes",
            "queue_size": 8 * BATCH_BYTES,
            "batch": {
                "flush_timeout": "200ms",
                "min_size": BATCH_BYTES // 2,
                "max_size": BATCH_BYTES,
                "sizer": "bytes",
            },
        },
    }


def _operators(name: str) -> list[dict[str, Any]]:
    """
    Unwrap and join Docker's lines, mask them, give each its own time and its labels; what isn't JSON passes as it is.

    A label's values are a closed set, whatever a line claims: levels, the names of containers, and the service's. Were
    they not, one container could use up Loki's streams, and the refused batches would hold up everybody's lines.
    """
    wrapped = 'type(attributes.log) == "string"'
    known = json.dumps(LEVELS)
    claimed = f"attributes.line?.service == {json.dumps(name)}"
    return [
        {"type": "json_parser", "id": "docker", "on_error": "send_quiet"},
        {
            "type": "time_parser",
            "id": "written",
            "parse_from": "attributes.time",
            "if": _text("attributes.time"),
            **TIMESTAMP,
        },
        # Docker cuts a line every 16 kB, where a secret may stand; the parts of both streams lie mixed in one file
        {"type": "add", "id": "source", "field": "attributes.source", "value": _expr(SOURCE)},
        {
            "type": "recombine",
            "if": wrapped,
            "combine_field": "attributes.log",
            "combine_with": "",
            "is_last_entry": 'attributes.log endsWith "\\n"',
            "source_identifier": "attributes.source",
            "max_log_size": "1MiB",
        },
        {"type": "move", "id": "unwrapped", "if": wrapped, "from": "attributes.log", "to": "body"},
        _replaced("end", r"\n\z", ""),
        *(
            # A dollar before a brace is doubled: the collector would put a variable of its environment there
            _replaced(f"secret_{number}", f"({before}){secret}({after})", f"$${{1}}{MASKED}$${{2}}")
            for number, (before, secret, after) in enumerate(SECRETS, start=1)
        ),
        {
            "type": "json_parser",
            "id": "line",
            "parse_to": "attributes.line",
            "if": 'body startsWith "{"',
            "on_error": "send_quiet",
        },
        {
            "type": "time_parser",
            "id": "own",
            "parse_from": "attributes.line.timestamp",
            "if": OWN_TIME,
            **TIMESTAMP,
        },
        _label(LEVEL, f'attributes.line?.level in {known} ? attributes.line.level : "{UNKNOWN}"'),
        _label(CONTAINER, f"attributes.attrs{COMPOSE_SERVICE}", _text(f"attributes.attrs?.{COMPOSE_SERVICE}")),
        _label(SERVICE, f'{claimed} ? {json.dumps(name)} : (resource.{CONTAINER} ?? "{UNKNOWN}")'),
        {"type": "remove", "field": "attributes"},
    ]


SOURCE = 'attributes["log.file.path"] + string(attributes.stream)'
OWN_TIME = (
    'type(attributes.line?.timestamp) == "string"'
    f' && date(attributes.line.timestamp) - timestamp < duration("{LATEST}")'
    f' && timestamp - date(attributes.line.timestamp) < duration("{OLDEST}")'
)
"""A time that Loki would refuse is not believed: Docker's stays, and no other line goes with it."""


def _text(field: str) -> str:
    return f'type({field}) == "string"'


def _expr(expression: str) -> str:
    return f"EXPR({expression})"


def _replaced(name: str, regex: str, by: str) -> dict[str, Any]:
    return {"type": "regex_replace", "id": name, "field": "body", "regex": regex, "replace_with": by}


def _label(name: str, expression: str, condition: str = "") -> dict[str, Any]:
    """Set an attribute of the resource, which Loki takes for a label of the stream."""
    where = {"if": condition} if condition else {}
    return {"type": "add", "id": name, **where, "field": f"resource.{name}", "value": _expr(expression)}
