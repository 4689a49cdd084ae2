"""How does one line make an ASGI application observable?"""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, Unpack, cast

from watchkeeper.asgi.lifespan import Lifespan
from watchkeeper.asgi.middleware import Middleware
from watchkeeper.asgi.request import Requests
from watchkeeper.asgi.routes import RouteTemplates
from watchkeeper.asgi.traffic import Traffic, signed_in_user
from watchkeeper.asgi.types import App, Receive, Scope, Send
from watchkeeper.metrics_app import MetricsApp
from watchkeeper.paths import path_below
from watchkeeper.process import Telemetry
from watchkeeper.settings import Options, Settings
from watchkeeper.vitals.endpoint import VitalsEndpoint
from watchkeeper.vitals.limits import Gate

Application = TypeVar("Application", bound=Callable[..., Awaitable[None]])


def instrument(
    app: Application,
    *,
    telemetry: Telemetry | None = None,
    user: Callable[[Scope], str | None] = signed_in_user,
    **settings: Unpack[Options],
) -> "Instrumented[Application]":
    """
    Return ``app`` with metrics, traces, logs and web vitals around it.

    Every keyword is a field of `Settings`; what is not given is read from the environment, and has a default.
    Pass ``telemetry`` instead to share one with something else. ``user`` tells who opens a WebSocket, None where
    nobody is signed in; it is asked when the connection is accepted. Raise TelemetryError for what cannot work.
    The result is called like ``app`` and has its attributes, so that routes can still be added to it.
    """
    if telemetry is not None and settings:
        raise TypeError("pass either telemetry or settings; a Telemetry has its settings already")
    return Instrumented(app, telemetry or Telemetry(Settings.read(**settings)), user)


class Instrumented(Generic[Application]):
    """An observed ASGI application; attributes it does not have itself are those of ``app``."""

    def __init__(self, app: Application, telemetry: Telemetry, user: Callable[[Scope], str | None]) -> None:
        settings = telemetry.settings
        self.app = app
        self.telemetry = telemetry
        self._served = cast(App, app)
        self._own = _own_endpoints(telemetry)
        self._templates = RouteTemplates(app)
        self._started = False
        self._entry = Middleware(
            self._dispatch,
            traffic=Traffic(telemetry.recorder, user),
            requests=Requests(settings=settings, tracing=telemetry.tracing, report=telemetry.report),
            skip=(settings.metrics_path,),
            route=self._route,
        )

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the application."""
        if name == "app":  # a copy asks before __init__ has run
            raise AttributeError(name)
        return getattr(self.app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the server."""
        if scope["type"] == "lifespan":
            await Lifespan(self._served, self.telemetry).serve(scope, receive, send)
            return
        if not self._started:  # a server may do without lifespan
            self._started = True
            self.telemetry.start()
        await self._entry(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        own = self._own.get(path_below(scope)) if scope["type"] == "http" else None
        await (own or self._served)(scope, receive, send)

    def _route(self, scope: Scope) -> str:
        if "route" in scope:  # the application has answered
            return self._templates.of(scope)
        path = path_below(scope)
        return path if path in self._own and scope["type"] == "http" else self._templates.of(scope)


def _own_endpoints(telemetry: Telemetry) -> dict[str, App]:
    settings, recorder = telemetry.settings, telemetry.recorder
    own: dict[str, App] = {
        settings.metrics_path: MetricsApp(recorder, token=settings.metrics_token, networks=settings.networks)
    }
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
