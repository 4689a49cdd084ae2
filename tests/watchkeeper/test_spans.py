"""What is sampled reaches the collector, under the id in the log line and the response; the rest costs nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, get_tracer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from tests.watchkeeper.collectors import Received, attributes, receiver
from tests.watchkeeper.servers import ROOT
from tests.watchkeeper.serving import client, request_lines, samples
from watchkeeper import Telemetry, instrument, outgoing_headers

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Received]:
    """Run a collector."""
    with receiver() as received:
        yield received


async def work(request: Request) -> Response:
    """Do something that has a span of its own."""
    tracer = request.app.state.tracer
    with tracer.start_as_current_span("query"):
        return PlainTextResponse(outgoing_headers()["traceparent"])


async def fail(_: Request) -> Response:
    """Fail."""
    raise ValueError("password=s3cr3t")


def observed(collector: Received, **settings: Any) -> Starlette:
    """Return an observed application that exports to the collector."""
    routes = [Mount("/v1", routes=[Route("/users/{id}", work)]), Route("/fail", fail)]
    telemetry = Telemetry.read(**{"otlp_endpoint": collector.url, "service": "chat", **settings})
    app = instrument(Starlette(routes=routes), telemetry=telemetry)
    assert telemetry.tracing.spans is not None
    app.state.tracer = telemetry.tracing.spans.tracer
    return app


async def test_a_request_is_a_span_under_the_id_of_its_response(
    collector: Received, capsys: pytest.CaptureFixture[str]
) -> None:
    """Span, response, log line and exemplar carry one trace id; span and line one span id."""
    async with client(observed(collector)) as session:
        answer = await session.get("/v1/users/7?token=s3cr3t&page=2", headers={"user-agent": "curl/8"})
        scrape = await session.get("/api/metrics/prometheus", headers={"accept": "application/openmetrics-text"})

    (line,) = request_lines(capsys.readouterr().out)
    span = next(span for span in collector.spans() if span.name.startswith("GET /v1"))
    trace_id = answer.headers["x-trace-id"]
    assert (span.trace_id.hex(), line["trace_id"]) == (trace_id, trace_id)
    assert (span.span_id.hex(), span.parent_span_id) == (line["span_id"], b"")
    assert f'trace_id="{trace_id}"' in scrape.text
    assert (span.name, span.kind - 1) == ("GET /v1/users/{id}", SpanKind.SERVER.value)
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/v1/users/{id}",
        "http.response.status_code": 200,
        "url.path": "/v1/users/7",
        "url.query": "token=[redacted]&page=2",
        "url.scheme": "http",
        "client.address": "127.0.0.1",
        "user_agent.original": "curl/8",
    }


async def test_a_callers_trace_is_continued_inside_and_beyond(collector: Received) -> None:
    """The request is a child of the caller; the application's own spans and outgoing calls are children of it."""
    async with client(observed(collector)) as session:
        answer = await session.get("/v1/users/7", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})

    spans = {span.name: span for span in collector.spans()}
    request, query = spans["GET /v1/users/{id}"], spans["query"]
    assert {request.trace_id.hex(), query.trace_id.hex()} == {TRACE}
    assert request.parent_span_id.hex() == SPAN
    assert query.parent_span_id == request.span_id
    assert answer.text == f"00-{TRACE}-{request.span_id.hex()}-01"


async def test_a_trace_that_is_not_sampled_is_not_exported(collector: Received) -> None:
    """Neither the request nor the application's spans in it leave the process; the response still has its id."""
    async with client(observed(collector, sampler="parentbased_always_off")) as session:
        answer = await session.get("/v1/users/7")

    assert collector.spans() == []
    assert answer.text == f"00-{answer.headers['x-trace-id']}-{answer.text[36:52]}-00"


async def test_a_share_of_traces_is_sampled(collector: Received) -> None:
    """With a ratio, about that share is exported, whole traces at a time."""
    async with client(observed(collector, sampler="traceidratio", sampler_ratio=0.25)) as session:
        for _ in range(400):
            await session.get("/v1/users/7")

    names = [span.name for span in collector.spans()]
    assert names.count("query") == names.count("GET /v1/users/{id}")
    assert 50 < names.count("query") < 150


async def test_a_failure_is_an_error_span_without_secrets(collector: Received) -> None:
    """The exception is recorded with its stack trace; credentials in it are not."""
    async with client(observed(collector)) as session:
        await session.get("/fail")

    (span,) = collector.spans()
    (event,) = span.events
    found = {one.key: one.value.string_value for one in event.attributes}
    assert (span.status.code, attributes(span)["error.type"]) == (2, "ValueError")
    assert found["exception.type"] == "ValueError"
    assert found["exception.message"] == "password=[redacted]"
    assert "s3cr3t" not in str(span)


async def test_what_an_exception_quotes_does_not_hold_up_the_loop(collector: Received) -> None:
    """A large body inside an exception is cut before anything looks at it: in the span, and in time."""
    app = observed(collector)

    async def quote(request: Request) -> Response:
        raise ValueError(f"bad body: {(await request.body()).decode()}")

    app.router.routes.append(Route("/quote", quote, methods=["POST"]))
    async with client(app) as session:
        began = time.thread_time()
        await session.post("/quote", content="eyJ" * 20_000)
        spent = time.thread_time() - began

    (span,) = collector.spans()
    found = {one.key: one.value.string_value for one in span.events[0].attributes}
    assert max(len(text) for text in found.values()) <= 4100
    assert "in quote" in found["exception.stacktrace"]
    assert spent < 0.5


async def test_an_exception_that_cannot_be_shown_still_ends_its_span(collector: Received) -> None:
    """A broken __str__ costs the message, not the span."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    async def broken(_: Request) -> Response:
        raise BrokenError

    app = observed(collector)
    app.router.routes.append(Route("/broken", broken))
    async with client(app) as session:
        assert (await session.get("/broken")).status_code == 500

    (span,) = collector.spans()
    found = {one.key: one.value.string_value for one in span.events[0].attributes}
    assert found["exception.message"] == "<unprintable BrokenError>"


async def test_a_job_joins_the_trace_it_was_enqueued_in(collector: Received) -> None:
    """The run of a job is a consumer span below the request that asked for it."""
    telemetry = Telemetry.read(otlp_endpoint=collector.url)
    with telemetry, telemetry.jobs.run("mail", "welcome", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"}):
        pass

    (span,) = collector.spans()
    assert (span.name, span.kind - 1) == ("process mail", SpanKind.CONSUMER.value)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)


async def test_a_dead_collector_costs_nothing_but_a_second_at_shutdown() -> None:
    """Requests are served as fast as ever while spans have nowhere to go."""
    with receiver() as gone:
        pass
    app = observed(gone)
    async with client(app) as session:
        began = time.perf_counter()
        for _ in range(50):
            assert (await session.get("/v1/users/7")).status_code == 200
        served = time.perf_counter() - began
        closing = time.perf_counter()

    assert served < 2
    assert time.perf_counter() - closing < 5


def test_the_applications_tracers_find_the_provider(collector: Received) -> None:
    """Libraries that trace through OpenTelemetry's API export to the same collector."""
    telemetry = Telemetry.read(otlp_endpoint=collector.url)
    with telemetry, telemetry.jobs.run("mail"):
        assert get_tracer("library").start_span("x").get_span_context().is_valid


JOINING = """
import asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.watchkeeper.serving import client
from watchkeeper import instrument

kept, theirs = InMemorySpanExporter(), TracerProvider()
theirs.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(theirs)
app = instrument(
    Starlette(routes=[Route("/x", lambda _: PlainTextResponse("x"))]), otlp_endpoint="http://127.0.0.1:1", logs=False
)

async def visit():
    async with client(app) as session:
        return (await session.get("/x", headers={"x-trace-id": "ab" * 16})).headers["x-trace-id"]

told = asyncio.run(visit())
(span,) = kept.get_finished_spans()
assert trace.get_tracer_provider() is theirs
assert (span.name, f"{span.context.trace_id:032x}") == ("GET /x", told), (span.name, told)
assert told == "ab" * 16
with theirs.get_tracer("later").start_as_current_span("after"):
    pass
assert len(kept.get_finished_spans()) == 2
"""


def test_a_provider_that_the_application_set_is_joined() -> None:
    """Requests are spans of its provider, under the id of their response, and it is not stopped with ours."""
    done = subprocess.run(
        [sys.executable, "-c", JOINING], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_trace_that_is_not_recorded_is_no_exemplar(collector: Received) -> None:
    """An exemplar never leads to a trace that nobody recorded."""
    async with client(observed(collector, sampler="always_off")) as session:
        await session.get("/v1/users/7")
        scrape = await session.get("/api/metrics/prometheus", headers={"accept": "application/openmetrics-text"})

    assert "trace_id=" not in scrape.text
    assert sum(samples(scrape.text, "http_request_duration_seconds_count").values()) == 1
