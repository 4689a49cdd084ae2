"""A WSGI application is followed as an ASGI one is: one verdict for metrics, log line, span and Sentry."""

import io
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
from flask import Blueprint, Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.watchkeeper.collectors import attributes, receiver
from tests.watchkeeper.reading import scrape
from tests.watchkeeper.serving import request_lines, samples
from watchkeeper import Telemetry, instrument, outgoing_headers
from watchkeeper.frameworks import django
from watchkeeper.wsgi.types import App, Environ, StartResponse

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def counted(telemetry: Telemetry) -> dict[str, float]:
    """Return the requests that were counted."""
    return samples(scrape(telemetry.recorder), "http_requests_total")


def flask_app() -> Flask:
    """Return an application as its team wrote it."""
    app = Flask("shop")
    orders = Blueprint("orders", __name__, url_prefix="/orders")

    @orders.post("/<int:number>/items/<path:name>")
    def add(number: int, name: str) -> str:
        return f"{number} {name} {len(request.data)}"

    @app.get("/out")
    def out() -> dict[str, str]:
        logging.getLogger("shop").warning("calling out")
        return outgoing_headers()

    @app.get("/fail")
    def fail() -> str:
        raise ValueError("password=s3cr3t")

    app.register_blueprint(orders)
    return app


def call(app: App, **environ: Any) -> tuple[list[Any], Iterable[bytes]]:
    """Call an application as a server does; return what it started with, and the body it did not read yet."""
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        started[:] = [status, dict(headers)]
        return written.append

    written: list[bytes] = []
    return started, app(environ, start_response)


def test_flask_is_the_same_object_with_its_routes_and_traces(capsys: pytest.CaptureFixture[str]) -> None:
    """The test client of Flask is observed; routes are rules, lines carry the caller's trace, bytes are counted."""
    telemetry = Telemetry.read(service="shop")
    app = flask_app()
    assert instrument(app, telemetry=telemetry) is app

    client = app.test_client()
    added = client.post("/orders/7/items/a/b", data=b"12345", headers=CALLER)
    out = client.get("/out", headers=CALLER)
    client.get("/nowhere")

    assert (added.text, added.headers["x-trace-id"]) == ("7 a/b 5", TRACE)
    assert TRACE in out.text
    assert counted(telemetry) == {
        '{method="POST",route="/orders/{number}/items/{name}",status="200"}': 1,
        '{method="GET",route="/out",status="200"}': 1,
        '{method="GET",route="unmatched",status="404"}': 1,
    }
    written = capsys.readouterr().out
    first, *_ = request_lines(written)
    assert (first["trace_id"], first["request_bytes"], first["response_bytes"]) == (TRACE, 5, 7)
    (inside,) = [line for line in map(json.loads, written.splitlines()) if line["logger"] == "shop"]
    assert inside["trace_id"] == TRACE


def test_what_flask_answers_with_500_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The exception is in the line of its request and in Sentry's hands, and not in a second record of Flask's."""
    telemetry = Telemetry.read(service="shop")
    reported: list[BaseException] = []
    telemetry.report = reported.append
    app = instrument(flask_app(), telemetry=telemetry)

    answer = app.test_client().get("/fail")

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (answer.status_code, line["route"], line["exception_type"]) == (500, "/fail", "ValueError")
    assert "s3cr3t" not in json.dumps(line)
    assert line["trace_id"] == answer.headers["x-trace-id"]
    assert [type(error) for error in reported] == [ValueError]


def test_a_testing_flask_lets_exceptions_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Who tests with `TESTING` expects the exception itself; it is counted as 500 all the same."""
    telemetry = Telemetry.read(service="shop")
    app = instrument(flask_app(), telemetry=telemetry)
    app.testing = True

    with pytest.raises(ValueError, match="s3cr3t"):
        app.test_client().get("/fail")

    assert counted(telemetry) == {'{method="GET",route="/fail",status="500"}': 1}
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_mounted_applications_have_their_prefix() -> None:
    """What a dispatcher takes from the path belongs to the template, what a proxy takes does not."""
    telemetry = Telemetry.read(service="shop", logs=False)
    inner = Flask("inner")
    inner.add_url_rule("/things/<int:object>", view_func=str)
    app = instrument(DispatcherMiddleware(flask_app(), {"/api": inner}), telemetry=telemetry)

    Client(app).get("/api/things/7", environ_overrides={"SCRIPT_NAME": "/proxied"})

    assert counted(telemetry) == {'{method="GET",route="/api/things/{object}",status="200"}': 1}


def test_scrapes_and_vitals_are_answered() -> None:
    """Our endpoints work as they do in ASGI: a scrape is no traffic, a vital is counted, bodies are bounded."""
    app = instrument(flask_app(), service="shop", logs=False, metrics_token="t0ken")
    client = app.test_client()
    vital = {"name": "CLS", "value": 0, "id": "v5-1-1", "page": "/"}

    refused = client.get("/api/metrics/prometheus", environ_overrides={"REMOTE_ADDR": "203.0.113.9"})
    reported = client.post("/api/ux/vitals", json=[vital])
    too_large = client.post("/api/ux/vitals", data=b" " * 70_000)
    text = client.get("/api/metrics/prometheus", headers={"authorization": "Bearer t0ken"}).text

    assert (refused.status_code, reported.status_code, too_large.status_code) == (401, 204, 413)
    assert samples(text, "web_vitals_cls_count") == {'{device="other",page="/"}': 1}
    assert samples(text, "http_requests_total") == {
        '{method="POST",route="/api/ux/vitals",status="204"}': 1,
        '{method="POST",route="/api/ux/vitals",status="413"}': 1,
    }


def test_a_request_is_a_span() -> None:
    """Name, ids and failure of the span are those of the response."""
    with receiver() as received:
        telemetry = Telemetry.read(service="shop", otlp_endpoint=received.url, logs=False)
        app = instrument(flask_app(), telemetry=telemetry)
        app.test_client().post("/orders/7/items/a", headers=CALLER)
        telemetry.stop()

    (span,) = received.spans()
    assert (span.name, span.trace_id.hex()) == ("POST /orders/{number}/items/{name}", TRACE)
    assert attributes(span)["http.response.status_code"] == 200


def stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """Answer in parts, and fail after the first where asked to."""
    start_response("200 OK", [])
    yield b"one"
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("broken")
    yield b"two"


def plain(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer at once, or fail before anything is answered."""
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("no")
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [])
        wrapped: Iterable[bytes] = FileWrapper(io.BytesIO(b"12345"))
        return wrapped
    start_response("204 No Content", [("X-Trace-Id", "theirs")])
    return []


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the one line that was written."""
    (line,) = request_lines(capsys.readouterr().out)
    return line


def test_a_stream_is_followed_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A response counts when its last byte is gone, whole."""
    telemetry = Telemetry.read(service="shop")
    app = instrument(stream, telemetry=telemetry)

    _, body = call(app)
    assert counted(telemetry) == {}
    assert b"".join(body) == b"onetwo"
    body.close()  # type: ignore[attr-defined] # as every server does

    assert counted(telemetry) == {'{method="GET",route="unmatched",status="200"}': 1}
    line = told(capsys)
    assert (line["response_bytes"], "aborted" in line) == (6, False)


def test_a_client_that_leaves_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """What a server closes before its end is told as aborted, with the status that was sent."""
    app = instrument(stream, service="shop")

    _, body = call(app)
    next(iter(body))
    body.close()  # type: ignore[attr-defined]

    line = told(capsys)
    assert (line["status"], line["aborted"], line["level"]) == (200, True, "info")


def test_a_stream_that_fails_counts_as_500(capsys: pytest.CaptureFixture[str]) -> None:
    """The exception passes on to the server, and stands in the line."""
    app = instrument(stream, service="shop")

    _, body = call(app, PATH_INFO="/fail")
    with pytest.raises(ValueError, match="broken"):
        list(body)
    body.close()  # type: ignore[attr-defined]

    line = told(capsys)
    assert (line["status"], line["exception_type"]) == (500, "ValueError")


def test_a_bare_application_that_fails_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer carries the trace id that stands in the log."""
    started, body = call(instrument(plain, service="shop"), PATH_INFO="/fail")
    answer = json.loads(b"".join(body))
    body.close()  # type: ignore[attr-defined]

    assert started[0] == "500 Internal Server Error"
    assert answer["trace_id"] == started[1]["x-trace-id"] == told(capsys)["trace_id"]


def test_the_servers_own_files_stay_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that sends files by itself still sees its wrapper, and the request ends when it closes it."""
    _, body = call(instrument(plain, service="shop"), PATH_INFO="/file", **{"wsgi.file_wrapper": FileWrapper})
    assert isinstance(body, FileWrapper)
    body.close()

    assert (told(capsys)["status"], type(body)) == (200, FileWrapper)


def test_a_wrapper_reads_and_sets_attributes() -> None:
    """A bare application is wrapped, its own trace id replaced, and the wrapper keeps nothing for itself."""
    started, body = call(instrument(plain, service="shop", logs=False))
    body.close()  # type: ignore[attr-defined]
    wrapped: Any = instrument(plain, service="shop", logs=False)
    wrapped.greeting = "hello"

    assert len(started[1]["x-trace-id"]) == 32
    assert plain.greeting == "hello"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("route", "template"),
    [
        ("v1/users/<int:number>/", "/v1/users/{number}/"),
        ("", "/"),
        ("^articles/(?P<year>[0-9]{4})/(?:page-(?P<page>\\d+)/)?$", "/articles/{year}/"),
        ("api/^things/(?P<key>[^/.]+)\\Z", "/api/things/{key}"),
    ],
)
def test_django_routes(route: str, template: str) -> None:
    """Paths and regular expressions read as templates."""
    assert django.template(route) == template
