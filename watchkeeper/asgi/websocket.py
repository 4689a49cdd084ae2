"""What happens on WebSockets: who is connected, what is said, how it ends."""

from collections.abc import Callable
from time import perf_counter

from watchkeeper.asgi.types import App, Message, Receive, Scope, Send
from watchkeeper.contract.metrics import WS_CONNECTIONS, WS_CONNECTS, WS_DISCONNECTS, WS_DURATION, WS_MESSAGES, WS_USERS
from watchkeeper.recorder import Recorder

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

NORMAL, GOING_AWAY, ABNORMAL, SERVER_ERROR = 1000, 1001, 1006, 1011


def signed_in_user(scope: Scope) -> str | None:
    """Return who an authentication middleware (Starlette's, or one that does alike) says is connected."""
    user = scope.get("user")
    if user is None or not getattr(user, "is_authenticated", False):
        return None
    for attribute in ("identity", "username", "display_name"):
        try:
            return str(getattr(user, attribute))
        except (AttributeError, NotImplementedError):
            continue
    return None


class WebSockets:
    """Counts the WebSockets of one application; ``user`` is asked when a connection is accepted."""

    def __init__(self, recorder: Recorder, route: Callable[[Scope], str], user: Callable[[Scope], str | None]) -> None:
        self.recorder = recorder
        self.route = route
        self._user = user

    async def serve(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Run ``app`` for one connection and count how it went."""
        self.recorder.start()
        connection = _Connection(self, scope, receive, send)
        try:
            await app(scope, connection.receive, connection.send)
        except BaseException as error:
            connection.finish(error)
            raise
        connection.finish()

    def who(self, scope: Scope) -> str | None:
        """Return who is connected; what goes wrong in finding out must not harm the connection."""
        try:
            return self._user(scope)
        except Exception:  # noqa: BLE001 - a callable of the application's
            return None


class _Connection:
    """One WebSocket: passes its messages through, and is counted out however it ends."""

    __slots__ = ("_accepted", "_code", "_finished", "_in", "_out", "_owner", "_receive", "_rejected", "_route",
                 "_scope", "_send", "_user")  # fmt: skip

    def __init__(self, owner: WebSockets, scope: Scope, receive: Receive, send: Send) -> None:
        self._owner = owner
        self._scope = scope
        self._receive = receive
        self._send = send
        self._accepted: float | None = None
        self._code: int | None = None
        self._rejected = self._finished = False
        self._user: str | None = None

    async def receive(self) -> Message:
        """Hand the next message of the client to the application."""
        message = await self._receive()
        kind = message["type"]
        if kind == "websocket.receive" and self._accepted is not None:
            self._in.add()
        elif kind == "websocket.disconnect":
            if self._code is None:
                self._code = message.get("code") or ABNORMAL
            self._leave()
        return message

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the client."""
        await self._send(message)
        kind = message["type"]
        if kind == "websocket.send":
            self._out.add()
        elif kind == "websocket.accept":
            self._enter()
        elif kind == "websocket.close":
            if self._code is None:
                self._code = message.get("code") or NORMAL
            self._rejected = self._accepted is None
            self._leave()
        elif kind == "websocket.http.response.start":
            self._rejected = True

    def finish(self, error: BaseException | None = None) -> None:
        """Count the end, unless that has been done."""
        if self._code is None:
            self._code = NORMAL if error is None else SERVER_ERROR if isinstance(error, Exception) else GOING_AWAY
        if self._accepted is None and error is None:
            self._rejected = True
        self._leave()

    def _enter(self) -> None:
        recorder, route = self._owner.recorder, self._owner.route(self._scope)
        self._accepted = perf_counter()
        self._route = route
        self._in = recorder.counter(WS_MESSAGES, (route, "in"))
        self._out = recorder.counter(WS_MESSAGES, (route, "out"))
        recorder.add(WS_CONNECTS, (route,))
        recorder.change(WS_CONNECTIONS, (route,), 1.0)
        self._user = self._owner.who(self._scope)
        if self._user is not None:
            recorder.presence(WS_USERS, (route,)).enter(self._user)

    def _leave(self) -> None:
        if self._finished:
            return
        self._finished = True
        recorder = self._owner.recorder
        reason = "rejected" if self._rejected else REASONS.get(self._code or ABNORMAL, "other")
        if self._accepted is None:
            recorder.add(WS_DISCONNECTS, (self._owner.route(self._scope), reason))
            return
        recorder.add(WS_DISCONNECTS, (self._route, reason))
        recorder.change(WS_CONNECTIONS, (self._route,), -1.0)
        recorder.observe(WS_DURATION, (self._route,), perf_counter() - self._accepted)
        if self._user is not None:
            recorder.presence(WS_USERS, (self._route,)).leave(self._user)
