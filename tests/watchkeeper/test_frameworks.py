"""FastAPI, Litestar, Django and Flask behind the servers people run, preloaded and not, with a real Redis."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from examples.ports import free_port
from tests.watchkeeper.reading import eventually
from tests.watchkeeper.servers import ROOT, Running, process, wait_until_up
from tests.watchkeeper.serving import samples

METRICS = "/api/metrics/prometheus"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
VITAL = {"name": "LCP", "value": 1200, "id": "v5-1-1", "page": "/"}
COUNTS = {
    '{method="GET",route="/v1/users/{number}",status="200"}': 10,
    '{method="GET",route="/fail",status="500"}': 1,
    '{method="GET",route="unmatched",status="404"}': 1,
    '{method="POST",route="/api/ux/vitals",status="204"}': 1,
}
FORKS = ("--workers", "2", "--bind")
GUNICORN, UVICORN = "gunicorn", "uvicorn"

MODELS = {
    "uvicorn, FastAPI": (UVICORN, "fastapi_app:app", "--workers", "2", "--port"),
    "uvicorn, Litestar": (UVICORN, "litestar_app:app", "--workers", "2", "--port"),
    "uvicorn, Django": (UVICORN, "django_asgi:application", "--workers", "2", "--port"),
    "gunicorn sync, Flask": (GUNICORN, "flask_app:app", *FORKS),
    "gunicorn sync preloaded, Django": (GUNICORN, "django_wsgi:application", "--preload", *FORKS),
    "gunicorn gthread, Django": (GUNICORN, "django_wsgi:application", "--threads", "4", *FORKS),
    "gunicorn gthread preloaded, Flask": (GUNICORN, "flask_app:app", "--threads", "4", "--preload", *FORKS),
    "hypercorn, FastAPI": ("hypercorn", "fastapi_app:app", "--workers", "2", "--bind"),
    "granian, Litestar": ("granian", "litestar_app:app", "--interface", "asgi", "--workers", "2", "--port"),
    "granian, Flask": ("granian", "flask_app:app", "--interface", "wsgi", "--workers", "2", "--port"),
}


@pytest.fixture(params=MODELS)
def served(request: pytest.FixtureRequest, redis_url: str) -> Iterator[tuple[str, Running]]:
    """Run a server of two workers; yield its address and its process."""
    module, application, *options = MODELS[request.param]
    port = free_port()
    where = f"127.0.0.1:{port}" if options[-1] == "--bind" else str(port)
    command = (module, f"examples.frameworks.{application}", *options, where)
    with process(*command, REDIS_URL=redis_url, OTEL_SERVICE_NAME="chat", PYTHONUNBUFFERED="1") as running:
        wait_until_up(f"http://127.0.0.1:{port}{METRICS}")
        yield f"http://127.0.0.1:{port}", running


def test_every_process_model(served: tuple[str, Running]) -> None:
    """Two workers count as one, routes are templates, lines carry the trace, and exceptions are told once."""
    url, running = served
    with httpx.Client(base_url=url, headers={"connection": "close"}) as client:  # so that both workers get some
        for number in range(10):
            answer = client.get(f"/v1/users/{number}", headers=CALLER)
            assert (answer.json(), answer.headers["x-trace-id"]) == ({"id": number}, TRACE)
        failed, unknown = client.get("/fail"), client.get("/nowhere")
        reported = client.post("/api/ux/vitals", content=json.dumps(VITAL))

        text = ""

        def delivered() -> bool:
            nonlocal text
            text = client.get(METRICS).text
            return samples(text, "http_requests_total") == COUNTS

        eventually(delivered)  # the other worker delivers once a second
    assert samples(text, "http_request_duration_seconds_count")['{method="GET",route="/v1/users/{number}"}'] == 10
    assert samples(text, "http_requests_in_progress")['{method="GET"}'] == 0
    assert samples(text, "web_vitals_lcp_seconds_count") == {'{device="other",page="/"}': 1}
    assert (failed.status_code, unknown.status_code, reported.status_code) == (500, 404, 204)

    written = running.stop()
    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    asked = [line for line in lines if line["logger"] == "telemetry.request"]
    assert [line["trace_id"] for line in asked if line["route"] == "/v1/users/{number}"] == [TRACE] * 10
    told, *again = [line for line in lines if "exception_type" in line]
    assert (again, "Traceback" in re.sub("^{.*", "", written, flags=re.MULTILINE)) == ([], False)
    assert (told["exception_type"], told["trace_id"]) == ("ValueError", failed.headers["x-trace-id"])
    assert (told["logger"], told["level"], told["status"]) == ("telemetry.request", "error", 500)


@pytest.mark.parametrize("example", ["fastapi_app", "litestar_app", "flask_app", "django_wsgi", "django_asgi"])
def test_the_documentation_shows_the_two_lines(example: str) -> None:
    """What an example adds to its framework is two lines, and both stand in the documentation as they are."""
    code = Path(ROOT, f"examples/frameworks/{example}.py").read_text()
    added = [line for line in code.splitlines() if re.search(r"\bwatchkeeper\b|\binstrument\(", line)]
    page = Path(ROOT, "watchkeeper/README.md").read_text()

    assert len(added) == 2
    assert all(line in page for line in added)
