"""The reference service is honest about its health, can be broken on purpose, and says why it cannot start."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from examples.rce_api.app import service as service_of
from examples.rce_api.config import Config
from examples.rce_api.faults import Faults
from examples.rce_api.messages import Message, messages
from examples.service import Demo
from tests.watchkeeper.servers import server as redis_server
from tests.watchkeeper.serving import client
from watchkeeper import Telemetry

ROOT = Path(__file__).resolve().parents[2]


def build(redis_url: str = "") -> FastAPI:
    """Return the service as it is without telemetry around it."""
    return service_of(Config(redis_url), Telemetry.read().jobs)


def test_a_running_service_is_alive_and_ready(service: Demo) -> None:
    """Both probes answer 200, and name what was looked at."""
    assert httpx.get(f"{service.url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{service.url}/readyz").json() == {"messages": "ok", "redis": "ok"}


async def test_without_redis_it_lives_but_is_not_ready() -> None:
    """A probe that restarts processes does not restart them for a Redis that is away; one that routes traffic may."""
    server = redis_server()
    server.start()
    app = build(redis_url=server.connection_url)
    server.stop()

    async with client(app) as session:
        alive, ready = await session.get("/healthz"), await session.get("/readyz")
        posted = await session.post("/v1/rooms/a/messages", json={"user": "ada", "text": "hi"})

    assert (alive.status_code, ready.status_code) == (200, 503)
    assert ready.json() == {"messages": "ok", "redis": "ConnectionError"}
    assert (posted.status_code, posted.json()) == (201, {"delivery": False})


def test_errors_can_be_switched_on_for_all_workers(service: Demo) -> None:
    """What one worker is told, all do; health stays as it is."""
    with httpx.Client(base_url=service.url) as session:
        try:
            session.put("/_faults", json={"error_ratio": 1}).raise_for_status()
            statuses = {_fresh_get(service, "/v1/users/1") for _ in range(20)}
            alive = session.get("/healthz").status_code
        finally:
            session.put("/_faults", json={}).raise_for_status()

    assert 500 in statuses
    assert alive == 200


def _fresh_get(service: Demo, path: str) -> int:
    """Ask over a connection of its own, so that any of the workers may answer."""
    return httpx.get(service.url + path).status_code


def test_a_fault_that_does_not_exist_is_named(service: Demo) -> None:
    """The answer lists the faults there are."""
    answer = httpx.put(f"{service.url}/_faults", json={"earthquake": 1})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("there is no fault 'earthquake'; there are: error_ratio")


async def test_faults_cannot_be_switched_on_unless_allowed() -> None:
    """The switch is not there in a service that was not started with it."""
    async with client(build()) as session:
        assert (await session.put("/_faults", json={"error_ratio": 1})).status_code == 404


def test_members_of_a_room_hear_each_other(service: Demo) -> None:
    """What is said comes back with the name of who said it; the handshake carries a trace id."""
    with connect(service.url.replace("http", "ws") + "/v1/rooms/b/chat?user=ada") as socket:
        socket.send("hello")
        heard = socket.recv(timeout=5)
        assert socket.response is not None
        trace_id = socket.response.headers["x-trace-id"]

    assert heard == '{"user":"ada","text":"hello"}'
    assert len(trace_id) == 32


def test_who_does_not_say_a_name_is_refused(service: Demo) -> None:
    """The refused handshake carries a trace id too."""
    with pytest.raises(InvalidStatus) as refused:
        connect(service.url.replace("http", "ws") + "/v1/rooms/b/chat")

    assert refused.value.response.status_code == 403
    assert len(refused.value.response.headers["x-trace-id"]) == 32


async def test_a_room_remembers_its_latest_messages() -> None:
    """The newest hundred are kept, oldest first."""
    kept = messages("")
    for number in range(150):
        await kept.add(Message("a", "ada", str(number)))

    assert [message.text for message in await kept.latest("a")] == [str(number) for number in range(50, 150)]


@pytest.mark.parametrize(
    ("module", "environment", "message"),
    [
        ("examples.rce_api.worker", {}, "jobs live in Redis: set REDIS_URL"),
        ("examples.rce_api", {"WORKERS": "2"}, "several workers share their counts through Redis"),
        ("examples.rce_api", {"METRICS_NETWORKS": "10.0.0.0/99"}, "metrics_networks: '10.0.0.0/99'"),
        ("examples.rce_api", {"REDIS_URL": "http://:s3cr3t@host"}, "REDIS_URL begins with 'http://'"),
        ("examples.rce_api.worker", {"REDIS_URL": "http://:s3cr3t@host"}, "REDIS_URL begins with 'http://'"),
    ],
)
def test_what_cannot_start_says_why(module: str, environment: dict[str, str], message: str) -> None:
    """One sentence and exit code 2, no traceback, no password."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "METRICS_NETWORKS")}
    command = [sys.executable, "-m", module]
    done = subprocess.run(
        command, cwd=ROOT, env={**inherited, **environment}, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cr3t" not in done.stderr


def test_faults_are_shares_and_seconds() -> None:
    """Numbers are read as such, whatever Redis made of them."""
    assert Faults.parse({"error_ratio": "0.5"}) == Faults(error_ratio=0.5)
