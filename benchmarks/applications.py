"""The same small application, bare and instrumented by us and by the peers we are measured against."""

import os
import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from watchkeeper.asgi.types import App, Message, Receive, Scope, Send

ROUTE_COUNT = 20


async def thing(request: Request) -> JSONResponse:
    """Answer with a small JSON body, as most endpoints do."""
    return JSONResponse({"id": request.path_params["id"]})


async def order(request: Request) -> JSONResponse:
    """Read a small JSON body and answer with it."""
    return JSONResponse(await request.json(), 201)


async def fail(_: Request) -> JSONResponse:
    """Fail."""
    raise ValueError("out of stock")


def bare() -> Starlette:
    """Return the application as its team wrote it."""
    routes = [Route(f"/things{number}/{{id}}", thing) for number in range(ROUTE_COUNT)]
    return Starlette(routes=[*routes, Route("/orders", order, methods=["POST"]), Route("/fail", fail)])


def ours() -> App:
    """Our metrics, delivered to the Redis at REDIS_URL where that is set."""
    from watchkeeper.asgi.middleware import MetricsMiddleware
    from watchkeeper.recorder import Recorder
    from watchkeeper.store.redis import RedisStore

    url = os.environ.get("REDIS_URL")
    return MetricsMiddleware(bare(), Recorder(store=RedisStore(url, "bench") if url else None))


def everything() -> App:
    """Our metrics, log lines and traces together; spans are recorded as OTEL_TRACES_SAMPLER_ARG says."""
    from watchkeeper import instrument

    return instrument(bare())


def everything_but_logs() -> App:
    """Leave the logs out of that."""
    from watchkeeper import instrument

    return instrument(bare(), logs=False)


def hand_written() -> App:
    """Return what a team writes on prometheus_client: count, duration, in progress; sizes are left out."""
    from prometheus_client import Counter, Gauge, Histogram

    requests = Counter("http_requests_total", "Requests.", ["method", "route", "status"])
    duration = Histogram("http_request_duration_seconds", "Duration.", ["method", "route"])
    in_progress = Gauge("http_requests_in_progress", "In progress.", ["method"], multiprocess_mode="livesum")
    app = bare()

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        status = 500

        async def remember(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"]
        in_progress.labels(method).inc()
        started = time.perf_counter()
        try:
            await app(scope, receive, remember)
        finally:
            seconds = time.perf_counter() - started
            route = scope["route"].path if "route" in scope else "unmatched"
            requests.labels(method, route, status).inc()
            duration.labels(method, route).observe(seconds)
            in_progress.labels(method).dec()

    return middleware


def fastapi_instrumentator() -> App:
    """prometheus-fastapi-instrumentator with its defaults."""
    from prometheus_fastapi_instrumentator import Instrumentator

    app = bare()
    Instrumentator().instrument(app)
    return app


def starlette_exporter() -> App:
    """starlette_exporter, grouping paths by route template."""
    from starlette_exporter import PrometheusMiddleware

    app = bare()
    app.add_middleware(PrometheusMiddleware, group_paths=True)
    return app


def opentelemetry() -> App:
    """OpenTelemetry's ASGI middleware with its Prometheus exporter, spans off."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.metrics import MeterProvider

    provider = MeterProvider(metric_readers=[PrometheusMetricReader()])
    return OpenTelemetryMiddleware(bare(), meter_provider=provider)


BUILDERS: dict[str, Callable[[], App]] = {
    builder.__name__: builder
    for builder in (
        bare,
        ours,
        everything,
        everything_but_logs,
        hand_written,
        fastapi_instrumentator,
        starlette_exporter,
        opentelemetry,
    )
}
