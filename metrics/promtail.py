"""Which series of Promtail, which feeds Loki, do we read?"""

from metrics.loki import STATUS_CODE
from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

HOST = Label("host", "Loki address Promtail sends to.")

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
ANSWER, NO_ANSWER = STATUS_CODE, "-1"
"""What tells how Loki answered a push, and its value where nothing came."""

SERIES = (LINES_SENT, LINES_DROPPED, SEND_DURATION)
