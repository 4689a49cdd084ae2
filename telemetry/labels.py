"""Which labels exist, what they mean, and which values they may take. A label name is spelled here and nowhere else."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Operator = Literal["=", "!=", "=~", "!~"]


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector: ``label``, ``operator`` as PromQL writes it, and the text to compare with."""

    label: "Label"
    operator: Operator
    value: str

    def __str__(self) -> str:
        """Return the matcher as PromQL, quoted and escaped: ``status=~"5.."``."""
        return f"{self.label.name}{self.operator}{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Label:
    """
    A label of one or more series.

    ``values`` lists every value the label may take where that set is bounded; empty means that the service
    decides at run time (routes, queues), still within the limits its instrumentation sets.
    """

    name: str
    help: str
    values: tuple[str, ...] = ()

    def eq(self, value: str) -> Matcher:
        """Match ``value`` exactly; raise ValueError when it can never occur."""
        return self._matcher("=", value)

    def ne(self, value: str) -> Matcher:
        """Match everything but ``value``; raise ValueError when it can never occur."""
        return self._matcher("!=", value)

    def re(self, pattern: str) -> Matcher:
        """Match an anchored RE2 pattern."""
        return Matcher(self, "=~", pattern)

    def nre(self, pattern: str) -> Matcher:
        """Match everything but an anchored RE2 pattern."""
        return Matcher(self, "!~", pattern)

    def _matcher(self, operator: Operator, value: str) -> Matcher:
        if self.values and value not in self.values and not value.startswith("$"):
            raise ValueError(f"label '{self.name}' is never {value!r}; it takes: {', '.join(self.values)}")
        return Matcher(self, operator, value)


JOB = Label("job", "Scrape job, set by Prometheus.")
INSTANCE = Label("instance", "Scraped address, set by Prometheus.")
ENVIRONMENT = Label("environment", "Deployment the target belongs to, set by the scrape configuration.")
TARGET = (INSTANCE, JOB, ENVIRONMENT)
"""What Prometheus adds to every scraped series."""

LE = Label("le", "Upper edge of a histogram bucket.")
QUANTILE = Label("quantile", "Quantile of a summary.")
ALERTNAME = Label("alertname", "Name of the alert, in ALERTS.")
ALERTSTATE = Label("alertstate", "State of the alert, in ALERTS.", ("pending", "firing"))
SEVERITY = Label(
    "severity", "Who hears of an alert: a page wakes someone, a ticket waits for the day.", ("page", "ticket", "none")
)
TEAM = Label("team", "Who owns the alert.")
SERVICE = Label("service", "Which service the alert is about.")
SLO = Label("slo", "Which promise a series belongs to.")

METHOD = Label(
    "method",
    "HTTP method; anything a client invents is 'other'.",
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"),
)
ROUTE = Label("route", "Full route template, mounts included (`/v1/users/{id}`); 'unmatched' where no route answered.")
STATUS = Label(
    "status", "HTTP status code sent, 100 to 599; an exception counts as 500, a client that left unanswered as 499."
)
CLOSE_REASON = Label(
    "reason",
    "Why a WebSocket ended.",
    (
        "normal",
        "going_away",
        "protocol_error",
        "policy_violation",
        "too_big",
        "server_error",
        "abnormal",
        "rejected",
        "other",
    ),
)
DIRECTION = Label("direction", "Seen from the service.", ("in", "out"))

QUEUE = Label("queue", "Job queue.")
ERROR = Label("error", "Class of the exception that failed a job; 'other' beyond the first fifty.")

PAGE = Label("page", "Page template (`/users/{id}`), never an address a browser sent; 'other' where none fits.")
DEVICE = Label("device", "Kind of device, from the browser.", ("mobile", "tablet", "desktop", "other"))
OUTCOME = Label("outcome", "What became of a report.", ("accepted", "duplicate", "rejected", "limited"))

RESULT = Label("result", "Whether the attempt did what it set out to.", ("ok", "error"))
DROP_REASON = Label("reason", "Why an update was not counted.", ("series_limit", "invalid"))
VERSION = Label("version", "Version of the running code.")

# --- Labels of the series we read from others: spelled as they spell them ---

CMD = Label("cmd", "Redis command, in lower case; subcommands follow a bar (`config|get`).")
DB = Label("db", "Redis database (`db0`).")
REPLICA_IP = Label("slave_ip", "Address of a replica, as its primary sees it.")
REPLICA_PORT = Label("slave_port", "Port of a replica.")
REPLICA_STATE = Label("slave_state", "How far the replica has come (`online`, `send_bulk`, `wait_bgsave`).")
MASTER_HOST = Label("master_host", "Address of the primary a replica follows.")
MASTER_PORT = Label("master_port", "Port of the primary a replica follows.")

CLUSTER_ROLE = Label(
    "cluster_role", "What answers; no label at all while MongoDB is down.", ("mongod", "mongos", "arbiter")
)
CLUSTER_ID = Label("cl_id", "Id of the cluster the member belongs to.")
MEMBER_ROLE = Label("cl_role", "Role of the member in its cluster (`mongod`, `shardsvr`, `configsvr`, `mongos`).")
REPLICA_SET = Label("rs_nm", "Name of the replica set; no label on a standalone server.")
REPLICA_SET_STATE = Label("rs_state", "State of the scraped member, as a number; it changes on failover.")
MEMBER = Label("member_idx", "Member of a replica set, as host:port.")
MEMBER_STATE = Label(
    "member_state",
    "State of a member.",
    (
        "STARTUP",
        "PRIMARY",
        "SECONDARY",
        "RECOVERING",
        "STARTUP2",
        "UNKNOWN",
        "ARBITER",
        "DOWN",
        "ROLLBACK",
        "REMOVED",
        "(not reachable/healthy)",
    ),
)
CONNECTION_TYPE = Label(
    "conn_type",
    "Which connections; 'current' and 'available' add up to the limit.",
    (
        "active",
        "available",
        "awaitingTopologyChanges",
        "current",
        "exhaustHello",
        "exhaustIsMaster",
        "loadBalanced",
        "rejected",
        "threaded",
        "totalCreated",
    ),
)
OPERATION = Label("legacy_op_type", "Kind of operation.", ("command", "delete", "getmore", "insert", "query", "update"))
OPERATION_CLASS = Label("op_type", "Class of operations.", ("commands", "reads", "transactions", "writes"))
TICKET = Label("txn_rw", "What the ticket admits to the storage engine.", ("read", "write"))
QUEUE_SIDE = Label("count_type", "Who waits; 'total' is the sum of the others.", ("readers", "total", "writers"))
CURSOR = Label("csr_type", "Which cursors; 'total' contains the others.", ("noTimeout", "pinned", "total"))
DOCUMENT_OPERATION = Label("doc_op_type", "What happened to documents.", ("deleted", "inserted", "returned", "updated"))
ASSERTION = Label("assert_type", "Kind of assertion.", ("msg", "regular", "rollovers", "tripwire", "user", "warning"))
DATABASE = Label("database", "MongoDB database.")

RULE_GROUP = Label("rule_group", "Rule file and group, as `file;group`.")
ALERTMANAGER = Label("alertmanager", "Address alerts are sent to.")
SAMPLE_TYPE = Label("type", "What a stored sample is.", ("float", "histogram"))
INTEGRATION = Label("integration", "Kind of receiver (`webhook`, `pagerduty`).")
ALERT_STATE = Label("state", "What Alertmanager makes of an alert.", ("active", "suppressed", "unprocessed"))
SILENCE_STATE = replace(ALERT_STATE, help="Where a silence stands.", values=("active", "expired", "pending"))

CALL_METHOD = replace(METHOD, help="HTTP method, or gRPC.", values=())
CALL_ROUTE = replace(ROUTE, help="Handler of the call (`loki_api_v1_push`).")
STATUS_CODE = Label("status_code", "HTTP status, 'success' for gRPC, -1 where no answer came.")
WS = Label("ws", "Whether the call is a WebSocket.", ("true", "false"))
TENANT = Label("tenant", "Loki tenant; one where authentication is off.")
HOST = Label("host", "Loki address Promtail sends to.")
LEVEL = Label("level", "Severity of a log line.")

OTEL_SCOPE = Label("otel_scope_name", "Part of the collector that counted.")
RECEIVER = Label("receiver", "Receiver that took the spans (`otlp`).")
TRANSPORT = Label("transport", "How the spans came (`http`, `grpc`).")
EXPORTER = Label("exporter", "Exporter that passes the spans on.")
