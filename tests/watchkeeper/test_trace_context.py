"""Trace ids are read and written as W3C Trace Context says."""

import pytest

from tests.watchkeeper.serving import client
from watchkeeper import instrument
from watchkeeper.asgi.types import Receive, Scope, Send
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


@pytest.mark.parametrize(
    ("state", "passed"),
    [
        ("foo=1 \t , \t bar=2,", "foo=1,bar=2"),
        ("tenant@system=a b", "tenant@system=a b"),
        (",".join(f"k{number}=1" for number in range(32)), ",".join(f"k{number}=1" for number in range(32))),
        (",".join(f"k{number}=1" for number in range(33)), ""),
        ("a" * 256 + "=1", "a" * 256 + "=1"),
        ("a" * 257 + "=1", ""),
        ("t" * 242 + "@v=1,foo@=1,a@@b@c=2", "t" * 242 + "@v=1,foo@=1,a@@b@c=2"),
        ("@foo=1,bar=2", ""),
        ("Foo=1", ""),
        ("foo", ""),
        ("foo=a=b", ""),
        ("foo=" + "v" * 257, ""),
        ("foo=\xe9", ""),
    ],
)
def test_a_tracestate_is_passed_on_where_it_is_one(state: str, passed: str) -> None:
    """Keys, values and their number are those of the grammar; what is not is left out as a whole."""
    headers = {b"traceparent": f"00-{TRACE}-{SPAN}-01".encode(), b"tracestate": state.encode("latin-1")}

    assert Tracing(Settings()).begin(headers).state == passed


async def test_headers_that_come_several_times() -> None:
    """Several lines of `tracestate` are one list; two `traceparent` name no parent, so a new trace begins."""
    seen: list[dict[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(outgoing_headers())

    parent = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    observed = instrument(app, logs=False)
    async with client(observed) as session:
        for lines in ([parent, (b"tracestate", b"a=1"), (b"tracestate", b"b=2")], [parent, parent]):
            await session.get("/", headers=lines)

    assert seen[-2]["tracestate"] == "a=1,b=2"
    assert seen[-1]["traceparent"].split("-")[1] != TRACE


def test_without_a_collector_a_callers_decision_is_passed_on() -> None:
    """A service that exports nothing does not cut the trace of those behind it."""
    tracing = Tracing(Settings())

    assert tracing.begin({b"traceparent": f"00-{TRACE}-{SPAN}-01".encode()}).sampled
    assert not tracing.begin({}).sampled


@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
def test_flags_are_passed_on(flags: str) -> None:
    """That an id is random, and that its trace is recorded, is known to the next service too."""
    context = Tracing(Settings()).begin({b"traceparent": f"00-{TRACE}-{SPAN}-{flags}".encode()})

    assert context.traceparent == f"00-{TRACE}-{context.span_id}-{flags}"


def test_what_records_nothing_leaves_the_decision_to_the_next() -> None:
    """A trace that begins here tells nobody not to record; yet no exemplar leads to it, for we keep nothing."""
    context = Tracing(Settings()).begin({})

    assert context.traceparent.endswith("-01")
    assert (context.sampled, context.exemplar) == (False, None)


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
