"""Which series of the OpenTelemetry Collector, which feeds Loki, do we read? Counters appear with what they count."""

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

EXPORTER = Label("exporter", "Exporter that passes the lines on (`otlp_http`).")
ADDRESS = Label("server_address", "Host the lines are sent to.")
PORT = Label("server_port", "Its port.")
PATH = Label("url_path", "Path of the call.")
ERROR = Label("error_type", "gRPC code of the refusal.")
PERMANENT = Label("error_permanent", "Whether another try is pointless.", ("true", "false"))
STATUS = Label("http_response_status_code", "HTTP status of Loki's answer.")
METHOD = Label("http_request_method", "HTTP method.")
PROTOCOL = Label("network_protocol_name", "Protocol of the call.")
VERSION = Label("network_protocol_version", "Its version.")
SCHEME = Label("url_scheme", "http or https.")

SENT_TO = (EXPORTER, ADDRESS, PORT, PATH)

LINES_SENT = Metric("otelcol_exporter_sent_log_records_total", "counter", "Log lines Loki took.", SENT_TO)
LINES_DROPPED = Metric(
    "otelcol_exporter_send_failed_log_records_total",
    "counter",
    "Log lines given up: after all retries, or with a batch of which Loki refused a line.",
    (*SENT_TO, ERROR, PERMANENT),
)
SEND_DURATION = Metric(
    "http_client_request_duration_seconds",
    "histogram",
    "Time one push to Loki took.",
    (METHOD, STATUS, PROTOCOL, VERSION, ADDRESS, PORT, SCHEME),
    "seconds",
    (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)

ANSWER, NO_ANSWER = STATUS, "without a status"
"""What tells how Loki answered a push, and its value where nothing came."""

SERIES = (LINES_SENT, LINES_DROPPED, SEND_DURATION)
