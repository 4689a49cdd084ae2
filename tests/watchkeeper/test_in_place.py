"""An instrumented application is still the application its framework, its tools and its tests know."""

from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from litestar.testing import AsyncTestClient
from quart import Quart
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.watchkeeper.reading import scrape
from tests.watchkeeper.serving import client, samples
from tests.watchkeeper.test_instrument import METRICS, bare, fastapi, litestar, quart, starlette
from watchkeeper import Telemetry, instrument
from watchkeeper.asgi.types import App

OK = '{method="GET",route="/users/{id}",status="200"}'


@pytest.mark.parametrize("make", [starlette, fastapi, litestar, quart])
def test_the_same_object_comes_back(make: Callable[[], App]) -> None:
    """A tool that looks for an instance of the framework (`fastapi run`) finds it."""
    app = make()

    assert instrument(app, logs=False) is app


async def test_what_is_set_afterwards_holds() -> None:
    """Dependencies that a test overrides, and a schema of one's own, are those of the application that answers."""

    def real() -> str:
        return "real"

    app = FastAPI()

    @app.get("/who")
    async def who(name: Annotated[str, Depends(real)]) -> str:
        return name

    app = instrument(app, logs=False)
    app.dependency_overrides[real] = lambda: "double"
    app.openapi = lambda: {"openapi": "3.1.0", "info": {"title": "mine"}}  # type: ignore[method-assign]

    async with client(app) as session:
        assert (await session.get("/who")).json() == "double"
        assert (await session.get("/openapi.json")).json()["info"]["title"] == "mine"


async def test_an_attribute_set_on_a_wrapper_is_the_applications() -> None:
    """A bare application is wrapped, and the wrapper keeps nothing for itself."""

    class Service:
        greeting = "hi"

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await bare(scope, receive, send)

    service = Service()
    instrument(service, logs=False).greeting = "hello"

    assert service.greeting == "hello"


async def test_the_frameworks_own_test_clients_are_observed() -> None:
    """Quart's and Litestar's clients call the application from within."""
    counts: list[Any] = []
    for make in (quart, litestar):
        telemetry = Telemetry.read(service="chat", logs=False)
        app: Any = instrument(make(), telemetry=telemetry)
        if isinstance(app, Quart):
            answer: Any = await app.test_client().get("/users/7")
        else:
            async with AsyncTestClient(app) as session:
                answer = await session.get("/users/7")
        assert len(answer.headers["x-trace-id"]) == 32
        counts.append(samples(scrape(telemetry.recorder), "http_requests_total"))

    assert counts == [{OK: 1}, {OK: 1}]


async def test_middleware_before_and_after_the_line_is_inside() -> None:
    """Whatever answers, the request is counted and carries its trace id: middleware, an error page, a mount."""

    async def fail(_: Request) -> PlainTextResponse:
        raise ValueError

    async def sorry(_: Request, __: Exception) -> PlainTextResponse:
        return PlainTextResponse("sorry", 500)

    early = [Middleware(CORSMiddleware, allow_origins=["https://a.example"])]
    app = instrument(
        Starlette(routes=[Route("/fail", fail)], middleware=early, exception_handlers={500: sorry}), logs=False
    )
    app.add_middleware(CORSMiddleware, allow_origins=["https://b.example"])
    preflight = {"origin": "https://b.example", "access-control-request-method": "GET"}
    async with client(app) as session:
        failed = await session.get("/fail")
        allowed = await session.options("/fail", headers=preflight)
        text = (await session.get(METRICS)).text

    assert (failed.status_code, failed.text) == (500, "sorry")
    assert allowed.status_code == 200
    assert all(len(answer.headers["x-trace-id"]) == 32 for answer in (failed, allowed))
    assert samples(text, "http_requests_total") == {
        '{method="GET",route="/fail",status="500"}': 1,
        '{method="OPTIONS",route="/fail",status="200"}': 1,
    }


async def test_an_instrumented_application_can_be_mounted() -> None:
    """Below a mount the metrics are found under the mount, a scrape is no traffic, and routes are the application's."""
    inner = instrument(starlette(), logs=False)
    outer = Starlette(routes=[Mount("/api", app=inner)])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://chat.example") as session:
        await session.get("/api/users/7")
        await session.get("/api" + METRICS)
        text = (await session.get("/api" + METRICS)).text

    assert samples(text, "http_requests_total") == {OK: 1}
