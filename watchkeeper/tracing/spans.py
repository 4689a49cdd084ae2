"""How are recorded spans built and exported? The one module that imports OpenTelemetry."""

import logging
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from watchkeeper.scrubbing import Scrubber, as_text, class_name
from watchkeeper.settings import Settings
from watchkeeper.tracing.trace_context import RANDOM, SAMPLED, TraceContext

EXPORT_TIMEOUT_SECONDS = 1
"""An unreachable collector may delay shutdown by this; the exporter's own default is ten seconds."""

MAX_DETAIL = 4096
"""Longest message and traceback of an exception in a span, in characters."""

SERVER_ERROR = 500

_log = logging.getLogger("telemetry")

WorkKind = Literal["server", "consumer", "producer", "client", "internal"]
Attached = Token[otel_context.Context]

_next_trace_id: ContextVar[str] = ContextVar("telemetry_next_trace_id", default="")


class _IdGenerator(RandomIdGenerator):
    """Lets a root span take the id its request was already given."""

    def generate_trace_id(self) -> int:
        chosen = _next_trace_id.get()
        return int(chosen, 16) if chosen else super().generate_trace_id()


class _Provider(TracerProvider):
    """A provider of ours, which a later one need not join."""


class Spans:
    """
    Records spans with OpenTelemetry's SDK and exports them over OTLP/HTTP from a thread of its own.

    A provider that the application has set is joined: its sampler, resource and exporters are those of all spans.
    """

    def __init__(self, settings: Settings) -> None:
        owner = trace.get_tracer_provider()
        self._joined = isinstance(owner, TracerProvider) and not isinstance(owner, _Provider)
        self._provider = owner if isinstance(owner, TracerProvider) and self._joined else _provider(settings)
        self._scrubber = Scrubber(settings.secret_query_parameters)
        self.tracer = self._provider.get_tracer("telemetry", settings.version)
        self.tracer.id_generator = _IdGenerator()  # type: ignore[attr-defined] # the SDK's tracer has it
        if isinstance(owner, trace.ProxyTracerProvider):
            trace.set_tracer_provider(self._provider)
        self._clients = _trace_clients(settings.traced_clients, self._provider)

    def start(self, name: str, kind: WorkKind, context: TraceContext, attributes: Mapping[str, Any]) -> Span:
        """Return a running span at the place ``context`` names; it has a span id of its own."""
        chosen = _next_trace_id.set(context.trace_id)
        try:
            return self.tracer.start_span(
                name, _parent(context), kind=SpanKind[kind.upper()], attributes=dict(attributes)
            )
        finally:
            _next_trace_id.reset(chosen)

    def attach(self, span: Span | None, context: TraceContext) -> Attached:
        """Make the application's own spans children of ``span``, or unrecorded where ``span`` is None."""
        return otel_context.attach(trace.set_span_in_context(span or NonRecordingSpan(_span_context(context))))

    def detach(self, token: Attached) -> None:
        """Undo `attach`."""
        otel_context.detach(token)

    def end(self, span: Span, error: Exception | None) -> None:
        """Finish ``span``, with what the work failed with, if it did, in words without credentials."""
        status = getattr(span, "attributes", {}).get("http.response.status_code", 0)
        if error is not None:
            # record_exception would format the traceback a second time, and send what nobody has scrubbed.
            span.add_event("exception", self._details(error))
            span.set_attribute("error.type", type(error).__qualname__)
        elif status >= SERVER_ERROR:
            span.set_attribute("error.type", str(status))
        if error is not None or status >= SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def _details(self, error: Exception) -> dict[str, str]:
        return {
            "exception.type": class_name(error),
            "exception.message": self._scrubber.limited(as_text(error), MAX_DETAIL),
            "exception.stacktrace": self._scrubber.stacktrace(error, MAX_DETAIL),
        }

    def close(self) -> None:
        """Export what is still held and stop; a provider that was joined is its owner's to stop."""
        while self._clients:
            self._clients.pop().uninstrument()
        if self._joined:
            self._provider.force_flush(EXPORT_TIMEOUT_SECONDS * 1000)
        else:
            self._provider.shutdown()


def _trace_clients(names: Sequence[str], provider: TracerProvider) -> list[Any]:
    """Switch on OpenTelemetry's instrumentations of clients, where installed and nobody has; return those."""
    switched_on = []
    for entry in entry_points(group="opentelemetry_instrumentor"):
        if entry.name not in names or find_spec(entry.name) is None:
            continue
        try:
            instrumentor = entry.load()()
            if not instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.instrument(tracer_provider=provider)
                switched_on.append(instrumentor)
        except Exception as error:  # noqa: BLE001 - an instrumentation of another version must not end the start
            _log.warning("calls of %s are not traced: %s: %s", entry.name, type(error).__name__, error)
    return switched_on


def _provider(settings: Settings) -> TracerProvider:
    resource = {
        "service.name": settings.service,
        "service.version": settings.version,
        "deployment.environment.name": settings.environment,
    }
    provider = _Provider(sampler=_sdk_sampler(settings), resource=Resource.create(resource))
    exporter = OTLPSpanExporter(endpoint=settings.traces_url, timeout=EXPORT_TIMEOUT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _sdk_sampler(settings: Settings) -> Sampler:
    kind = settings.sampler.removeprefix("parentbased_")
    root: Sampler = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(kind) or TraceIdRatioBased(
        settings.sampler_ratio
    )
    return ParentBased(root) if kind != settings.sampler else root


def _parent(context: TraceContext) -> otel_context.Context:
    if not context.parent_id:
        return otel_context.Context()
    caller = context._replace(span_id=context.parent_id)
    return trace.set_span_in_context(NonRecordingSpan(_span_context(caller)), otel_context.Context())


def _span_context(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(SAMPLED * context.sampled | RANDOM * context.random),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )
