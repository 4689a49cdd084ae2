"""Trace ids are read and written as W3C Trace Context says."""

import pytest

from watchkeeper.settings import Settings
from watchkeeper.tracing.trace_context import current, outgoing_headers, parse_trace_id, parse_traceparent
from watchkeeper.tracing.tracing import Tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_callers_span_is_read_from_traceparent() -> None:
    """The trace id, the caller's span id and its decision to sample are taken over."""
    parent = parse_traceparent(f"00-{TRACE}-{SPAN}-01")

    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.sampled) == (TRACE, SPAN, True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-tail",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_an_invalid_traceparent_begins_a_new_trace(header: str) -> None:
    """What the specification calls invalid is ignored as a whole."""
    assert parse_traceparent(header) is None


def test_a_later_version_is_read_as_the_first() -> None:
    """An unknown version with a tail still tells its ids."""
    parent = parse_traceparent(f"01-{TRACE}-{SPAN}-01-what.the.future.holds")

    assert parent is not None
    assert parent.trace_id == TRACE


@pytest.mark.parametrize("header", [TRACE, TRACE.upper(), f" {TRACE} ", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"])
def test_a_trace_id_is_tidied(header: str) -> None:
    """Upper case, blanks and a UUID's dashes are put right."""
    assert parse_trace_id(header) == TRACE


@pytest.mark.parametrize("header", ["", "abc", "0" * 32, TRACE + "0", f"{TRACE}\r\nset-cookie: x", "x" * 100_000])
def test_what_is_no_trace_id_is_not_taken(header: str) -> None:
    """Anything but 32 hex digits is refused, so nothing a client writes comes back in a header."""
    assert parse_trace_id(header) is None


def test_a_callers_span_goes_before_a_bare_trace_id() -> None:
    """`traceparent` says more than `x-trace-id`, so it wins."""
    headers = {b"traceparent": f"00-{TRACE}-{SPAN}-00".encode(), b"x-trace-id": b"1" * 32, b"tracestate": b"a=b"}

    context = Tracing(Settings()).begin(headers)

    assert (context.trace_id, context.parent_id, context.state) == (TRACE, SPAN, "a=b")


def test_without_a_collector_a_callers_decision_is_passed_on() -> None:
    """A service that exports nothing does not cut the trace of those behind it."""
    tracing = Tracing(Settings())

    assert tracing.begin({b"traceparent": f"00-{TRACE}-{SPAN}-01".encode()}).sampled
    assert not tracing.begin({}).sampled


def test_outgoing_headers_name_the_current_span() -> None:
    """A callee becomes a child of the work that calls it."""
    context = Tracing(Settings()).begin({b"traceparent": f"00-{TRACE}-{SPAN}-01".encode(), b"tracestate": b"a=b"})
    token = current.set(context)
    try:
        headers = outgoing_headers()
    finally:
        current.reset(token)

    assert headers == {"traceparent": f"00-{TRACE}-{context.span_id}-01", "tracestate": "a=b"}
    assert outgoing_headers() == {}
