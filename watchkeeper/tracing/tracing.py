"""Which trace does a request or job belong to, and is it recorded?"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Token
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from watchkeeper.settings import Settings
from watchkeeper.tracing.trace_context import (
    TraceContext,
    current,
    new_span_id,
    new_trace_id,
    parse_trace_id,
    parse_traceparent,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from watchkeeper.tracing.spans import Attached, Spans, WorkKind

Sample = Callable[[str, TraceContext | None], bool]
"""Trace id and the caller's span, if any -> whether spans of the trace are recorded."""

_KEY = r"[a-z0-9][a-z0-9_\-*/@]{0,255}"
_MEMBER = re.compile(_KEY + r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
MAX_MEMBERS = 32


@dataclass(slots=True)
class Work:
    """A request or job while it runs; ``span`` is None where it is not recorded."""

    context: TraceContext
    outer: Token[TraceContext | None]
    span: "Span | None" = None
    attached: "Attached | None" = None

    def describe(self, name: str, attributes: Mapping[str, str | int]) -> None:
        """Say more of the work where it is recorded, once more is known."""
        if self.span is not None:
            self.span.update_name(name)
            self.span.set_attributes(attributes)


class Tracing:
    """
    Gives every request and job its place in a trace.

    Without an OTLP endpoint OpenTelemetry is not even imported: ids are made, passed on and logged, no span is
    recorded, and a caller's decision to sample is handed through. ``spans`` is None then.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exports = bool(settings.traces_url)
        self._spans: Spans | None = None
        self._opening = Lock()
        self._samples = sampler(settings) if self._exports else _callers_choice

    @property
    def spans(self) -> "Spans | None":
        """
        What records, None where nothing does.

        Made with the first work, once the application has started: a tracer provider of its own is set by then.
        """
        if self._spans is None and self._exports:
            with self._opening:
                self._spans = self._spans or _spans(self._settings)
        return self._spans

    def begin(self, headers: Mapping[bytes, bytes]) -> TraceContext:
        """Return the place of a request with these headers: below the caller's span, or at the root of a trace."""
        header = headers.get(b"traceparent")
        parent = None if header is None else parse_traceparent(header.decode("latin-1").strip())
        if parent is not None:
            return self.below(parent._replace(state=_state(headers.get(b"tracestate", b""))))
        asked = headers.get(b"x-trace-id")
        trace_id = (asked and parse_trace_id(asked.decode("latin-1"))) or new_trace_id()
        return TraceContext(trace_id, new_span_id(), self._samples(trace_id, None), undecided=not self._exports)

    def below(self, parent: TraceContext) -> TraceContext:
        """Return a new unit of work caused by ``parent``, which ran elsewhere."""
        return parent.child()._replace(sampled=self._samples(parent.trace_id, parent))

    def enter(
        self, context: TraceContext, kind: "WorkKind", name: str, attributes: Mapping[str, str | int] | None = None
    ) -> Work:
        """Make ``context`` the current one until `leave`, and record a span of that name where it is sampled."""
        spans = self.spans
        if spans is None:
            return Work(context, current.set(context))
        span = spans.start(name, kind, context, attributes or {}) if context.sampled else None
        if span is not None:
            made = span.get_span_context()
            context = context._replace(span_id=f"{made.span_id:016x}", sampled=made.trace_flags.sampled)
        return Work(context, current.set(context), span, spans.attach(span, context))

    def join(self, span: "Span", headers: Mapping[bytes, bytes]) -> Work:
        """Work within a server span that the framework has begun and will end."""
        made = span.get_span_context()
        context = TraceContext(
            f"{made.trace_id:032x}",
            f"{made.span_id:016x}",
            made.trace_flags.sampled,
            state=_state(headers.get(b"tracestate", b"")),
        )
        return Work(context, current.set(context))

    def leave(self, work: Work, error: Exception | None = None) -> None:
        """End what `enter` began, in the same task; ``error`` is what the work failed with."""
        spans = self._spans
        if spans is not None and work.attached is not None:
            spans.detach(work.attached)
            if work.span is not None:
                spans.end(work.span, error)
        with suppress(ValueError):  # a WSGI server may close a response in another context than it was made in
            current.reset(work.outer)

    def close(self) -> None:
        """Export what is still held; an unreachable collector delays this by about a second."""
        if self._spans is not None:
            self._spans.close()


def _state(header: bytes) -> str:
    """Return a `tracestate` that may be passed on, "" for none: https://www.w3.org/TR/trace-context-2/#list."""
    members = [member for part in header.decode("latin-1").split(",") if (member := part.strip(" \t"))]
    if len(members) > MAX_MEMBERS or not all(map(_MEMBER.fullmatch, members)):
        return ""
    return ",".join(members)


def sampler(settings: Settings) -> Sample:
    """Return the decision OTEL_TRACES_SAMPLER names, the same one OpenTelemetry's own sampler takes for a trace id."""
    kind = settings.sampler.removeprefix("parentbased_")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind, settings.sampler_ratio)
    bound = round(ratio * 2**64)
    parent_based = kind != settings.sampler

    def sample(trace_id: str, parent: TraceContext | None) -> bool:
        if parent_based and parent is not None:
            return parent.sampled
        return int(trace_id[16:], 16) < bound

    return sample


def _callers_choice(_trace_id: str, parent: TraceContext | None) -> bool:
    return parent is not None and parent.sampled


def _spans(settings: Settings) -> "Spans":
    from watchkeeper.tracing.spans import Spans  # noqa: PLC0415 - OpenTelemetry costs start time: only where used

    return Spans(settings)
