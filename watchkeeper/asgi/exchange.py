"""How did one request go? Its messages are followed once: metrics, log line, span and Sentry tell what stands here."""

import json
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING

from watchkeeper.asgi.types import Message, Receive, Scope, Send
from watchkeeper.contract.labels import METHOD

if TYPE_CHECKING:
    from watchkeeper.asgi.traffic import Traffic

CLIENT_CLOSED = 499
"""Status of a request whose client left before the response began; nginx made the number customary."""

FIRST_ERROR, SERVER_ERROR = 400, 500
FIRST_STATUS, LAST_STATUS = 100, 599
METHODS = {name: name for name in METHOD.values}
TRACE_HEADER = b"x-trace-id"
ABORTED = ',"aborted":true'
LAST_BYTE = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")
"""Messages that end a response, unless they say that more follows. How many bytes a file has stays unknown here."""


class HttpExchange:
    """
    One request: passes its messages through, adds `x-trace-id` to the response, and keeps the verdict.

    The verdict stands at the last byte, so that background work after it changes neither status nor duration; without
    a last byte it stands when the application returns or raises. Without a ``trace_id`` nothing is changed or answered.
    """

    __slots__ = (
        "_ended",
        "_find_route",
        "_receive",
        "_route",
        "_send",
        "_started",
        "_status",
        "_trace_id",
        "_traffic",
        "complete",
        "error",
        "gone",
        "method",
        "request_bytes",
        "response_bytes",
        "scope",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        route: Callable[[Scope], str],
        traffic: "Traffic | None" = None,
        trace_id: bytes = b"",
    ) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._find_route = route
        self._traffic = traffic
        self._trace_id = trace_id
        self._route = ""
        self._status = 0
        self._ended = 0.0
        self.method = METHODS.get(scope["method"], "other")
        self.complete = self.gone = False
        self.error: BaseException | None = None
        self.request_bytes = self.response_bytes = 0
        if traffic is not None:
            traffic.begin(self)
        self._started = perf_counter()

    async def receive(self) -> Message:
        """Hand the next message of the client to the application."""
        message = await self._receive()
        if message["type"] == "http.request" and not self._ended:
            self.request_bytes += len(message.get("body", b""))
        elif message["type"] == "http.disconnect":
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the client; what the server refuses has not happened."""
        kind = message["type"]
        passed = message
        if kind == "http.response.start" and self._trace_id:
            passed = with_trace_id(message, self._trace_id)
        try:
            await self._send(passed)
        except OSError:
            self.gone = True
            raise
        if self._ended:
            return
        if kind == "http.response.start":
            self._status = sent_status(message)
        elif kind in LAST_BYTE and self._status:
            self.response_bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete = True
                self.end()

    @property
    def route(self) -> str:
        """The template of the route that answered."""
        if not self._route:
            self._route = self._find_route(self.scope)
        return self._route

    @property
    def seconds(self) -> float:
        """Time from the start to the end."""
        return (self._ended or perf_counter()) - self._started

    @property
    def failed(self) -> bool:
        """Whether the application raised; that it was cancelled, or that the client left first, is no failure of it."""
        return isinstance(self.error, Exception) and (self.complete or not self.gone)

    @property
    def status(self) -> int:
        """
        The status sent.

        An exception before the last byte counts as 500, and so does no answer at all; a client that left before the
        answer began as 499, and so does a request that was cancelled before.
        """
        if self.failed and not self.complete:
            return SERVER_ERROR
        return self._status or (CLIENT_CLOSED if self.gone or self.error else SERVER_ERROR)

    @property
    def smooth(self) -> bool:
        """Whether everything went well."""
        return self.complete and self.error is None and self._status < FIRST_ERROR

    async def apologise(self) -> None:
        """Answer with 500 where the application has not begun to answer."""
        if not self._status and not self.gone:
            body = json.dumps({"error": "internal server error", "trace_id": self._trace_id.decode()}).encode()
            with suppress(Exception):  # the client may be gone; the application's exception matters more
                await self.send(start_message("http.response.start", SERVER_ERROR, body))
                await self.send({"type": "http.response.body", "body": body})

    def end(self) -> None:
        """Let the verdict stand, and have it counted once."""
        if not self._ended:
            self._ended = perf_counter()
            if self._traffic is not None:
                self._traffic.count(self)

    def members(self) -> str:
        """Return what the log line says of the request, as members of a JSON object."""
        return (
            f'"status":{self.status},"duration_seconds":{self.seconds:.6f},"request_bytes":{self.request_bytes},'
            f'"response_bytes":{self.response_bytes}{"" if self.complete else ABORTED}'
        )


def sent_status(message: Message) -> int:
    """Return the status of a start message; what no HTTP status can be counts as 500."""
    status = message["status"]
    return int(status) if FIRST_STATUS <= status <= LAST_STATUS else SERVER_ERROR


def with_trace_id(message: Message, trace_id: bytes) -> Message:
    """Return a start message with our id; one the application passed on from elsewhere is replaced."""
    headers = [pair for pair in message.get("headers") or () if pair[0].lower() != TRACE_HEADER]
    return {**message, "headers": [*headers, (TRACE_HEADER, trace_id)]}


def start_message(kind: str, status: int, body: bytes) -> Message:
    """Return the start of an answer of our own."""
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    return {"type": kind, "status": status, "headers": headers}
