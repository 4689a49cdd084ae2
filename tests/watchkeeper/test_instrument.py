"""One line makes any ASGI application observable, and changes nothing else about it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from litestar import Litestar, get
from litestar.params import FromPath
from quart import Quart
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.watchkeeper.servers import server as redis_server
from tests.watchkeeper.serving import client, lifespan, samples
from watchkeeper import Telemetry, TelemetryError, instrument
from watchkeeper.asgi.types import App, Receive, Scope, Send
from watchkeeper.instrumentation import Instrumented
from watchkeeper.settings import Settings

METRICS = "/api/metrics/prometheus"


def starlette() -> App:
    """Return a Starlette application."""
    return Starlette(routes=[Route("/users/{id}", lambda _: PlainTextResponse("hi"))])


def fastapi() -> App:
    """Return a FastAPI application."""
    app = FastAPI()

    @app.get("/users/{id}")
    async def user(id: int) -> int:  # noqa: A002 - the name in the template
        return id

    return app


def litestar() -> App:
    """Return a Litestar application."""

    @get("/users/{id:int}")
    async def user(id: FromPath[int]) -> int:  # noqa: A002 - the name in the template
        return id

    app: Any = Litestar([user])
    return app  # type: ignore[no-any-return] # its scope is a union of its own


def quart() -> App:
    """Return a Quart application."""
    app = Quart(__name__)

    @app.get("/users/<int:id>")
    async def user(id: int) -> str:  # noqa: A002 - the name in the template
        return str(id)

    served: Any = app
    return served  # type: ignore[no-any-return] # its scope is a union of its own


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request; know nothing of lifespan."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.mark.parametrize(
    ("make", "route"),
    [
        (starlette, "/users/{id}"),
        (fastapi, "/users/{id}"),
        (litestar, "/users/{id}"),
        (quart, "/users/{id}"),
        (lambda: bare, "unmatched"),
    ],
    ids=["starlette", "fastapi", "litestar", "quart", "bare"],
)
async def test_one_line_observes_any_framework(make: Callable[[], App], route: str) -> None:
    """Requests are counted under their template and answered with a trace id."""
    app = instrument(make())

    async with client(app) as session:
        answer = await session.get("/users/7")
        text = (await session.get(METRICS)).text

    assert answer.status_code == 200
    assert len(answer.headers["x-trace-id"]) == 32
    assert samples(text, "http_requests_total") == {f'{{method="GET",route="{route}",status="200"}}': 1}
    assert samples(text, "service_info") == {'{version="0"}': 1}


async def test_routes_can_be_added_to_the_observed_application() -> None:
    """What the line returns is used like the application it was given."""
    app = instrument(Starlette())

    app.add_route("/late", lambda _: PlainTextResponse("better"))

    async with client(app) as session:
        assert (await session.get("/late")).text == "better"


async def ignores(scope: Scope, receive: Receive, send: Send) -> None:
    """Return at once, whatever it is asked."""


async def listens(scope: Scope, receive: Receive, send: Send) -> None:
    """Take the startup message and give up."""
    await receive()
    raise KeyError("lifespan")


@pytest.mark.parametrize("app", [bare, ignores, listens])
async def test_an_application_without_lifespan_gets_one(app: App) -> None:
    """A server is told that startup and shutdown are complete, and counts are delivered in between."""
    async with lifespan(instrument(app)) as answers:
        pass

    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_a_failed_startup_is_passed_on() -> None:
    """An application that says it cannot start is believed."""

    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        raise RuntimeError("no database")

    sent = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="no database"):
        await instrument(fails)({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.failed", "message": "no database"}]


async def test_metrics_are_never_counted_as_traffic() -> None:
    """A scrape leaves no trace in what it reads, not even in progress."""
    async with client(instrument(bare)) as session:
        await session.get(METRICS)
        text = (await session.get(METRICS)).text

    assert samples(text, "http_requests_total") == {}
    assert set(samples(text, "http_requests_in_progress").values()) == {0}


async def test_the_metrics_can_be_kept_from_strangers() -> None:
    """With a token or networks set, others get 401 or 403."""
    guarded = instrument(bare, metrics_token="s3cr3t", metrics_networks=["10.0.0.0/8"])
    async with client(guarded) as session:
        assert (await session.get(METRICS)).status_code == 401
        assert (await session.get(METRICS, headers={"authorization": "Bearer s3cr3t"})).status_code == 200
    async with client(guarded, address=("10.1.2.3", 1)) as session:
        assert (await session.get(METRICS)).status_code == 200


async def test_behind_a_prefix_our_own_paths_are_still_found() -> None:
    """A proxy that adds a root path does not hide the metrics, and a scrape is no traffic there either."""
    async with client(instrument(bare)) as session:
        session._transport.root_path = "/prefix"  # type: ignore[attr-defined] # noqa: SLF001 - as uvicorn sets it
        await session.get("/prefix" + METRICS)
        text = (await session.get("/prefix" + METRICS)).text

    assert "# TYPE http_requests_total counter" in text
    assert samples(text, "http_requests_total") == {}


async def test_counts_are_shared_by_workers(redis_url: str) -> None:
    """With REDIS_URL, a scrape of one worker shows the requests of all, also of one that has stopped."""
    one, other = (instrument(starlette(), redis_url=redis_url) for _ in range(2))
    async with client(one) as session:
        await session.get("/users/1")
    async with client(other) as session:
        await session.get("/users/2")
        text = (await session.get(METRICS)).text

    assert samples(text, "http_requests_total") == {'{method="GET",route="/users/{id}",status="200"}': 2}


async def test_a_redis_that_goes_away_is_invisible_to_clients() -> None:
    """Requests are served as before, a scrape says why it cannot answer, and afterwards nothing is missing."""
    server = redis_server()
    server.start()
    telemetry = Telemetry.read(redis_url=server.connection_url)
    async with client(instrument(starlette(), telemetry=telemetry)) as session:
        await session.get("/users/1")
        telemetry.recorder.flush()
        port = server.port
        server.stop()
        during = await session.get("/users/2")
        scrape = await session.get(METRICS)
        with redis_server(port):
            after = await whole(session)

    assert during.status_code == 200
    assert (scrape.status_code, "not to be had" in scrape.text) == (503, True)
    assert samples(after, "http_requests_total") == {'{method="GET",route="/users/{id}",status="200"}': 2}
    assert samples(after, "telemetry_flushes_total")['{result="error"}'] >= 1


async def whole(session: httpx.AsyncClient) -> str:
    """Scrape until the totals are whole again."""
    for _ in range(100):
        answer = await session.get(METRICS)
        if answer.status_code == 200:
            return answer.text
        await asyncio.sleep(0.2)
    pytest.fail(answer.text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"servise": "x"}, "instrument() has no setting 'servise'; it has: collectors"),
        ({"log_level": "loud"}, "LOG_LEVEL is 'LOUD'; it takes: DEBUG"),
        ({"sampler": "sometimes"}, "OTEL_TRACES_SAMPLER is 'sometimes'; it takes: always_on"),
        ({"sampler_ratio": "2"}, "OTEL_TRACES_SAMPLER_ARG is '2'; it takes a number from 0 to 1"),
        ({"metrics_networks": ["10.0.0.0/99"]}, "metrics_networks: '10.0.0.0/99'"),
        ({"metrics_path": "metrics"}, "metrics_path holds 'metrics', and a path begins with '/'"),
        ({"pages": "/"}, "pages is a list of texts, not the text '/'"),
        ({"pages": ["rooms"]}, "pages holds 'rooms', and a path begins with '/'"),
        ({"quiet_routes": {"/x": 3}}, "quiet_routes['/x'] is 3; it takes a number from 0 to 1"),
        ({"redis_url": "http://:s3cr3t@host"}, "REDIS_URL begins with 'http://'; it takes: redis"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: dict[str, Any], message: str) -> None:
    """The error says which setting, what it is, and what it takes; never a password."""
    with pytest.raises(TelemetryError) as refused:
        instrument(bare, **settings)

    assert str(refused.value).startswith(message)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("LOG_LEVEL", "loud", "LOG_LEVEL is 'LOUD'; it takes: DEBUG"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "OTEL_TRACES_SAMPLER is 'sometimes'"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "OTEL_TRACES_SAMPLER_ARG is '2'"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "OTEL_TRACES_EXPORTER is 'jaeger'; it takes: otlp, none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; spans go as http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'grpc'"),
        ("SENTRY_DSN", "s3cr3t", "SENTRY_DSN is no Sentry DSN"),
    ],
)
async def test_a_wrong_variable_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, text: str, told: str
) -> None:
    """What a deployment misspells does not keep an API from starting; the line says which variable, and no secret."""
    monkeypatch.setenv(variable, text)

    async with client(instrument(bare)) as session:
        assert (await session.get("/")).status_code == 200

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (warning,) = [line["message"] for line in lines if line["level"] == "warning"]
    assert warning.startswith(told)
    assert "s3cr3t" not in warning


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "http://otel:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://tempo/in"}, "http://tempo/in"),
        ({"OTEL_SDK_DISABLED": "TRUE"}, ""),
        ({"OTEL_SDK_DISABLED": "1"}, "http://otel:4318/v1/traces"),
        ({"OTEL_TRACES_EXPORTER": "none"}, ""),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://otel:4318/v1/traces"),
    ],
)
def test_where_spans_go(environ: dict[str, str], url: str) -> None:
    """OpenTelemetry's variables mean what its specification says."""
    assert Settings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318/", **environ}).traces_url == url


def test_settings_come_from_the_environment_and_keywords_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the deployment sets is read; what the code says goes before it."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-environment")
    monkeypatch.setenv("ENVIRONMENT", "staging")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")

    settings = Telemetry.read(service="from-code").settings

    assert (settings.service, settings.environment, settings.sampler_ratio) == ("from-code", "staging", 0.25)


def test_one_telemetry_can_be_shared() -> None:
    """A process that is more than one thing counts into one recorder."""
    telemetry = Telemetry.read()

    shared: Any = instrument(bare, telemetry=telemetry)

    assert shared.telemetry is telemetry
    with pytest.raises(TypeError):
        instrument(bare, telemetry=telemetry, service="x")


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules a fresh interpreter holds after a statement."""
    code = f"{statement}; import sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_reading_the_contract_imports_nothing_else() -> None:
    """Boards and rules import metric names, not a Redis client."""
    others = {"redis", "opentelemetry", "asyncio", "logging"}

    assert loaded_after("import watchkeeper.contract.metrics").isdisjoint(others)


def test_what_is_not_used_is_not_imported() -> None:
    """Without a collector and a DSN neither OpenTelemetry nor Sentry costs start time or memory."""
    statement = "from watchkeeper import instrument; instrument(lambda scope, receive, send: None)"

    assert loaded_after(statement).isdisjoint({"opentelemetry", "sentry_sdk", "requests"})


def test_the_public_names_are_these() -> None:
    """What the package promises is listed, and every name of the list is there."""
    import watchkeeper  # noqa: PLC0415

    assert watchkeeper.__all__ == [
        *("Counter", "Gauge", "Histogram", "Label"),
        *("Telemetry", "TelemetryError", "instrument", "outgoing_headers"),
    ]
    assert all(hasattr(watchkeeper, name) for name in watchkeeper.__all__)
    assert isinstance(instrument(bare), Instrumented)
