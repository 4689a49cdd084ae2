"""What do requests and WebSockets add to the metrics?"""

from collections.abc import Callable, Mapping

from watchkeeper.asgi.types import Scope
from watchkeeper.asgi.websocket import WebSocketCounts, WebSocketExchange
from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import (
    REQUEST_DURATION,
    REQUEST_SIZE,
    REQUESTS,
    REQUESTS_IN_PROGRESS,
    RESPONSE_SIZE,
    WS_CONNECTIONS,
    WS_CONNECTS,
    WS_DISCONNECTS,
    WS_DURATION,
    WS_MESSAGES,
    WS_USERS,
)
from watchkeeper.recorder import Recorder
from watchkeeper.tracing.trace_context import current
from watchkeeper.verdict import METHODS, HttpVerdict

OTHER = "other"
MAX_CACHED = 20_000
"""Kinds of requests (method, route, status) whose series are found without asking the recorder."""


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


class Traffic:
    """
    Counts requests and WebSockets into ``recorder``; ``user`` is asked when a WebSocket is accepted.

    ``labels`` are the functions of a scope behind the labels that a service adds to its requests.
    """

    def __init__(
        self,
        recorder: Recorder,
        user: Callable[[Scope], str | None] = signed_in_user,
        labels: Mapping[Label, Callable[[Scope], str]] | None = None,
    ) -> None:
        self.recorder = recorder
        self._user = user
        self._labels = tuple((label.values, of) for label, of in (labels or {}).items())
        self._in_progress = {name: recorder.gauge(REQUESTS_IN_PROGRESS, (name,)) for name in METHODS}
        self._series: dict[tuple[str, str, int, tuple[str, ...]], _HttpSeries] = {}

    def begin(self, exchange: HttpVerdict) -> None:
        """Count a request in progress."""
        self.recorder.start()
        self._in_progress[exchange.method].change(1.0)

    def count(self, exchange: HttpVerdict) -> None:
        """Count a request that is over."""
        self._in_progress[exchange.method].change(-1.0)
        trace = current.get()
        extra = self._extra(exchange.scope) if self._labels else ()
        series = self._of(exchange.method, exchange.route, exchange.status, extra)
        series.add()
        series.duration(exchange.seconds, None if trace is None else trace.exemplar)
        series.received(exchange.request_bytes)
        series.sent(exchange.response_bytes)

    def accepted(self, exchange: WebSocketExchange) -> WebSocketCounts:
        """Count an open WebSocket, and return what its messages are counted with."""
        recorder, route = self.recorder, exchange.route
        recorder.start()
        counts = WebSocketCounts(
            recorder.counter(WS_MESSAGES, (route, "in")),
            recorder.counter(WS_MESSAGES, (route, "out")),
            self._who(exchange.scope),
        )
        recorder.add(WS_CONNECTS, (route,))
        recorder.change(WS_CONNECTIONS, (route,), 1.0)
        if counts.user is not None:
            recorder.presence(WS_USERS, (route,)).enter(counts.user)
        return counts

    def left(self, exchange: WebSocketExchange) -> None:
        """Count a WebSocket that is over, or whose handshake came to nothing."""
        recorder, route, counts = self.recorder, exchange.route, exchange.counts
        recorder.start()
        recorder.add(WS_DISCONNECTS, (route, exchange.reason))
        if counts is None:
            return
        recorder.change(WS_CONNECTIONS, (route,), -1.0)
        recorder.observe(WS_DURATION, (route,), exchange.seconds)
        if counts.user is not None:
            recorder.presence(WS_USERS, (route,)).leave(counts.user)

    def _who(self, scope: Scope) -> str | None:
        """Return who is connected; what goes wrong in finding out must not harm the connection."""
        try:
            return self._user(scope)
        except Exception:  # noqa: BLE001 - a callable of the application's
            return None

    def _extra(self, scope: Scope) -> tuple[str, ...]:
        return tuple(_declared(values, of, scope) for values, of in self._labels)

    def _of(self, method: str, route: str, status: int, extra: tuple[str, ...]) -> "_HttpSeries":
        key = (method, route, status, extra)
        found = self._series.get(key)
        if found is None:
            found = _HttpSeries(self.recorder, method, route, str(status), extra)
            if len(self._series) < MAX_CACHED:
                self._series[key] = found
        return found


class _HttpSeries:
    """The series that one kind of request counts into."""

    __slots__ = ("add", "duration", "received", "sent")

    def __init__(self, recorder: Recorder, method: str, route: str, status: str, extra: tuple[str, ...]) -> None:
        requests, duration = recorder.definition(REQUESTS), recorder.definition(REQUEST_DURATION)
        self.add = recorder.counter(requests, (method, route, status, *extra)).add
        self.duration = recorder.histogram(duration, (method, route, *extra)).observe
        self.received = recorder.histogram(REQUEST_SIZE, (method, route)).observe
        self.sent = recorder.histogram(RESPONSE_SIZE, (method, route)).observe


def _declared(values: tuple[str, ...], of: Callable[[Scope], str], scope: Scope) -> str:
    """Return what a service's own function says of a request, 'other' for what it did not declare, or if it fails."""
    try:
        value = of(scope)
    except Exception:  # noqa: BLE001 - a callable of the application's
        return OTHER
    return value if value in values else OTHER
