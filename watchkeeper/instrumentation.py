"""How does one line make a web application observable?"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar, Unpack, cast

from watchkeeper.asgi.frameworks import put_in_place
from watchkeeper.asgi.lifespan import Lifespan
from watchkeeper.asgi.middleware import Middleware
from watchkeeper.asgi.request import Requests
from watchkeeper.asgi.routes import Named, RouteTemplates
from watchkeeper.asgi.traffic import Traffic, signed_in_user
from watchkeeper.asgi.types import App, Receive, Scope, Send
from watchkeeper.frameworks import django, flask
from watchkeeper.metrics_app import PRIVATE, MetricsApp
from watchkeeper.paths import Paths, path_below
from watchkeeper.process import Telemetry
from watchkeeper.settings import Options
from watchkeeper.vitals.endpoint import VitalsEndpoint
from watchkeeper.vitals.limits import Gate
from watchkeeper.wsgi import types as wsgi
from watchkeeper.wsgi.middleware import WsgiMiddleware
from watchkeeper.wsgi.routes import route_of

Application = TypeVar("Application", bound=Callable[..., Any])

WSGI_PARAMETERS = 2
"""`application(environ, start_response)`; an ASGI application takes scope, receive and send."""


def instrument(
    app: Application,
    *,
    telemetry: Telemetry | None = None,
    user: Callable[[Scope], str | None] = signed_in_user,
    route: Callable[[Scope], str | None] | None = None,
    **settings: Unpack[Options],
) -> Application:
    """
    Give ``app`` metrics, traces, logs and web vitals, and return it.

    Starlette, FastAPI, Litestar, Quart and Flask are the same object afterwards, observed from within, outside of all
    their middleware. Of any other ASGI or WSGI application, Django's among them, a wrapper is returned that is called
    like it and has its attributes.

    Every keyword is a field of `Settings`; what is not given is read from the environment, and has a default.
    Pass ``telemetry`` instead to share one with something else. ``user`` tells who opens a WebSocket, None where
    nobody is signed in; it is asked when the connection is accepted. ``route`` names what was asked for, once it is
    handled, None to leave it to us. Both take the scope (of WSGI, one with its `environ`). Raise TelemetryError for
    what cannot work.
    """
    if telemetry is not None and settings:
        raise TypeError("pass either telemetry or settings; a Telemetry has its settings already")
    telemetry = telemetry or Telemetry.read(**settings)
    own = _own_endpoints(telemetry)

    named = Named(route) if route is not None else None

    def observe(served: App) -> App:
        return Observed(served, app, telemetry=telemetry, own=own, user=user, named=named)

    def wsgi_route(scope: Scope) -> str:
        return (named and named.of(scope)) or route_of(scope)

    if hasattr(app, "wsgi_app"):
        flask.observe(app)
        within = WsgiMiddleware(app.wsgi_app, telemetry=telemetry, own=own, route=wsgi_route, answers=False)
        app.wsgi_app = within
        return app
    if put_in_place(app, telemetry, observe):
        return app
    django.observe(app)
    if _is_wsgi(app):
        around = WsgiMiddleware(app, telemetry=telemetry, own=own, route=wsgi_route)
        return cast(Application, InstrumentedWsgi(app, telemetry, around))
    return cast(Application, Instrumented(app, telemetry, observe(app)))


def _is_wsgi(app: Callable[..., Any]) -> bool:
    try:
        taken = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):  # a callable of C tells nothing
        return False
    needed = [
        one
        for one in taken
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == WSGI_PARAMETERS


class Wrapper(Generic[Application]):
    """A wrapper around an application; attributes it does not have are read and set on ``app``."""

    def __init__(self, app: Application, telemetry: Telemetry, observed: Callable[..., Any]) -> None:
        self.__dict__.update(app=app, telemetry=telemetry, _observed=observed)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the application."""
        if name == "app":  # a copy asks before __init__ has run
            raise AttributeError(name)
        return getattr(self.__dict__["app"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the application."""
        setattr(self.__dict__["app"], name, value)


class Instrumented(Wrapper[Application]):
    """An ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the server."""
        await self.__dict__["_observed"](scope, receive, send)


class InstrumentedWsgi(Wrapper[Application]):
    """A WSGI application."""

    def __call__(self, environ: wsgi.Environ, start_response: wsgi.StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        answer: Iterable[bytes] = self.__dict__["_observed"](environ, start_response)
        return answer


class Observed:
    """What is called instead of ``served``; ``app`` is who has its routes, and the same where nothing is in between."""

    def __init__(
        self,
        served: App,
        app: object,
        *,
        telemetry: Telemetry,
        own: dict[str, App],
        user: Callable[[Scope], str | None],
        named: Named | None,
    ) -> None:
        settings = telemetry.settings
        self._telemetry = telemetry
        self._served = served
        self._own = own
        self._templates = RouteTemplates(app)
        self._named = named
        self._started = False
        self._entry = Middleware(
            self._dispatch,
            traffic=Traffic(telemetry.recorder, user, settings.request_labels),
            requests=Requests(settings=settings, tracing=telemetry.tracing, report=telemetry.report),
            skip=Paths((settings.metrics_path, *settings.uncounted_routes)),
            route=self._route,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection, or the life of the server."""
        if scope["type"] == "lifespan":
            return Lifespan(self._served, self._telemetry).serve(scope, receive, send)
        if not self._started:  # a server may do without lifespan
            self._started = True
            self._telemetry.start()
        return self._entry(scope, receive, send)

    def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        own = self._own.get(path_below(scope)) if scope["type"] == "http" else None
        return (own or self._served)(scope, receive, send)

    def _route(self, scope: Scope) -> str:
        if self._named is not None and (name := self._named.of(scope)):
            return name
        if "route" in scope:  # the application has answered
            return self._templates.of(scope)
        path = path_below(scope)
        return path if path in self._own and scope["type"] == "http" else self._templates.of(scope)


def _own_endpoints(telemetry: Telemetry) -> dict[str, App]:
    settings, recorder = telemetry.settings, telemetry.recorder
    near = settings.networks or (() if settings.metrics_token else PRIVATE)
    own: dict[str, App] = {settings.metrics_path: MetricsApp(recorder, token=settings.metrics_token, networks=near)}
    if settings.vitals:
        gate = Gate(
            telemetry.store,
            per_minute=settings.vitals_per_minute,
            total_per_minute=settings.vitals_total_per_minute,
        )
        own[settings.vitals_path] = VitalsEndpoint(
            recorder, gate, pages=settings.pages, origins=settings.vitals_origins
        )
    return own
