"""Which series of Jaeger 2, an OpenTelemetry collector, do we read? They appear with the first span."""

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

OTEL_SCOPE = Label("otel_scope_name", "Part of the collector that counted.")
RECEIVER = Label("receiver", "Receiver that took the spans (`otlp`).")
TRANSPORT = Label("transport", "How the spans came (`http`, `grpc`).")
EXPORTER = Label("exporter", "Exporter that passes the spans on.")

RECEIVED_BY = (RECEIVER, TRANSPORT, OTEL_SCOPE)
SENT_BY = (EXPORTER, OTEL_SCOPE)

SPANS_ACCEPTED = Metric("otelcol_receiver_accepted_spans_total", "counter", "Spans taken in.", RECEIVED_BY)
SPANS_REFUSED = Metric("otelcol_receiver_refused_spans_total", "counter", "Spans turned away.", RECEIVED_BY)
SPANS_STORED = Metric("otelcol_exporter_sent_spans_total", "counter", "Spans written to storage.", SENT_BY)
SPANS_LOST = Metric("otelcol_exporter_send_failed_spans_total", "counter", "Spans that storage did not take.", SENT_BY)
MEMORY = Metric("otelcol_process_memory_rss_bytes", "gauge", "Memory the process holds.", (OTEL_SCOPE,), "bytes")

SERIES = (SPANS_ACCEPTED, SPANS_REFUSED, SPANS_STORED, SPANS_LOST, MEMORY)
