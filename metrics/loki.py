"""Which series of Loki do we read?"""

from dataclasses import replace

from watchkeeper.contract.labels import METHOD, ROUTE, Label
from watchkeeper.contract.metrics import Metric

CALL_METHOD = replace(METHOD, help="HTTP method, or gRPC.", values=())
CALL_ROUTE = replace(ROUTE, help="Handler of the call (`loki_api_v1_push`).")
STATUS_CODE = Label("status_code", "HTTP status, 'success' for gRPC, -1 where no answer came.")
WS = Label("ws", "Whether the call is a WebSocket.", ("true", "false"))
TENANT = Label("tenant", "Loki tenant; one where authentication is off.")
LEVEL = Label("level", "Severity of a log line.")

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
SERIES = (REQUESTS, PANICS, STREAMS, DISK_FULL)
