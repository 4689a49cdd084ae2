"""Which series the service exposes. A metric name is spelled here, or in a module of metrics/, and nowhere else."""

from dataclasses import dataclass, replace
from typing import Literal

from watchkeeper.contract.labels import (
    CLOSE_REASON,
    DEVICE,
    DIRECTION,
    DROP_REASON,
    ERROR,
    LE,
    METHOD,
    OUTCOME,
    PAGE,
    QUEUE,
    RESULT,
    ROUTE,
    STATUS,
    VERSION,
    Label,
)

MetricKind = Literal["counter", "gauge", "histogram", "summary"]
Unit = Literal["", "seconds", "milliseconds", "microseconds", "bytes", "mebibytes", "ratio", "percent", "timestamp"]


Across = Literal["sum", "max", "min", "last", "distinct"]


@dataclass(frozen=True, slots=True)
class Metric:
    """
    One series family: what it is called, what it counts, and which labels tell its series apart.

    ``kind`` is what the series means: `rate` asks for a counter. ``exposed`` is the TYPE line where an exporter
    says something else (percona/mongodb_exporter calls most counters untyped). ``unit`` is the unit of a sample.
    ``buckets`` are a histogram's upper edges without +Inf, in ``unit``.
    ``across`` is how a gauge's values from several processes make one: ``last`` takes the newest measurement,
    ``distinct`` counts members that any of them holds, each once.
    """

    name: str
    kind: MetricKind
    help: str
    labels: tuple[Label, ...] = ()
    unit: Unit = ""
    buckets: tuple[float, ...] = ()
    exposed: Literal["", "untyped", "counter", "gauge"] = ""
    across: Across = "sum"

    def __post_init__(self) -> None:
        """Refuse what Prometheus or a reader would stumble over: raise ValueError."""
        if (self.kind == "histogram") != bool(self.buckets):
            raise ValueError(f"{self.name}: a histogram has bucket edges, and nothing else has")
        if list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"{self.name}: bucket edges rise: {self.buckets}")

    @property
    def bucket(self) -> "Metric":
        """The cumulative bucket series of a histogram, with its ``le`` label."""
        return self._part("_bucket", (*self.labels, LE))

    @property
    def count(self) -> "Metric":
        """The number of observations of a histogram or summary."""
        return self._part("_count", self.labels)

    @property
    def sum(self) -> "Metric":
        """The sum of all observations of a histogram or summary, in its unit."""
        return replace(self._part("_sum", self.labels), unit=self.unit)

    def _part(self, suffix: str, labels: tuple[Label, ...]) -> "Metric":
        if self.kind not in ("histogram", "summary"):
            raise ValueError(f"{self.name} is a {self.kind}: it has no {suffix} series")
        return Metric(self.name + suffix, "counter", self.help, labels)


LATENCY_EDGES_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.5, 2.5, 5.5, 10.5)
"""No edge is a whole number: `le` then reads the same to every Prometheus. A latency SLO sits on one of them."""

SIZE_EDGES_BYTES = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0)
JOB_EDGES_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.5, 2.5, 5.5, 15.5, 30.5, 60.5, 300.5, 900.5)

REQUESTS = Metric("http_requests_total", "counter", "Finished HTTP requests.", (METHOD, ROUTE, STATUS))
REQUEST_DURATION = Metric(
    "http_request_duration_seconds",
    "histogram",
    "Time from the first byte in to the last byte out.",
    (METHOD, ROUTE),
    "seconds",
    LATENCY_EDGES_SECONDS,
)
REQUESTS_IN_PROGRESS = Metric("http_requests_in_progress", "gauge", "HTTP requests being served now.", (METHOD,))
REQUEST_SIZE = Metric(
    "http_request_size_bytes", "histogram", "Body bytes received.", (METHOD, ROUTE), "bytes", SIZE_EDGES_BYTES
)
RESPONSE_SIZE = Metric(
    "http_response_size_bytes", "histogram", "Body bytes sent.", (METHOD, ROUTE), "bytes", SIZE_EDGES_BYTES
)

WS_CONNECTIONS = Metric("websocket_connections", "gauge", "WebSockets open now.", (ROUTE,))
WS_USERS = Metric(
    "websocket_users_present", "gauge", "Distinct users with a WebSocket open now.", (ROUTE,), across="distinct"
)
WS_CONNECTS = Metric("websocket_connects_total", "counter", "WebSockets accepted.", (ROUTE,))
WS_DISCONNECTS = Metric("websocket_disconnects_total", "counter", "WebSockets ended.", (ROUTE, CLOSE_REASON))
WS_MESSAGES = Metric("websocket_messages_total", "counter", "WebSocket messages.", (ROUTE, DIRECTION))
WS_DURATION = Metric(
    "websocket_connection_duration_seconds",
    "histogram",
    "Time from accept to close.",
    (ROUTE,),
    "seconds",
    (0.5, 1.5, 5.5, 30.5, 60.5, 300.5, 1800.5, 3600.5, 14400.5),
)

JOBS_PROCESSED = Metric("jobs_processed_total", "counter", "Finished job runs, failed ones included.", (QUEUE,))
JOBS_FAILED = Metric("jobs_failed_total", "counter", "Job runs that ended in an exception.", (QUEUE, ERROR))
JOBS_RETRIED = Metric("jobs_retried_total", "counter", "Failed job runs put back on their queue.", (QUEUE,))
JOB_QUEUE_LATENCY = Metric(
    "jobs_queue_latency_seconds",
    "histogram",
    "Time a job waited from the moment it was due until a worker took it.",
    (QUEUE,),
    "seconds",
    JOB_EDGES_SECONDS,
)
JOB_DURATION = Metric(
    "jobs_run_duration_seconds", "histogram", "Time one run of a job took.", (QUEUE,), "seconds", JOB_EDGES_SECONDS
)
JOBS_WAITING = Metric("jobs_waiting", "gauge", "Jobs due and not yet taken.", (QUEUE,), across="last")
JOBS_ACTIVE = Metric("jobs_active", "gauge", "Jobs running now.", (QUEUE,))
JOBS_DELAYED = Metric("jobs_delayed", "gauge", "Jobs scheduled for later.", (QUEUE,), across="last")
JOBS_OLDEST_WAITING = Metric(
    "jobs_oldest_waiting_seconds",
    "gauge",
    "Age of the oldest job due and not yet taken.",
    (QUEUE,),
    "seconds",
    across="last",
)
JOB_WORKERS = Metric("jobs_workers", "gauge", "Live workers that take from the queue.", (QUEUE,))

# Good and poor are bucket edges, so the share of each rating is exact: https://web.dev/articles/vitals
VITAL_LABELS = (PAGE, DEVICE)
LCP = Metric(
    "web_vitals_lcp_seconds",
    "histogram",
    "Largest Contentful Paint.",
    VITAL_LABELS,
    "seconds",
    (0.5, 0.9, 1.2, 1.8, 2.5, 3.2, 4.0, 6.5, 10.5),
)
INP = Metric(
    "web_vitals_inp_seconds",
    "histogram",
    "Interaction to Next Paint.",
    VITAL_LABELS,
    "seconds",
    (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.5, 3.5),
)
FID = Metric(
    "web_vitals_fid_seconds",
    "histogram",
    "First Input Delay, from pages that still run web-vitals 4.",
    VITAL_LABELS,
    "seconds",
    (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.5),
)
CLS = Metric(
    "web_vitals_cls",
    "histogram",
    "Cumulative Layout Shift, a score without unit.",
    VITAL_LABELS,
    "",
    (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.5),
)
FCP = Metric(
    "web_vitals_fcp_seconds",
    "histogram",
    "First Contentful Paint.",
    VITAL_LABELS,
    "seconds",
    (0.5, 0.9, 1.2, 1.8, 2.4, 3.0, 4.5, 6.5, 10.5),
)
TTFB = Metric(
    "web_vitals_ttfb_seconds",
    "histogram",
    "Time To First Byte.",
    VITAL_LABELS,
    "seconds",
    (0.1, 0.2, 0.4, 0.8, 1.2, 1.8, 2.5, 4.5),
)
VITALS_REPORTS = Metric("web_vitals_reports_total", "counter", "Web vitals received from browsers.", (OUTCOME,))

INFO = Metric("service_info", "gauge", "Always 1; tells which version runs.", (VERSION,), across="max")
FLUSHES = Metric("telemetry_flushes_total", "counter", "Flushes of a worker's counts to the shared store.", (RESULT,))
FLUSH_DURATION = Metric(
    "telemetry_flush_duration_seconds",
    "histogram",
    "Time one flush to the shared store took.",
    (),
    "seconds",
    (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.5, 5.5),
)
LAST_FLUSH = Metric(
    "telemetry_last_flush_timestamp_seconds",
    "gauge",
    "When the worker that is furthest behind last reached the shared store.",
    (),
    "timestamp",
    across="min",
)
WORKERS = Metric("telemetry_workers", "gauge", "Live processes that count into the shared store.")
SERIES = Metric("telemetry_series", "gauge", "Series held in the shared store.")
DROPPED = Metric(
    "telemetry_updates_dropped_total",
    "counter",
    "Updates that were not counted, to keep memory bounded.",
    (DROP_REASON,),
)

HTTP = (REQUESTS, REQUEST_DURATION, REQUESTS_IN_PROGRESS, REQUEST_SIZE, RESPONSE_SIZE)
WEBSOCKET = (WS_CONNECTIONS, WS_USERS, WS_CONNECTS, WS_DISCONNECTS, WS_MESSAGES, WS_DURATION)
JOBS = (
    JOBS_PROCESSED,
    JOBS_FAILED,
    JOBS_RETRIED,
    JOB_QUEUE_LATENCY,
    JOB_DURATION,
    JOBS_WAITING,
    JOBS_ACTIVE,
    JOBS_DELAYED,
    JOBS_OLDEST_WAITING,
    JOB_WORKERS,
)
VITALS = (LCP, INP, FID, CLS, FCP, TTFB, VITALS_REPORTS)
HEALTH = (INFO, FLUSHES, FLUSH_DURATION, LAST_FLUSH, WORKERS, SERIES, DROPPED)

CONTRACT = (*HTTP, *WEBSOCKET, *JOBS, *VITALS, *HEALTH)
"""Everything `GET /api/metrics/prometheus` answers, and nothing else."""
