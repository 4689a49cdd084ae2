"""What an application may choose: routes left out, names, buckets, labels, who may scrape, which clients are traced."""

import subprocess
import sys
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.watchkeeper.collectors import receiver
from tests.watchkeeper.reading import scrape
from tests.watchkeeper.servers import ROOT
from tests.watchkeeper.serving import client, request_lines, samples
from watchkeeper import Label, Telemetry, instrument
from watchkeeper.settings import TelemetryError

METRICS = "/api/metrics/prometheus"
PLAN = Label("plan", "What a customer pays for.", ("free", "paid"))


async def hello(_: Request) -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse("hello")


async def fail(_: Request) -> PlainTextResponse:
    """Fail."""
    raise ValueError


def service(**settings: Any) -> Starlette:
    """Return an observed application."""
    routes = [Route("/things/{id}", hello), Route("/internal/{name}", hello), Route("/fail", fail)]
    return instrument(Starlette(routes=routes), **{"logs": False, **settings})


async def counted(app: Starlette, *paths: str, headers: dict[str, str] | None = None) -> dict[str, float]:
    """Visit paths and return the requests that were counted, by their labels."""
    async with client(app) as session:
        for path in paths:
            await session.get(path, headers=headers)
        return samples((await session.get(METRICS)).text, "http_requests_total")


async def test_routes_without_metrics_and_without_spans(capsys: pytest.CaptureFixture[str]) -> None:
    """Each is left out of what it is left out of, and of nothing else; failures of quiet routes are logged still."""
    with receiver() as received:
        telemetry = Telemetry.read(
            otlp_endpoint=received.url,
            uncounted_routes=["/internal/{name}"],
            untraced_routes=["/fail"],
            quiet_routes={"/things/{id}": 0.0, "/fail": 0.0},
        )
        routes = [Route("/things/{id}", hello), Route("/internal/{name}", hello), Route("/fail", fail)]
        found = await counted(
            instrument(Starlette(routes=routes), telemetry=telemetry), "/things/1", "/internal/a", "/fail"
        )
        telemetry.stop()

    assert found == {
        '{method="GET",route="/things/{id}",status="200"}': 1,
        '{method="GET",route="/fail",status="500"}': 1,
    }
    assert sorted(span.name for span in received.spans()) == ["GET /internal/{name}", "GET /things/{id}"]
    assert [line["route"] for line in request_lines(capsys.readouterr().out)] == ["/internal/{name}", "/fail"]


async def test_a_hook_names_routes() -> None:
    """What the hook leaves out is ours to name; names beyond five hundred are one label; a failing hook harms none."""

    def name(scope: Any) -> str | None:
        path: str = scope["path"]
        if path == "/internal/broken":
            raise KeyError(path)
        return f"thing {path}" if path.startswith("/things/") else None

    app = service(route=name)
    found = await counted(app, "/internal/a", "/internal/broken", *(f"/things/{number}" for number in range(510)))

    assert found['{method="GET",route="/internal/{name}",status="200"}'] == 1
    assert found['{method="GET",route="unmatched",status="200"}'] == 11
    assert len(found) == 502


async def test_labels_from_the_request_within_declared_values() -> None:
    """A value beyond the declared ones is `other`, so a client can't make series; the duration has the label too."""

    def plan(scope: Any) -> str:
        return str(dict(scope["headers"])[b"x-plan"], "latin-1")

    app = service(request_labels={PLAN: plan}, latency_buckets=[0.5, 60.5])
    async with client(app) as session:
        for value in ("paid", "gold", "silver"):
            await session.get("/things/1", headers={"x-plan": value})
        await session.get("/things/1")
        text = (await session.get(METRICS)).text

    thing = 'method="GET",plan="{}",route="/things/{{id}}"'
    assert samples(text, "http_requests_total") == {
        f'{{{thing.format("paid")},status="200"}}': 1,
        f'{{{thing.format("other")},status="200"}}': 3,
    }
    edges = {labels for labels in samples(text, "http_request_duration_seconds_bucket") if 'plan="paid"' in labels}
    assert edges == {f'{{le="{edge}",{thing.format("paid")}}}' for edge in ("0.5", "60.5", "+Inf")}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latency_buckets": [2, 1]}, "latency_buckets are edges that rise"),
        ({"request_labels": {Label("user", "Who."): str}}, "label 'user' lists no values"),
        ({"uncounted_routes": ["things"]}, "uncounted_routes holds 'things'"),
        ({"untraced_routes": "/things"}, "untraced_routes is a list of texts"),
    ],
)
def test_choices_that_cannot_work(settings: Any, message: str) -> None:
    """The setting is named."""
    with pytest.raises(TelemetryError, match=message):
        service(**settings)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("::ffff:192.168.1.1", {}, 200),
        ("fd00::1", {}, 200),
        ("203.0.113.9", {}, 403),
        ("2001:db8::1", {}, 403),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, 403),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.1, 203.0.113.9:4000"}, 403),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.1, 10.0.0.2:4000"}, 200),
        ("127.0.0.1", {"x-real-ip": "203.0.113.9"}, 403),
        ("127.0.0.1", {"forwarded": 'for="[2001:db8::1]:4711";proto=https, for=10.0.0.1'}, 403),
        ("127.0.0.1", {"forwarded": "for=unknown"}, 403),
        ("testclient", {}, 200),
        ("testclient", {"x-forwarded-for": "testclient"}, 403),
        ("", {}, 403),
    ],
)
async def test_who_may_scrape_where_nothing_is_said(address: str, headers: dict[str, str], status: int) -> None:
    """Private networks may, the internet may not, and a proxy does not make its clients private."""
    transport = httpx.ASGITransport(service(), client=(address, 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as session:
        assert (await session.get(METRICS, headers=headers)).status_code == status


async def test_who_may_scrape_can_be_everybody() -> None:
    """Both networks of the whole internet let everybody in."""
    transport = httpx.ASGITransport(service(metrics_networks=["0.0.0.0/0", "::/0"]), client=("203.0.113.9", 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as session:
        assert (await session.get(METRICS, headers={"x-forwarded-for": "2001:db8::1"})).status_code == 200


@pytest.mark.parametrize("exposed", [(), ("etag",), ("X-Trace-Id", "etag")])
async def test_pages_of_other_origins_may_read_the_trace_id(exposed: tuple[str, ...]) -> None:
    """Where an application shares an answer with another origin, its trace id is among the headers to read."""
    app = service()
    app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"], expose_headers=exposed)
    async with client(app) as session:
        shared = await session.get("/things/1", headers={"origin": "https://a.example"})
        same = await session.get("/things/1")

    listed = [name.strip().lower() for name in shared.headers["access-control-expose-headers"].split(",")]
    assert sorted(listed) == sorted({"x-trace-id", *(name.lower() for name in exposed)})
    assert "access-control-expose-headers" not in same.headers


OUTGOING = """
import asyncio, os, httpx, redis
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.watchkeeper.serving import client
from watchkeeper import Telemetry, instrument

kept, theirs = InMemorySpanExporter(), TracerProvider()
theirs.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(theirs)

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["traceparent"].encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Answer)
Thread(target=server.serve_forever, daemon=True).start()

async def call(request):
    async with httpx.AsyncClient() as session:
        told = (await session.get(f"http://127.0.0.1:{server.server_port}/")).text
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as store:
        store.get("x")
    return PlainTextResponse(told)

telemetry = Telemetry.read(otlp_endpoint="http://127.0.0.1:1", logs=False)
app = instrument(Starlette(routes=[Route("/call", call)]), telemetry=telemetry)

async def visit():
    async with client(app) as session:
        told = (await session.get("/call")).text
        await asyncio.to_thread(telemetry.recorder.flush)
    return told

told = asyncio.run(visit())
found = kept.get_finished_spans()
assert sorted(span.name for span in found) == ["GET", "GET", "GET /call"], sorted(span.name for span in found)
(asked,) = [span.context for span in found if span.name == "GET /call"]
below = [span for span in found if span.name != "GET /call"]
assert [span.parent.span_id for span in below] == [asked.span_id] * 2
assert told.split("-")[1:3] in [[f"{one.context.trace_id:032x}", f"{one.context.span_id:016x}"] for one in below], told
"""


def test_outgoing_calls_are_traced_where_instrumentations_are_installed(redis_url: str) -> None:
    """A call is a span below its request, its headers name it, and what we send to Redis ourselves is none."""
    done = subprocess.run(
        [sys.executable, "-c", OUTGOING],
        cwd=ROOT,
        env={"PATH": "", "REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_labels_and_hooks_in_flask() -> None:
    """WSGI applications choose as ASGI ones do."""
    from flask import Flask  # noqa: PLC0415 - of this test alone

    app = Flask("shop")
    app.add_url_rule("/things/<object>", view_func=str, endpoint="thing")
    telemetry = Telemetry.read(
        logs=False, request_labels={PLAN: lambda scope: scope["environ"]["HTTP_X_PLAN"]}, uncounted_routes=["/things/2"]
    )
    visits = instrument(app, telemetry=telemetry, route=lambda _: "things").test_client()
    for number in (1, 2):
        visits.get(f"/things/{number}", headers={"x-plan": "free"})

    assert samples(scrape(telemetry.recorder), "http_requests_total") == {
        '{method="GET",plan="free",route="things",status="200"}': 1
    }
