"""What is called instead of a WSGI application: follows each request, and has those who listen tell of it."""

from collections.abc import Callable, Iterable, Mapping

from watchkeeper.asgi import types as asgi
from watchkeeper.asgi.request import Requests, Told
from watchkeeper.asgi.routes import UNMATCHED
from watchkeeper.asgi.traffic import Traffic
from watchkeeper.frameworks.carrier import ERROR
from watchkeeper.paths import Paths, path_below
from watchkeeper.process import Telemetry
from watchkeeper.verdict import SERVER_ERROR, Scope, apology
from watchkeeper.wsgi.environ import scope_of
from watchkeeper.wsgi.exchange import File, Response, WsgiExchange
from watchkeeper.wsgi.own import answer
from watchkeeper.wsgi.types import App, Environ, StartResponse

Route = Callable[[Scope], str]


class WsgiMiddleware:
    """
    Follows every request of ``app`` and answers those to ``own``, our endpoints by path.

    With ``answers`` an exception that the application raises before its response begins is answered with 500, so that
    this answer carries its trace id too; without, it is the server's, as a framework wants that lets it out.
    """

    def __init__(
        self, app: App, *, telemetry: Telemetry, own: Mapping[str, asgi.App], route: Route, answers: bool = True
    ) -> None:
        self._app = app
        self._telemetry = telemetry
        self._own = own
        self._find_route = route
        self._answers = answers
        self._traffic = Traffic(telemetry.recorder, labels=telemetry.settings.request_labels)
        self._requests = Requests(settings=telemetry.settings, tracing=telemetry.tracing, report=telemetry.report)
        self._skip = Paths((telemetry.settings.metrics_path, *telemetry.settings.uncounted_routes))
        self._started = False

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if not self._started:  # in the worker, after any fork
            self._started = True
            self._telemetry.start()
        scope = scope_of(environ)
        path = path_below(scope)
        told = self._requests.begin(scope)
        exchange = WsgiExchange(
            scope,
            start_response,
            route=self._route,
            traffic=None if path in self._skip else self._traffic,
            trace_id=told.work.context.trace_id,
        )

        def finish() -> None:
            self._finish(exchange, told)

        try:
            own = self._own.get(path)
            body = answer(own, scope, exchange) if own else self._app(environ, exchange.start)
        except BaseException as error:
            exchange.error = error
            if not self._answers or exchange.started or not isinstance(error, Exception):
                finish()
                raise
            body = self._apologise(exchange, told)
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            return File(exchange, body, finish).handed_on()
        return Response(exchange, body, finish)

    def _apologise(self, exchange: WsgiExchange, told: Told) -> list[bytes]:
        body = apology(told.work.context.trace_id)
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        exchange.start("500 Internal Server Error", headers)
        return [body]

    def _finish(self, exchange: WsgiExchange, told: Told) -> None:
        answered = exchange.scope["environ"].pop(ERROR, None)
        if exchange.status >= SERVER_ERROR:
            exchange.error = exchange.error or answered
        exchange.end()
        self._requests.finish(exchange, told)

    def _route(self, scope: Scope) -> str:
        path = path_below(scope)
        try:
            return path if path in self._own else self._find_route(scope)
        except Exception:  # noqa: BLE001 - a callable of the application's, or routes of a kind never met
            return UNMATCHED
