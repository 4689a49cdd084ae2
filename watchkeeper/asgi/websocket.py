"""How did one WebSocket go? Its messages are followed once, from the handshake to the close."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from watchkeeper.asgi.exchange import start_message, with_trace_id
from watchkeeper.asgi.routes import UNMATCHED
from watchkeeper.asgi.types import Message, Receive, Scope, Send
from watchkeeper.counts.series import Counter
from watchkeeper.verdict import CLIENT_CLOSED, FIRST_ERROR, SERVER_ERROR, Exchange, sent_status

REASONS = {
    1000: "normal",
    1001: "going_away",
    1002: "protocol_error",
    1003: "protocol_error",
    1005: "normal",  # a close frame without a code, as `socket.close()` in a browser sends it
    1006: "abnormal",
    1007: "protocol_error",
    1008: "policy_violation",
    1009: "too_big",
    1010: "protocol_error",
    1011: "server_error",
    1012: "going_away",
    1013: "going_away",
    1014: "server_error",
}
"""https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number; every other code is 'other'."""

NORMAL, GOING_AWAY, NO_CODE, ABNORMAL, SERVER_FAULT = 1000, 1001, 1005, 1006, 1011
ACCEPTED, REFUSED = 101, 403
DISCONNECT = "WebSocketDisconnect"
"""How Starlette and Litestar call the exception that tells a handler of the client's close."""


@dataclass(frozen=True, slots=True)
class WebSocketCounts:
    """What one accepted WebSocket counts into while it is open; ``user`` is None where nobody is signed in."""

    received: Counter
    sent: Counter
    user: str | None


class Connections(Protocol):
    """What counts WebSockets: it is told when one is accepted, and when one is over."""

    def accepted(self, exchange: "WebSocketExchange", /) -> WebSocketCounts: ...  # noqa: D102 - the class says it

    def left(self, exchange: "WebSocketExchange", /) -> None: ...  # noqa: D102 - the class says it


class WebSocketExchange(Exchange):
    """
    One WebSocket: passes its messages through and keeps the verdict; its handshake carries `x-trace-id`.

    The verdict stands at the close, by either side. A connection that its handler leaves open is closed by the server
    as normal, one that a failing handler leaves as a server error, and one that is cancelled as going away.
    """

    __slots__ = (
        "_accepted",
        "_code",
        "_counts",
        "_denial",
        "_heard",
        "_receive",
        "_refused",
        "_send",
        "_trace_id",
        "_traffic",
        "messages_in",
        "messages_out",
    )

    method = "WEBSOCKET"

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        route: Callable[[Scope], str],
        traffic: Connections | None = None,
        trace_id: bytes = b"",
    ) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._find_route = route
        self._traffic = traffic
        self._trace_id = trace_id
        self._denial = "websocket.http.response" in (scope.get("extensions") or {})
        self._counts: WebSocketCounts | None = None
        self._route = ""
        self._code: int | None = None
        self._refused = 0
        self._accepted = self._ended = 0.0
        self.gone = self._heard = False
        self.error: BaseException | None = None
        self.messages_in = self.messages_out = 0
        self._started = perf_counter()

    async def receive(self) -> Message:
        """Hand the next message of the client to the application."""
        self._heard = True
        message = await self._receive()
        kind = message["type"]
        if kind == "websocket.receive" and self._accepted:
            self.messages_in += 1
            if self._counts is not None:
                self._counts.received.add()
        elif kind == "websocket.disconnect":
            self.gone = True
            self._close(message.get("code") or NO_CODE)
        return message

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the client; what the server refuses has not happened."""
        kind = message["type"]
        if kind == "websocket.close" and not self._accepted and self._denial and self._trace_id:
            await self._deny(REFUSED)
            return
        passed = message
        if self._trace_id and kind in ("websocket.accept", "websocket.http.response.start"):
            passed = with_trace_id(message, self._trace_id)
        try:
            await self._send(passed)
        except OSError:
            self.gone = True
            self._close(ABNORMAL)
            raise
        if kind == "websocket.send" and self._accepted:
            self.messages_out += 1
            if self._counts is not None:
                self._counts.sent.add()
        elif kind == "websocket.accept" and not (self._accepted or self._ended):
            self._accepted = perf_counter()
            if self._traffic is not None:
                self._counts = self._traffic.accepted(self)
        elif kind == "websocket.http.response.start":
            self._refused = sent_status(message["status"])
        elif kind == "websocket.close":
            self._refused = self._refused or (0 if self._accepted else REFUSED)
            self._close(message.get("code") or NORMAL)

    async def _deny(self, status: int) -> None:
        """Refuse the handshake in words of our own: the server's have no trace id."""
        body = json.dumps({"error": "refused" if status < SERVER_ERROR else "internal server error"}).encode()
        await self.send(start_message("websocket.http.response.start", status, body))
        await self._send({"type": "websocket.http.response.body", "body": body})

    @property
    def seconds(self) -> float:
        """Time from the accepted handshake to the end."""
        return (self._ended or perf_counter()) - (self._accepted or self._started)

    @property
    def failed(self) -> bool:
        """Whether the application raised; that it did not catch the client's close is no failure of it."""
        if not isinstance(self.error, Exception):
            return False
        told = isinstance(self.error, OSError) or any(one.__name__ == DISCONNECT for one in type(self.error).__mro__)
        return not (self.gone and told)

    @property
    def status(self) -> int:
        """101 for an accepted handshake, else the status it was refused with; 499 where the client left before."""
        if self._accepted:
            return ACCEPTED
        left = self.gone or not (self.error is None or isinstance(self.error, Exception))
        return self._refused or (CLIENT_CLOSED if left and not self.failed else SERVER_ERROR)

    @property
    def code(self) -> int:
        """The close code of either side; without one, what the server closes with."""
        if self._code is not None:
            return self._code
        return SERVER_FAULT if self.failed else NORMAL if self.error is None else GOING_AWAY

    @property
    def reason(self) -> str:
        """Why it ended, as the metrics label it."""
        if not self._accepted and not self.gone and (self._refused or self.error is None) and not self.failed:
            return "rejected"
        return REASONS.get(self.code, "other")

    @property
    def accepted(self) -> bool:
        """Whether the handshake was accepted."""
        return bool(self._accepted)

    @property
    def counts(self) -> "WebSocketCounts | None":
        """What an accepted connection is counted with."""
        return self._counts

    @property
    def smooth(self) -> bool:
        """Whether everything went well."""
        return not self.failed and self.status < FIRST_ERROR

    @property
    def unspoken(self) -> bool:
        """Whether the application speaks no WebSocket at all: it says so without listening, and has no such route."""
        silent = not (self._heard or self._accepted or self._refused)
        return silent and self.route == UNMATCHED and _says_so(self.error)

    async def refuse(self) -> None:
        """Refuse the handshake: anybody can send one, so it is nobody's mistake."""
        self.error = None
        await self.send({"type": "websocket.close", "code": NORMAL})

    async def apologise(self) -> None:
        """Answer a handshake that the application neither accepted nor refused with 500."""
        if not (self._accepted or self._refused or self.gone) and self._denial:
            with suppress(Exception):  # the client may be gone; the application's exception matters more
                await self._deny(SERVER_ERROR)

    def _close(self, code: int) -> None:
        if self._code is None:
            self._code = code
        self.end()

    def end(self) -> None:
        """Let the verdict stand, and have it counted once."""
        if not self._ended:
            self._ended = perf_counter()
            if self._traffic is not None:
                self._traffic.left(self)

    def members(self) -> str:
        """Return what the log line says of the connection, as members of a JSON object."""
        return (
            f'"status":{self.status},"duration_seconds":{self.seconds:.6f},'
            f'"messages_in":{self.messages_in},"messages_out":{self.messages_out},"close_code":{self.code}'
        )


def _says_so(error: BaseException | None) -> bool:
    """Say whether an exception means that only HTTP is spoken; Django has no class for it."""
    if isinstance(error, NotImplementedError | AssertionError):
        return True
    trace = None if error is None else error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "django.core.handlers.asgi"
