"""With the extra and a DSN, exceptions reach Sentry under the request's trace id and without its secrets."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.watchkeeper.collectors import Received, receiver
from tests.watchkeeper.serving import client
from watchkeeper import Telemetry, TelemetryError, instrument
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send

SECRETS = {"authorization": "Bearer s3cr3t-header", "cookie": "sid=s3cr3t-cookie", "x-auth-token": "s3cr3t-token"}


@pytest.fixture
def sentry() -> Iterator[Received]:
    """Run something that takes envelopes as Sentry does, and forget it afterwards."""
    with receiver() as received:
        yield received
        sentry_sdk.init()


def dsn(sentry: Received) -> str:
    """Return a DSN that leads to the receiver."""
    return sentry.url.replace("http://", "http://key@") + "/1"


async def fail(request: Request) -> Response:
    """Fail with secrets all around."""
    password = request.headers["x-auth-token"]
    raise ValueError(f"no access with token={password}")


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail without a framework that integrates with Sentry."""
    raise ValueError("no access with token=s3cr3t-token")


@pytest.mark.parametrize("app", [Starlette(routes=[Route("/fail", fail)]), bare], ids=["starlette", "bare"])
async def test_an_exception_is_reported_once_with_its_trace_id(app: App, sentry: Received) -> None:
    """One event per failed request, which names the trace and the release."""
    observed = instrument(app, sentry_dsn=dsn(sentry), service="chat", version="1.2", environment="test")
    async with client(observed) as session:
        answer = await session.get("/fail?token=s3cr3t-query&page=2", headers=SECRETS)
    sentry_sdk.flush(5)

    (event,) = sentry.events()
    assert event["tags"]["trace_id"] == event["contexts"]["trace"]["trace_id"] == answer.headers["x-trace-id"]
    assert (event["release"], event["environment"]) == ("chat@1.2", "test")
    assert event["exception"]["values"][-1]["value"] == "no access with token=[redacted]"
    assert "s3cr3t" not in json.dumps(event)


async def http_only(scope: Scope, receive: Receive, send: Send) -> None:
    """Speak no WebSocket."""
    raise NotImplementedError(scope["type"])


async def closes(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse who is not signed in, as an application does."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})


@pytest.mark.parametrize("denial", [{}, {"websocket.http.response": {}}], ids=["close", "words"])
@pytest.mark.parametrize(
    "made", [Starlette, lambda: http_only, lambda: closes], ids=["no route", "HTTP alone", "closes"]
)
async def test_a_handshake_that_anybody_can_send_is_no_error(
    made: Callable[[], App], denial: dict[str, Any], sentry: Received, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused: one line that is no error, and no event, whoever knocks how often."""
    observed = instrument(made(), sentry_dsn=dsn(sentry))
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/.env", "headers": [], "query_string": b"", "extensions": denial}
    await observed({**scope, "subprotocols": []}, receive, send)
    sentry_sdk.flush(5)

    (line,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "method" in line]
    assert (line["level"], line["status"], "exception_type" in line) == ("info", 403, False)
    assert sent[0]["type"] in ("websocket.close", "websocket.http.response.start")
    assert sentry.events() == []


async def test_a_client_that_the_application_made_is_kept(sentry: Received) -> None:
    """Its release and its own hook hold; its events name the trace and lose their secrets before the hook sees them."""

    def hook(event: Any, _: Any) -> Any:
        seen.append(json.dumps(event))
        return {**event, "transaction": "theirs"}

    seen: list[str] = []
    sentry_sdk.init(dsn=dsn(sentry), release="theirs@9", before_send=hook)
    observed = instrument(bare, sentry_dsn="https://key@sentry.example/1", service="chat")
    async with client(observed) as session:
        answer = await session.get("/", headers=SECRETS)
    sentry_sdk.flush(5)

    (event,) = sentry.events()
    assert (event["release"], event["transaction"]) == ("theirs@9", "theirs")
    assert event["tags"]["trace_id"] == answer.headers["x-trace-id"]
    assert "s3cr3t" not in json.dumps(event) + seen[0]


def test_a_failed_job_is_reported(sentry: Received) -> None:
    """Exceptions of jobs are reported under the trace of their run."""
    telemetry = Telemetry.read(sentry_dsn=dsn(sentry))
    with pytest.raises(KeyError), telemetry.jobs.run("mail"):
        raise KeyError("x")
    sentry_sdk.flush(5)

    (event,) = sentry.events()
    assert event["exception"]["values"][-1]["type"] == "KeyError"
    assert len(event["tags"]["trace_id"]) == 32


def test_a_dsn_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody finds out in an incident that errors were reported nowhere."""
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)

    with pytest.raises(TelemetryError, match=r"install 'watchkeeper\[sentry\]'"):
        Telemetry.read(sentry_dsn="https://key@sentry.example/1")


def test_a_malformed_dsn_is_refused_without_repeating_it() -> None:
    """The key in it is a secret."""
    with pytest.raises(TelemetryError) as refused:
        Telemetry.read(sentry_dsn="s3cr3t")

    assert "SENTRY_DSN is no Sentry DSN" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
