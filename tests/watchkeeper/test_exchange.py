"""Metrics, log line, span and Sentry agree on every request and WebSocket, whatever either side does."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.watchkeeper.collectors import Received, attributes, receiver
from tests.watchkeeper.reading import scrape
from tests.watchkeeper.serving import samples
from watchkeeper import Telemetry, instrument
from watchkeeper.asgi.types import Message, Receive, Scope, Send
from watchkeeper.asgi.websocket import REASONS
from watchkeeper.logs.lines import REQUEST_LOGGER

STATUSES = st.sampled_from([200, 204, 302, 404, 500, 503, 99, 999])
CODES = st.sampled_from([None, 0, 1000, 1001, 1005, 1006, 1011, 3000, 4999])


class WebSocketDisconnect(Exception):  # noqa: N818 - frameworks call it so
    """What a framework raises into a handler that reads on after the client's close."""


ENDS = ("return", ValueError, asyncio.CancelledError, OSError)
http_step = st.one_of(
    st.just({"do": "receive"}),
    st.builds(lambda status: {"type": "http.response.start", "status": status, "headers": []}, STATUSES),
    st.builds(
        lambda body, more: {"type": "http.response.body", "body": body, "more_body": more},
        st.binary(max_size=5),
        st.booleans(),
    ),
    st.just({"type": "http.response.pathsend", "path": "/x"}),
)
websocket_step = st.one_of(
    st.just({"do": "receive"}),
    st.just({"type": "websocket.accept"}),
    st.just({"type": "websocket.send", "text": "x"}),
    st.builds(lambda code: {"type": "websocket.close", "code": code}, CODES),
    st.just({"type": "websocket.http.response.start", "status": 401, "headers": []}),
    st.just({"type": "websocket.http.response.body", "body": b""}),
)


@dataclass
class Told:
    """What everybody who listens says of one exchange."""

    metrics: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    raised: list[bool] = field(default_factory=list)
    reported: list[BaseException] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def sample(self, name: str) -> dict[str, float]:
        """Return the samples of a series that are not zero."""
        return {labels: number for labels, number in samples(self.metrics, name).items() if number}


@dataclass
class Play:
    """
    One connection: what the client sends, which steps the application takes, and how it ends.

    The server refuses the message number ``refused`` with an OSError, as one does whose client is gone.
    """

    scope: Scope
    incoming: list[Message]
    steps: list[Message]
    end: Any = "return"
    refused: int | None = None


@contextmanager
def listening(told: Told) -> Iterator[None]:
    """Keep every request line that is written."""

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line: Any = record.msg
            told.lines.append(json.loads("{" + line.members + "}"))
            told.levels.append(record.levelno)
            told.raised.append(record.exc_info is not None)

    logger, handler = logging.getLogger(REQUEST_LOGGER), Keep()
    before = logger.handlers, logger.propagate, logger.level
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG)
    yield
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


def served(collector: Received, play: Play) -> Told:
    """Serve one connection, and return what everybody says of it."""
    told, sent = Told(""), iter(range(1000))
    messages = iter(play.incoming)

    async def application(_: Scope, receive: Receive, send: Send) -> None:
        for step in play.steps:
            if step.get("do") == "receive":
                message = await receive()
                if message["type"] == "websocket.disconnect" and play.end is WebSocketDisconnect:
                    raise WebSocketDisconnect
            else:
                await send(dict(step))
        if play.end not in ("return", WebSocketDisconnect):
            raise play.end

    async def receive() -> Message:
        kind = play.scope["type"]
        return next(messages, {"type": f"{kind}.disconnect", **({"code": 1005} if kind == "websocket" else {})})

    async def send(_: Message) -> None:
        if next(sent) == play.refused:
            raise OSError("the client is gone")

    telemetry = Telemetry.read(otlp_endpoint=collector.url, logs=False)
    telemetry.report = told.reported.append
    object.__setattr__(telemetry.settings, "logs", True)  # the lines alone, without taking over the process' logging
    with listening(told), suppress(BaseException):
        asyncio.run(instrument(application, telemetry=telemetry)(play.scope, receive, send))
    telemetry.tracing.close()
    told.metrics, told.spans = scrape(telemetry.recorder), collector.spans()
    collector.bodies.clear()
    return told


@pytest.fixture(scope="module")
def collector() -> Iterator[Received]:
    """Run a collector."""
    with receiver() as received:
        yield received


def agree(told: Told) -> dict[str, Any]:
    """Demand one line and one span, of one status, and one opinion on who is at fault; return the line."""
    (line,), (span,) = told.lines, told.spans
    assert line["status"] == attributes(span)["http.response.status_code"]
    assert line["route"] == attributes(span)["http.route"]
    faulty = told.raised[0]
    assert bool(told.reported) == faulty
    assert any(event.name == "exception" for event in span.events) == faulty
    assert (told.levels[0] == logging.ERROR) == (faulty or line["status"] >= 500)
    return line


HTTP: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/x",
    "query_string": b"",
    "headers": [],
    "root_path": "",
}
START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body", "body": b"x"}
requests = st.builds(
    Play,
    st.just(HTTP),
    st.lists(
        st.sampled_from([{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.disconnect"}]),
        max_size=3,
    ),
    st.lists(http_step, max_size=5),
    st.sampled_from(ENDS),
    st.none() | st.integers(0, 3),
)


@settings(deadline=None, max_examples=150)
@given(play=requests)
@example(play=Play(HTTP, [], []))
@example(play=Play(HTTP, [], [START | {"status": 999}, BODY]))
@example(play=Play(HTTP, [], [START, BODY], refused=1))
def test_everybody_agrees_on_a_request(collector: Received, play: Play) -> None:
    """Status, bytes, duration, route and fault are the same in metrics, log, span and report, and counted once."""
    told = served(collector, play)

    line = agree(told)
    key = f'{{method="GET",route="{line["route"]}"'
    assert told.sample("http_requests_total") == {f'{key},status="{line["status"]}"}}': 1.0}
    assert told.sample("http_requests_in_progress") == {}
    assert sum(told.sample("http_request_size_bytes_sum").values()) == line["request_bytes"]
    assert sum(told.sample("http_response_size_bytes_sum").values()) == line["response_bytes"]
    seconds = sum(told.sample("http_request_duration_seconds_sum").values())
    assert seconds == pytest.approx(line["duration_seconds"], abs=1e-6)


def websocket(*, denial: bool = False) -> Scope:
    """Return the scope of a WebSocket, of a server that lets a handshake be refused in words or not."""
    extensions: dict[str, Any] = {"websocket.http.response": {}} if denial else {}
    return HTTP | {"type": "websocket", "extensions": extensions}


CONNECT: dict[str, Any] = {"type": "websocket.connect"}
LEAVE: dict[str, Any] = {"type": "websocket.disconnect"}
READ: dict[str, Any] = {"do": "receive"}
ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
websockets = st.builds(
    Play,
    st.builds(websocket, denial=st.booleans()),
    st.lists(
        st.sampled_from([CONNECT, LEAVE, {"type": "websocket.receive", "text": "x"}])
        | st.builds(lambda code: LEAVE | {"code": code}, CODES),
        max_size=4,
    ),
    st.lists(websocket_step, max_size=6),
    st.sampled_from((*ENDS, WebSocketDisconnect)),
    st.none() | st.integers(0, 3),
)


@settings(deadline=None, max_examples=150)
@given(play=websockets)
@example(play=Play(websocket(), [CONNECT], [ACCEPT]))
@example(play=Play(websocket(), [CONNECT, LEAVE | {"code": 1000}], [READ, ACCEPT, READ], WebSocketDisconnect))
def test_everybody_agrees_on_a_websocket(collector: Received, play: Play) -> None:
    """Close code and reason, messages, duration, route and fault are the same everywhere, and counted once."""
    told = served(collector, play)

    line = agree(told)
    ((labels, number),) = told.sample("websocket_disconnects_total").items()
    reason = labels.partition('reason="')[2].partition('"')[0]
    accepted = line["status"] == 101
    assert number == 1
    assert f'route="{line["route"]}"' in labels
    assert reason == REASONS.get(line["close_code"], "other") or (reason == "rejected" and not accepted)
    assert told.sample("websocket_connections") == {}
    assert sum(told.sample("websocket_connects_total").values()) == accepted
    counted = told.sample("websocket_messages_total")
    for direction, key in (("in", "messages_in"), ("out", "messages_out")):
        found = sum(number for labels, number in counted.items() if f'direction="{direction}"' in labels)
        assert found == line[key]
    if accepted:
        seconds = sum(told.sample("websocket_connection_duration_seconds_sum").values())
        assert seconds == pytest.approx(line["duration_seconds"], abs=1e-6)


CLOSE: dict[str, Any] = {"type": "websocket.close"}
OPEN = [READ, ACCEPT]


@pytest.mark.parametrize(
    ("incoming", "steps", "end", "verdict"),
    [
        ([LEAVE], [*OPEN, READ], "return", (101, 1005, "normal")),
        ([LEAVE | {"code": 1000}], [*OPEN, READ], WebSocketDisconnect, (101, 1000, "normal")),
        ([LEAVE | {"code": 1006}], [*OPEN, READ], "return", (101, 1006, "abnormal")),
        ([], OPEN, "return", (101, 1000, "normal")),
        ([], OPEN, asyncio.CancelledError, (101, 1001, "going_away")),
        ([], OPEN, ValueError, (101, 1011, "server_error")),
        ([], [*OPEN, CLOSE], "return", (101, 1000, "normal")),
        ([], [*OPEN, CLOSE | {"code": 1008}], "return", (101, 1008, "policy_violation")),
        ([], [CLOSE], "return", (403, 1000, "rejected")),
        ([], [], ValueError, (500, 1011, "server_error")),
    ],
)
def test_a_websocket_ends_as_what_it_was(
    collector: Received, incoming: list[Message], steps: list[Message], end: Any, verdict: tuple[int, int, str]
) -> None:
    """Closed by either side, by neither, raised and cancelled: each has one status, one code and one reason."""
    told = served(collector, Play(websocket(), [CONNECT, *incoming], steps, end))

    status, code, reason = verdict
    assert (told.lines[0]["status"], told.lines[0]["close_code"]) == (status, code)
    assert list(told.sample("websocket_disconnects_total")) == [f'{{reason="{reason}",route="unmatched"}}']
    assert bool(told.reported) == (end is ValueError)
