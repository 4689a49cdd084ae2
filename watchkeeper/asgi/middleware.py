"""Who listens to an exchange? One wrapper around an application: metrics, and where wanted, trace, log and Sentry."""

from collections.abc import Callable, Container

from watchkeeper.asgi.exchange import HttpExchange
from watchkeeper.asgi.request import Requests
from watchkeeper.asgi.routes import UNMATCHED, RouteTemplates
from watchkeeper.asgi.traffic import Traffic, signed_in_user
from watchkeeper.asgi.types import App, Receive, Scope, Send
from watchkeeper.asgi.websocket import WebSocketExchange
from watchkeeper.frameworks.carrier import ERROR
from watchkeeper.paths import path_below
from watchkeeper.recorder import Recorder
from watchkeeper.verdict import SERVER_ERROR


class Middleware:
    """
    Follows every request and WebSocket, and has those who listen tell of it.

    ``traffic`` counts, but for paths in ``skip``; ``requests`` gives each its trace, its id and its line in the log.
    ``route`` names the template of a scope that the application has handled. With ``requests``, what is left unanswered
    is answered with 500, so that this answer carries its id too; what the application raises is raised on.
    """

    def __init__(
        self,
        app: App,
        *,
        traffic: Traffic,
        requests: Requests | None = None,
        skip: Container[str] = (),
        route: Callable[[Scope], str] | None = None,
    ) -> None:
        self._app = app
        self._traffic = traffic
        self._requests = requests
        self._skip = skip
        self._template = route or RouteTemplates(app).of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        traffic = None if path_below(scope) in self._skip else self._traffic
        follow = HttpExchange if kind == "http" else WebSocketExchange
        if self._requests is None:
            exchange = follow(scope, receive, send, route=self._route, traffic=traffic)
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except BaseException as error:
                exchange.error = error
                raise
            finally:
                exchange.end()
                exchange.error = None
            return
        told = self._requests.begin(scope)
        exchange = follow(scope, receive, send, route=self._route, traffic=traffic, trace_id=told.trace_id)
        try:
            await self._app(scope, exchange.receive, exchange.send)
            await exchange.apologise()
        except BaseException as error:
            exchange.error = error
            if isinstance(exchange, WebSocketExchange) and exchange.unspoken:
                await exchange.refuse()
                return
            if exchange.failed:
                await exchange.apologise()
            raise
        finally:
            exchange.end()
            answered = scope.pop(ERROR, None)
            if answered is not None and exchange.status >= SERVER_ERROR:
                exchange.error = exchange.error or answered
            self._requests.finish(exchange, told)
            exchange.error = answered = None  # its traceback holds this frame: a circle, which only the collector ends

    def _route(self, scope: Scope) -> str:
        """Return the label of a scope; what goes wrong in naming it must not harm the request."""
        try:
            return self._template(scope)
        except Exception:  # noqa: BLE001 - a callable of the application's, or routes of a kind never met
            return UNMATCHED


class MetricsMiddleware(Middleware):
    """Counts requests and WebSockets into ``recorder``, and does nothing else: nothing is changed or answered."""

    def __init__(
        self,
        app: App,
        recorder: Recorder,
        *,
        skip: Container[str] = (),
        route: Callable[[Scope], str] | None = None,
        user: Callable[[Scope], str | None] = signed_in_user,
    ) -> None:
        super().__init__(app, traffic=Traffic(recorder, user), skip=skip, route=route)
