"""A request is named by the full template of its route, in every framework and under every mount."""

from collections.abc import Callable
from typing import Any

import httpx
import litestar
import pytest
import quart
from fastapi import APIRouter, FastAPI
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route

from tests.watchkeeper.reading import scrape
from tests.watchkeeper.serving import samples
from watchkeeper.asgi.middleware import MetricsMiddleware
from watchkeeper.asgi.types import App, Receive, Scope, Send
from watchkeeper.contract.metrics import REQUESTS
from watchkeeper.recorder import Recorder


async def page(_: Request) -> Response:
    """Answer."""
    return PlainTextResponse("hi")


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as an application without any framework."""
    await PlainTextResponse("hi")(scope, receive, send)


def starlette() -> App:
    """Mounts in mounts, one of them behind middleware, one application mounted twice, one host, one plain ASGI."""
    users = Starlette(routes=[Route("/users/{id:int}", page), Route("/files/{path:path}", page)])
    return Starlette(
        routes=[
            Route("/", page),
            Mount("/v1", users),
            Mount("/v2", Starlette(routes=[Mount("/tenants/{tenant}", users)])),
            Mount("/zipped", GZipMiddleware(Starlette(routes=[Route("/{id}", page)]))),
            Mount("/wrapped", routes=[Route("/{id}", page)], middleware=[Middleware(GZipMiddleware)]),
            Mount("/static", bare),
            Host("{shop}.example", Starlette(routes=[Route("/cart/{id}", page)])),
        ]
    )


def fastapi() -> App:
    """Routers in routers, one included twice, and sub-applications with routers of their own."""
    things = APIRouter()
    things.add_api_route("/things/{id}", lambda id: id)  # noqa: A006 - as in the path
    nested = APIRouter(prefix="/nested/{group}")
    nested.include_router(things)
    admin = FastAPI()
    admin.include_router(things, prefix="/inner")
    app = FastAPI()
    app.include_router(things, prefix="/v1")
    app.include_router(things, prefix="/v2")
    app.include_router(nested)
    app.mount("/admin/{realm}", admin)
    return app


def copied(app: App) -> App:
    """Hand on a copy of the scope, so that what the application leaves in it stays out of sight."""

    class Copying:
        def __init__(self) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app({**scope}, receive, send)

    return Copying()


def litestar_app() -> App:
    """Litestar, with a router, typed parameters and an application mounted."""

    @litestar.get("/things/{id:int}")
    async def thing(id: FromPath[int]) -> int:  # noqa: A002 - as in the path
        return id

    @litestar.asgi("/mounted", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await bare(scope, receive, send)

    return litestar.Litestar([litestar.Router("/v1", route_handlers=[thing]), mounted])  # type: ignore[return-value]  # Litestar has ASGI types of its own


def quart_app() -> App:
    """Quart, with a blueprint and typed parameters."""
    app = quart.Quart(__name__)
    blueprint = quart.Blueprint("v1", __name__, url_prefix="/v1")

    @blueprint.get("/things/<int:id>")
    async def thing(id: int) -> str:  # noqa: A002 - as in the path
        return str(id)

    app.register_blueprint(blueprint)
    return app  # type: ignore[return-value]  # Quart has ASGI types of its own


STARLETTE = {
    "/": "/",
    "/v1/users/7": "/v1/users/{id}",
    "/v1/files/a/b/c": "/v1/files/{path}",
    "/v2/tenants/acme/users/7": "/v2/tenants/{tenant}/users/{id}",
    "/zipped/7": "/zipped/{id}",
    "/wrapped/7": "/wrapped/{id}",
    "/static/css/site.css": "/static/{path}",
    "/nowhere": "unmatched",
    "/v1/nowhere": "unmatched",
    "/v2/tenants/acme/nowhere": "unmatched",
    "/v1/users/7/": "unmatched",
}
FASTAPI = {
    "/v1/things/7": "/v1/things/{id}",
    "/v2/things/7": "/v2/things/{id}",
    "/nested/blue/things/7": "/nested/{group}/things/{id}",
    "/admin/north/inner/things/7": "/admin/{realm}/inner/things/{id}",
    "/openapi.json": "/openapi.json",
    "/things/7": "unmatched",
    "/admin/north/nowhere": "unmatched",
}
LITESTAR = {"/v1/things/7": "/v1/things/{id}", "/mounted/deep/er": "/mounted/{path}", "/nowhere": "unmatched"}
QUART = {"/v1/things/7": "/v1/things/{id}", "/nowhere": "unmatched"}
CASES = [
    pytest.param(build, path, template, id=f"{name} {path}")
    for name, build, paths in (
        ("starlette", starlette, STARLETTE),
        ("starlette behind a copy", lambda: copied(starlette()), STARLETTE),
        ("fastapi", fastapi, FASTAPI),
        ("fastapi behind a copy", lambda: copied(fastapi()), FASTAPI),
        ("litestar", litestar_app, LITESTAR),
        ("quart", quart_app, QUART),
        ("a bare coroutine", lambda: bare, {"/anything": "unmatched"}),
    )
    for path, template in paths.items()
]


async def routes(app: App, *paths: str, **options: Any) -> set[str]:
    """Return the route labels that requests to ``paths`` are counted under."""
    recorder = Recorder()
    transport = httpx.ASGITransport(MetricsMiddleware(app, recorder), root_path=options.pop("root_path", ""))
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.test", **options) as client:
        for path in paths:
            await client.get(path)
    return {labels.split('route="')[1].split('"')[0] for labels in samples(scrape(recorder), REQUESTS.name)}


@pytest.mark.parametrize(("build", "path", "template"), CASES)
async def test_template_of_a_path(build: Callable[[], App], path: str, template: str) -> None:
    """The label is the template a developer wrote, mounts included."""
    assert await routes(build(), path) == {template}


async def test_two_mounts_of_one_application_keep_apart() -> None:
    """The same route object under two prefixes is two templates, whichever is asked first."""
    app = starlette()

    for path, template in (
        ("/v2/tenants/a/users/1", "/v2/tenants/{tenant}/users/{id}"),
        ("/v1/users/1", "/v1/users/{id}"),
    ):
        assert await routes(app, path) == {template}


async def test_routes_by_host() -> None:
    """A host's routes keep their template; what a client writes into the host is no label."""
    assert await routes(starlette(), "/cart/7", headers={"host": "books.example"}) == {"/cart/{id}"}


async def test_behind_a_proxy_prefix() -> None:
    """The prefix a proxy strips is no part of the template."""
    assert await routes(fastapi(), "/proxy/v2/things/7", root_path="/proxy") == {"/v2/things/{id}"}


async def test_a_route_added_later() -> None:
    """Routes may be added after the first request."""
    app = Starlette()
    recorder = Recorder()
    transport = httpx.ASGITransport(MetricsMiddleware(app, recorder))
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.test") as client:
        await client.get("/late/1")
        app.router.mount("/late", Starlette(routes=[Route("/{id}", page)]))
        await client.get("/late/1")

    assert f'{REQUESTS.name}{{method="GET",route="/late/{{id}}",status="200"}} 1.0' in scrape(recorder)


async def test_middleware_of_the_framework_in_between() -> None:
    """Starlette's own middleware, which runs the application in another task, changes nothing."""

    async def dispatch(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    inner = Starlette(routes=[Route("/users/{id}", page)])
    app = Starlette(routes=[Mount("/v1", inner)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)])

    assert await routes(app, "/v1/users/7") == {"/v1/users/{id}"}
