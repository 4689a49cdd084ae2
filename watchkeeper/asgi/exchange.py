"""How did one ASGI request go? Its messages are followed once, and its verdict kept."""

from collections.abc import Callable
from contextlib import suppress

from watchkeeper.asgi.types import Message, Receive, Scope, Send
from watchkeeper.verdict import SERVER_ERROR, HttpVerdict, Requests, apology, sent_status

TRACE_HEADER = b"x-trace-id"
EXPOSED = b"access-control-expose-headers"
LAST_BYTE = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")
"""Messages that end a response, unless they say that more follows. How many bytes a file has stays unknown here."""


class HttpExchange(HttpVerdict):
    """
    One request: passes its messages through, adds `x-trace-id` to the response, and keeps the verdict.

    Without a ``trace_id`` nothing is changed or answered.
    """

    __slots__ = ("_receive", "_send", "_trace_id")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        route: Callable[[Scope], str],
        traffic: Requests | None = None,
        trace_id: bytes = b"",
    ) -> None:
        self._receive = receive
        self._send = send
        self._trace_id = trace_id
        super().__init__(scope, route=route, traffic=traffic)

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
            self._status = sent_status(message["status"])
        elif kind in LAST_BYTE and self._status:
            self.response_bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete = True
                self.end()

    async def apologise(self) -> None:
        """Answer with 500 where the application has not begun to answer."""
        if not self._status and not self.gone:
            body = apology(self._trace_id.decode())
            with suppress(Exception):  # the client may be gone; the application's exception matters more
                await self.send(start_message("http.response.start", SERVER_ERROR, body))
                await self.send({"type": "http.response.body", "body": body})


def with_trace_id(message: Message, trace_id: bytes) -> Message:
    """Return a start message with our id, which pages of other origins may read; one from elsewhere is replaced."""
    headers = []
    shared = exposed = False
    for name, value in message.get("headers") or ():
        lower = name.lower()
        if lower == TRACE_HEADER:
            continue
        if lower == EXPOSED:
            exposed = True
            listed = value.lower().replace(b" ", b"").split(b",")
            headers.append((name, value if TRACE_HEADER in listed else value + b", " + TRACE_HEADER))
            continue
        shared = shared or lower == b"access-control-allow-origin"
        headers.append((name, value))
    headers.append((TRACE_HEADER, trace_id))
    if shared and not exposed:
        headers.append((EXPOSED, TRACE_HEADER))
    return {**message, "headers": headers}


def start_message(kind: str, status: int, body: bytes) -> Message:
    """Return the start of an answer of our own."""
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    return {"type": kind, "status": status, "headers": headers}
