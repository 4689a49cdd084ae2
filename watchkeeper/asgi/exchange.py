"""What went over the wire while one request or WebSocket was served?"""

import json
from contextlib import suppress
from time import perf_counter

from watchkeeper.asgi.types import Message, Receive, Scope, Send

CLIENT_CLOSED = 499
"""Status of a request whose client left before the response began; nginx made the number customary."""

FIRST_ERROR, FIRST_SERVER_ERROR = 400, 500
TRACE_HEADER = b"x-trace-id"
ABORTED = ',"aborted":true'
LAST_BYTE = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")
"""Messages that end a response, unless they say that more follows."""


class HttpExchange:
    """Passes the messages of one request through, adds `x-trace-id` to the response, and remembers what it saw."""

    __slots__ = (
        "_ended",
        "_receive",
        "_send",
        "_started",
        "_status",
        "_trace_id",
        "complete",
        "error",
        "gone",
        "request_bytes",
        "response_bytes",
    )

    def __init__(self, receive: Receive, send: Send, trace_id: str) -> None:
        self._receive = receive
        self._send = send
        self._trace_id = trace_id.encode()
        self._started = perf_counter()
        self._status = 0
        self.complete = False
        self.gone = False
        self.error: BaseException | None = None
        self._ended = 0.0
        self.request_bytes = self.response_bytes = 0

    async def receive(self) -> Message:
        """Hand the next message of the client to the application."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.request_bytes += len(message.get("body", b""))
        elif message["type"] == "http.disconnect":
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the client."""
        kind = message["type"]
        if kind == "http.response.body":
            self.response_bytes += len(message.get("body", b""))
        elif kind == "http.response.start":
            self._status = message["status"]
            message = with_trace_id(message, self._trace_id)
        try:
            await self._send(message)
        except OSError:
            self.gone = True
            raise
        if kind in LAST_BYTE and not message.get("more_body", False):
            self.complete = True
            self._ended = perf_counter()

    @property
    def failed(self) -> bool:
        """Whether the application raised; that it was cancelled, or that the client left first, is no failure of it."""
        return isinstance(self.error, Exception) and (self.complete or not self.gone)

    @property
    def status(self) -> int:
        """
        The status sent.

        An exception before the last byte counts as 500; a client that left before the answer began as 499.
        """
        if self.failed and not self.complete:
            return 500
        return self._status or (CLIENT_CLOSED if self.gone or self.error else 500)

    async def apologise(self) -> None:
        """Answer with 500 where the application has not begun to answer; the server's own answer has no trace id."""
        if not self._status and not self.gone:
            body = json.dumps({"error": "internal server error", "trace_id": self._trace_id.decode()}).encode()
            with suppress(Exception):  # the client may be gone; the application's exception matters more
                await self.send(_start("http.response.start", 500, body))
                await self.send({"type": "http.response.body", "body": body})

    @property
    def smooth(self) -> bool:
        """Whether everything went well."""
        return self.complete and self.error is None and self._status < FIRST_ERROR

    def members(self) -> str:
        """Return what the log line says of the exchange, as members of a JSON object."""
        seconds = (self._ended or perf_counter()) - self._started
        return (
            f'"status":{self.status},"duration_seconds":{seconds:.6f},"request_bytes":{self.request_bytes},'
            f'"response_bytes":{self.response_bytes}{"" if self.complete else ABORTED}'
        )


class WebSocketExchange:
    """Does the same for a WebSocket; its handshake is the response that carries `x-trace-id`."""

    __slots__ = (
        "_denial",
        "_receive",
        "_send",
        "_started",
        "_status",
        "_trace_id",
        "close_code",
        "error",
        "messages_in",
        "messages_out",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, trace_id: str) -> None:
        self._denial = "websocket.http.response" in (scope.get("extensions") or {})
        self._receive = receive
        self._send = send
        self._trace_id = trace_id.encode()
        self._started = perf_counter()
        self._status = 0
        self.close_code: int | None = None
        self.error: BaseException | None = None
        self.messages_in = self.messages_out = 0

    async def receive(self) -> Message:
        """Hand the next message of the client to the application."""
        message = await self._receive()
        if message["type"] == "websocket.receive":
            self.messages_in += 1
        elif message["type"] == "websocket.disconnect" and self.close_code is None:
            self.close_code = message.get("code") or 1005
        return message

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the client."""
        kind = message["type"]
        if kind == "websocket.send":
            self.messages_out += 1
        elif kind == "websocket.accept":
            self._status = 101
            message = with_trace_id(message, self._trace_id)
        elif kind == "websocket.http.response.start":
            self._status = message["status"]
            message = with_trace_id(message, self._trace_id)
        elif kind == "websocket.close" and self._status:
            self.close_code = message.get("code") or 1000
        elif kind == "websocket.close":
            await self._deny(403, message)
            return
        await self._send(message)

    async def _deny(self, status: int, message: Message | None = None) -> None:
        """Refuse the handshake: in words of our own where the server allows, for its own answer has no trace id."""
        if self._denial:
            body = json.dumps({"error": "refused" if status < FIRST_SERVER_ERROR else "internal server error"}).encode()
            await self.send(_start("websocket.http.response.start", status, body))
            await self._send({"type": "websocket.http.response.body", "body": body})
        elif message is not None:
            self._status = status
            await self._send(message)

    @property
    def failed(self) -> bool:
        """Whether the application raised."""
        return isinstance(self.error, Exception)

    @property
    def status(self) -> int:
        """101 for an accepted handshake, else the status it was refused with."""
        return self._status or (500 if self.failed else CLIENT_CLOSED)

    async def apologise(self) -> None:
        """Answer a handshake the application neither accepted nor refused with 500."""
        if not self._status and self.close_code is None:
            with suppress(Exception):  # the client may be gone; the application's exception matters more
                await self._deny(500)

    @property
    def smooth(self) -> bool:
        """Whether everything went well."""
        return self.error is None and self._status < FIRST_ERROR

    def members(self) -> str:
        """Return what the log line says of the connection, as members of a JSON object."""
        return (
            f'"status":{self.status},"duration_seconds":{perf_counter() - self._started:.6f},'
            f'"messages_in":{self.messages_in},"messages_out":{self.messages_out},'
            f'"close_code":{self.close_code or (1011 if self.failed else 1006)}'
        )


def with_trace_id(message: Message, trace_id: bytes) -> Message:
    """Return a start message with our id; one the application passed on from elsewhere is replaced."""
    headers = [pair for pair in message.get("headers") or () if pair[0].lower() != TRACE_HEADER]
    return {**message, "headers": [*headers, (TRACE_HEADER, trace_id)]}


def _start(kind: str, status: int, body: bytes) -> Message:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    return {"type": kind, "status": status, "headers": headers}
