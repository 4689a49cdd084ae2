"""Which series of Loki, and of Promtail that feeds it, do we read?"""

from telemetry.labels import CALL_METHOD, CALL_ROUTE, HOST, STATUS_CODE, TENANT, WS
from telemetry.metrics import Metric

REQUESTS = Metric(
    "loki_request_duration_seconds",
    "histogram",
    "Time Loki took to answer a call.",
    (CALL_METHOD, CALL_ROUTE, STATUS_CODE, WS),
    "seconds",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0),
)
PANICS = Metric("loki_panic_total", "counter", "Crashes Loki caught.")
STREAMS = Metric("loki_ingester_memory_streams", "gauge", "Log streams in memory.", (TENANT,))
DISK_FULL = Metric(
    "loki_ingester_wal_disk_full_failures_total", "counter", "Writes not kept in the log because the disk was full."
)
LOKI = (REQUESTS, PANICS, STREAMS, DISK_FULL)

LINES_SENT = Metric("promtail_sent_entries_total", "counter", "Log lines Loki took.", (HOST,))
LINES_DROPPED = Metric("promtail_dropped_entries_total", "counter", "Log lines given up after all retries.", (HOST,))
SEND_DURATION = Metric(
    "promtail_request_duration_seconds",
    "histogram",
    "Time one push to Loki took.",
    (HOST, STATUS_CODE),
    "seconds",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
PROMTAIL = (LINES_SENT, LINES_DROPPED, SEND_DURATION)
