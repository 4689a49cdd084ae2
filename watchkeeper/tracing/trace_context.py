"""Which trace does this piece of work belong to, and how is that told to the next service?"""

import re
from contextvars import ContextVar
from random import getrandbits
from typing import NamedTuple

SAMPLED, RANDOM = 1, 2
"""Flags: https://www.w3.org/TR/trace-context-2/#trace-flags."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_FLAGS = (("00", "01"), ("02", "03"))
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class TraceContext(NamedTuple):
    """
    One unit of work in a trace: W3C Trace Context, https://www.w3.org/TR/trace-context/.

    ``trace_id`` is 32 and ``span_id`` 16 lower-case hex digits. ``sampled`` says that the span is recorded.
    ``parent_id`` is the caller's span id, "" where the trace begins here; ``state`` is the caller's `tracestate`.
    ``random`` says that the trace id is known to be random. ``undecided`` is a trace that begins where nothing is ever
    recorded: whoever is called next decides for itself.
    """

    trace_id: str
    span_id: str
    sampled: bool = False
    parent_id: str = ""
    state: str = ""
    random: bool = False
    undecided: bool = False

    @property
    def traceparent(self) -> str:
        """The `traceparent` header a callee receives."""
        return f"00-{self.trace_id}-{self.span_id}-{_FLAGS[self.random][self.sampled or self.undecided]}"

    @property
    def exemplar(self) -> str | None:
        """The trace id, where the trace is recorded: an exemplar must not lead to a trace nobody kept."""
        return self.trace_id if self.sampled else None

    def child(self) -> "TraceContext":
        """Return a new unit of work of the same trace, caused by this one."""
        return self._replace(span_id=new_span_id(), parent_id=self.span_id)


current: ContextVar[TraceContext | None] = ContextVar("telemetry_trace", default=None)
"""The work running now; None outside of a request or job."""


def new_trace_id() -> str:
    """Return a random trace id; the generator behind it is seeded afresh in every forked process."""
    return f"{getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return a random span id."""
    return f"{getrandbits(64) or 1:016x}"


def parse_traceparent(header: str) -> TraceContext | None:
    """
    Return the caller's span, or None where the header is invalid and a new trace begins.

    Version ff, all-zero ids, upper case, and version 00 with a tail are invalid; a later version is read as 00.
    """
    match = _TRACEPARENT.fullmatch(header)
    if match is None:
        return None
    version, trace_id, span_id, flags, tail = match.groups()
    if version == "ff" or trace_id == _NO_TRACE or span_id == _NO_SPAN or (version == "00" and tail):
        return None
    bits = int(flags, 16)
    return TraceContext(trace_id, span_id, sampled=bool(bits & SAMPLED), random=bool(bits & RANDOM))


def parse_trace_id(header: str) -> str | None:
    """Return the trace id in an `x-trace-id` header, tidied (upper case, a UUID's dashes), or None if it is not one."""
    if len(header) > 64:  # noqa: PLR2004 - no spelling of 32 digits is longer; nothing is copied before this check
        return None
    tidy = header.strip().replace("-", "").lower()
    return tidy if _TRACE_ID.fullmatch(tidy) and tidy != _NO_TRACE else None


def outgoing_headers() -> dict[str, str]:
    """Return the headers that carry the current trace to another service; empty outside of a request or job."""
    context = current.get()
    if context is None:
        return {}
    headers = {"traceparent": context.traceparent}
    return {**headers, "tracestate": context.state} if context.state else headers
