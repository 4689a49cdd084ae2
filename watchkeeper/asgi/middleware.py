"""What does a request or a WebSocket cost, counted as it passes: the metrics middleware."""

from collections.abc import Callable, Collection
from time import perf_counter

from watchkeeper.asgi.routes import UNMATCHED, RouteTemplates
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send
from watchkeeper.asgi.websocket import WebSockets, signed_in_user
from watchkeeper.contract.labels import METHOD
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUEST_SIZE, REQUESTS, REQUESTS_IN_PROGRESS, RESPONSE_SIZE
from watchkeeper.recorder import Recorder
from watchkeeper.tracing.trace_context import current

FIRST_STATUS, LAST_STATUS = 100, 599
SERVER_ERROR = 500
CLIENT_CLOSED = 499
"""Status of a request whose client left before the response began; nginx made the number customary."""

METHODS = {name: name for name in METHOD.values}
FILE_MESSAGES = ("http.response.pathsend", "http.response.zerocopysend")
"""Extensions of ASGI by which a server sends a file itself; how many bytes that is stays unknown here."""

MAX_CACHED = 20_000
"""Kinds of requests (method, route, status) whose series are found without asking the recorder."""


class MetricsMiddleware:
    """
    Counts HTTP requests and WebSockets into ``recorder``, and starts and stops its delivery with the application.

    Requests to the paths in ``skip`` are not counted. ``route`` names the template of a scope that the application
    has handled; ``user`` tells who opened a WebSocket, None where nobody is signed in. Nothing is buffered and
    nothing is changed; what the application raises is raised on.
    """

    def __init__(
        self,
        app: App,
        recorder: Recorder,
        *,
        skip: Collection[str] = (),
        route: Callable[[Scope], str] | None = None,
        user: Callable[[Scope], str | None] = signed_in_user,
    ) -> None:
        self._app = app
        self._recorder = recorder
        self._skip = frozenset(skip)
        self._template = route or RouteTemplates(app).of
        self.in_progress = {name: recorder.gauge(REQUESTS_IN_PROGRESS, (name,)) for name in METHODS}
        self._series: dict[tuple[str, str, int], _HttpSeries] = {}
        self._websockets = WebSockets(recorder, self.route, user)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if kind == "http" and scope["path"] not in self._skip:
            self._recorder.start()
            exchange = _Exchange(self, scope, receive, send)
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except BaseException as error:
                exchange.finish(error)
                raise
            exchange.finish()
        elif kind == "websocket":
            await self._websockets.serve(self._app, scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def forward(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._recorder.start()
            elif message["type"] == "lifespan.shutdown.complete":
                await self._recorder.aclose()
            await send(message)

        await self._app(scope, receive, forward)

    def route(self, scope: Scope) -> str:
        """Return the label of a scope; what goes wrong in naming it must not harm the request."""
        try:
            return self._template(scope)
        except Exception:  # noqa: BLE001 - a callable of the application's, or routes of a kind never met
            return UNMATCHED

    def series(self, method: str, route: str, status: int) -> "_HttpSeries":
        """Return what to count a finished request with."""
        key = (method, route, status)
        found = self._series.get(key)
        if found is None:
            found = _HttpSeries(self._recorder, method, route, str(status))
            if len(self._series) < MAX_CACHED:
                self._series[key] = found
        return found


class _HttpSeries:
    """The series that one kind of request counts into."""

    __slots__ = ("add", "duration", "received", "sent")

    def __init__(self, recorder: Recorder, method: str, route: str, status: str) -> None:
        self.add = recorder.counter(REQUESTS, (method, route, status)).add
        self.duration = recorder.histogram(REQUEST_DURATION, (method, route)).observe
        self.received = recorder.histogram(REQUEST_SIZE, (method, route)).observe
        self.sent = recorder.histogram(RESPONSE_SIZE, (method, route)).observe


class _Exchange:
    """One request: passes its messages through and counts it once, at the last byte or when it ends without one."""

    __slots__ = ("_finished", "_gone", "_in_progress", "_method", "_owner", "_receive", "_received", "_scope", "_send",
                 "_sent", "_started", "_status")  # fmt: skip

    def __init__(self, owner: MetricsMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._owner = owner
        self._scope = scope
        self._receive = receive
        self._send = send
        self._method = METHODS.get(scope["method"], "other")
        self._status = self._received = self._sent = 0
        self._gone = self._finished = False
        self._in_progress = owner.in_progress[self._method]
        self._in_progress.change(1.0)
        self._started = perf_counter()

    async def receive(self) -> Message:
        """Hand the next message of the client to the application."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
        else:
            self._gone = True
        return message

    async def send(self, message: Message) -> None:
        """Hand a message of the application to the client."""
        try:
            await self._send(message)
        except OSError:
            self._gone = True
            raise
        kind = message["type"]
        if kind == "http.response.body":
            self._sent += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.finish()
        elif kind == "http.response.start":
            status = int(message["status"])
            self._status = status if FIRST_STATUS <= status <= LAST_STATUS else SERVER_ERROR
        elif kind in FILE_MESSAGES and not message.get("more_body", False):
            self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """Count the request, unless that has been done."""
        if self._finished:
            return
        self._finished = True
        seconds = perf_counter() - self._started
        self._in_progress.change(-1.0)
        trace = current.get()
        status = self._status if error is None and self._status else self._outcome(error)
        series = self._owner.series(self._method, self._owner.route(self._scope), status)
        series.add()
        series.duration(seconds, None if trace is None else trace.exemplar)
        series.received(self._received)
        series.sent(self._sent)

    def _outcome(self, error: BaseException | None) -> int:
        """
        Return the status to count.

        An exception counts as 500 also where a response had begun, unless it says that the client left: then the
        status sent counts, or 499 where none was. So does a cancellation, which is no exception of the application.
        """
        left = self._gone or not (error is None or isinstance(error, Exception))
        if left:
            return self._status or CLIENT_CLOSED
        return SERVER_ERROR
