"""What the application owns is joined: its tracer provider, whenever it was made, and its framework's server spans."""

import subprocess
import sys

import pytest

from tests.watchkeeper.servers import ROOT

BEGIN = """
import asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.watchkeeper.serving import client
from watchkeeper import instrument

kept, theirs = InMemorySpanExporter(), TracerProvider()
theirs.add_span_processor(SimpleSpanProcessor(kept))
NOWHERE = {"otlp_endpoint": "http://127.0.0.1:1", "logs": False}

async def visit(app):
    async with client(app) as session:
        told = (await session.get("/x?token=s3cr3t")).headers["x-trace-id"]
        await session.get("/api/metrics/prometheus")
    return told

def servers(app):
    told = asyncio.run(visit(app))
    found = [span for span in kept.get_finished_spans() if span.kind is SpanKind.SERVER]
    found = [span for span in found if "metrics" not in str(span.attributes)]
    assert [f"{span.context.trace_id:032x}" for span in found] == [told], [span.name for span in found]
    assert "s3cr3t" not in str(found[0].attributes), dict(found[0].attributes)
    return found[0]
"""

CASES = {
    "made after the line, before the first request": """
app = instrument(Starlette(routes=[Route("/x", lambda _: PlainTextResponse("x"))]), **NOWHERE)
trace.set_tracer_provider(theirs)
assert servers(app).name == "GET /x"
assert trace.get_tracer_provider() is theirs
assert not [span for span in kept.get_finished_spans() if "metrics" in span.name]
""",
    "made while the application starts": """
async def lifespan(app):
    trace.set_tracer_provider(theirs)
    yield
routes = [Route("/x", lambda _: PlainTextResponse("x"))]
app = Starlette(routes=routes, lifespan=contextlib.asynccontextmanager(lifespan))
assert servers(instrument(app, **NOWHERE)).name == "GET /x"
""",
    "FastAPI with native tracing, on the application's provider": """
trace.set_tracer_provider(theirs)
app = FastAPI()
@app.get("/x")
async def x() -> str:
    return "x"
assert servers(instrument(app, logs=False)).name == "GET /x"
""",
    "FastAPI with native tracing, on ours": """
app = FastAPI()
@app.get("/x")
async def x() -> str:
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(kept))
    return "x"
asyncio.run(visit(instrument(app, **NOWHERE)))
assert [span.name for span in kept.get_finished_spans() if span.kind is SpanKind.SERVER][:1] == ["GET /x"]
assert sum(span.kind is SpanKind.SERVER and span.name == "GET /x" for span in kept.get_finished_spans()) == 1
""",
    "Starlette with its own middleware": """
trace.set_tracer_provider(theirs)
app = Starlette(routes=[Route("/x", lambda _: PlainTextResponse("x"))])
app.add_middleware(OpenTelemetryMiddleware)
assert servers(instrument(app, **NOWHERE)).name == "GET /x"
""",
}


@pytest.mark.parametrize("case", CASES)
def test_a_request_has_one_server_span(case: str) -> None:
    """One request is one server span of one provider, under the id of its response, whoever makes it."""
    code = f"import contextlib\n{BEGIN}\n{CASES[case]}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
