"""What is rare works too: odd Redis URLs, files sent by a server, trio, FastAPI's command, workers without Redis."""

import json
import subprocess
import sys

import httpx
import pytest
import trio
import trio.lowlevel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from examples.ports import free_port
from tests.watchkeeper.conftest import Worker
from tests.watchkeeper.reading import eventually, scrape
from tests.watchkeeper.servers import ROOT, process, wait_until_up
from tests.watchkeeper.serving import request_lines, samples
from watchkeeper import Telemetry, instrument
from watchkeeper.asgi.types import Message, Receive, Scope, Send
from watchkeeper.contract.metrics import REQUESTS

METRICS = "/api/metrics/prometheus"
LINE = '{method="GET",route="/",status="200"}'


@pytest.mark.parametrize(
    "options",
    [
        "decode_responses=true",
        "protocol=3",
        "encoding=latin-1&protocol=3&decode_responses=yes",
        "retry_on_timeout=true",
    ],
)
def test_a_url_with_options_of_the_applications_own(redis_url: str, worker: Worker, options: str) -> None:
    """Options that change what replies look like are for the application's client; ours reads as ever."""
    one, other = worker(url=f"{redis_url}?{options}"), worker(url=f"{redis_url}/0?{options}&health_check_interval=30")
    for recorder in (one, other):
        recorder.add(REQUESTS, ("GET", "/", "200"))
        recorder.flush()

    assert samples(scrape(one), "http_requests_total") == {LINE: 2}


async def test_a_file_that_the_server_sends(capsys: pytest.CaptureFixture[str]) -> None:
    """`http.response.pathsend` ends a response; how many bytes the file has stays unknown."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/etc/hostname"})

    async def receive() -> Message:
        return {"type": "http.request"}

    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    telemetry = Telemetry.read()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await instrument(app, telemetry=telemetry)(scope, receive, send)

    (line,) = request_lines(capsys.readouterr().out)
    assert sent == ["http.response.start", "http.response.pathsend"]
    assert (line["status"], "aborted" in line) == (200, False)
    assert samples(scrape(telemetry.recorder), "http_requests_total") == {
        '{method="GET",route="unmatched",status="200"}': 1
    }


def test_trio(redis_url: str) -> None:
    """Requests, vitals and scrapes are served on trio's loop as on asyncio's."""

    async def hello(_: Request) -> PlainTextResponse:
        await trio.lowlevel.checkpoint()
        return PlainTextResponse("hello")

    telemetry = Telemetry.read(redis_url=redis_url, logs=False)
    app = instrument(Starlette(routes=[Route("/", hello)]), telemetry=telemetry)
    vital = {"name": "LCP", "value": 1200, "id": "v5-1-1", "page": "/"}

    async def visit() -> tuple[int, str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as session:
            await session.get("/")
            reported = await session.post("/api/ux/vitals", content=json.dumps(vital))
            return reported.status_code, (await session.get(METRICS)).text

    status, text = trio.run(visit)
    telemetry.recorder.stop()

    assert status == 204
    assert samples(text, "http_requests_total")[LINE] == 1
    assert samples(text, "web_vitals_lcp_seconds_count") == {'{device="other",page="/"}': 1}


@pytest.mark.parametrize("verb", ["run", "dev"])
def test_the_command_of_fastapi_takes_the_pattern(verb: str) -> None:
    """`fastapi run` and `fastapi dev` find the application that the line returns, and serve it observed."""
    port = free_port()
    command = ("fastapi", verb, "examples/frameworks/fastapi_app.py", "--port", str(port))
    with process(*command, *(["--no-reload"] if verb == "dev" else [])) as running:
        url = f"http://127.0.0.1:{port}"
        wait_until_up(f"{url}/v1/users/7")
        text = httpx.get(url + METRICS).text
        running.stop()

    assert samples(text, "http_requests_total")['{method="GET",route="/v1/users/{number}",status="200"}'] >= 1


def test_several_workers_without_redis_are_told_of() -> None:
    """The log warns that each counts alone, and a scrape says whose counts it shows."""
    port = free_port()
    command = ("uvicorn", "examples.frameworks.fastapi_app:app", "--workers", "3", "--port", str(port))
    with process(*command, REDIS_URL="") as running:
        wait_until_up(f"http://127.0.0.1:{port}{METRICS}")
        answer = httpx.get(f"http://127.0.0.1:{port}{METRICS}")
        eventually(lambda: "one of several workers, and REDIS_URL is not set" in running.output.read_text(), 15)

    assert answer.headers["x-telemetry-process"].isdecimal()


def test_one_worker_without_redis_is_as_it_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    """One process that counts in memory has nothing to be warned of."""
    with Telemetry.read():
        pass

    assert "REDIS_URL" not in capsys.readouterr().out


LOGGED = {
    "uvicorn": ("uvicorn", "examples.frameworks.fastapi_app:app", "--workers", "2", "--log-config", "{}", "--port"),
    "gunicorn": (
        "gunicorn",
        "examples.frameworks.flask_app:app",
        "--workers",
        "2",
        "--log-config-json",
        "{}",
        "--bind",
    ),
    "granian": (
        *("granian", "examples.frameworks.fastapi_app:app", "--interface", "asgi"),
        *("--workers", "2", "--log-config", "{}", "--port"),
    ),
}


@pytest.mark.parametrize("name", LOGGED)
def test_a_server_writes_json_from_its_first_line(redis_url: str, name: str) -> None:
    """With the configuration of the package, what the parent of the workers says is a line of JSON too."""
    told = subprocess.run(
        [sys.executable, "-m", "watchkeeper.logs"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    port = free_port()
    command = [part.format(told.stdout.strip()) for part in LOGGED[name]]
    with process(*command, f"127.0.0.1:{port}" if name == "gunicorn" else str(port), REDIS_URL=redis_url) as running:
        wait_until_up(f"http://127.0.0.1:{port}/v1/users/7")
        eventually(lambda: "telemetry.request" in running.output.read_text())
        written = running.output.read_text().splitlines()

    lines = [json.loads(line) for line in written]
    assert len(lines) > 3
    assert {"telemetry.request"} < {line["logger"] for line in lines}
