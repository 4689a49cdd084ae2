"""Every response carries a trace id, and every request leaves one line that says what happened."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from tests.watchkeeper.serving import client, request_lines
from watchkeeper import instrument
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send
from watchkeeper.logs.lines import LINE_LIMIT
from watchkeeper.tracing.trace_context import current

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def greet(request: Request) -> Response:
    """Answer with a name from the path."""
    return PlainTextResponse(f"hello {request.path_params['name']}")


async def seen(_: Request) -> Response:
    """Answer with the trace id the application sees."""
    context = current.get()
    return PlainTextResponse(context.trace_id if context else "none")


async def stream(_: Request) -> Response:
    """Answer in three pieces."""

    async def pieces() -> Any:
        for piece in ("a", "b", "c"):
            yield piece

    return StreamingResponse(pieces())


async def break_off(_: Request) -> Response:
    """Fail in the middle of an answer."""

    async def pieces() -> Any:
        yield "a"
        raise RuntimeError("password=s3cr3t")

    return StreamingResponse(pieces())


async def fail(_: Request) -> Response:
    """Fail before an answer."""
    raise RuntimeError("password=s3cr3t")


def application() -> App:
    """Return a Starlette application with a mount."""
    inner = [Route("/hello/{name}", greet), Route("/seen", seen), Route("/stream", stream)]
    return Starlette(routes=[Mount("/v1", routes=inner), Route("/fail", fail), Route("/break", break_off)])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/hello/ada", 200),
        ("GET", "/v1/stream", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/v1/hello/ada", 405),
        ("GET", "/fail", 500),
        ("GET", "/api/metrics/prometheus", 200),
        ("POST", "/api/ux/vitals", 400),
        ("INVENTED", "/api/ux/vitals", 405),
    ],
)
async def test_every_response_carries_the_trace_id(method: str, path: str, status: int) -> None:
    """Errors, streams and our own endpoints answer with the id the caller gave."""
    async with client(instrument(application())) as session:
        answer = await session.request(method, path, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})

    assert (answer.status_code, answer.headers["x-trace-id"]) == (status, TRACE)


async def test_a_bare_application_that_raises_answers_with_the_trace_id() -> None:
    """A server's own 500 would carry none, so the answer is ours; the exception is raised on."""

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("no")

    app = instrument(bare)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as session:
        answer = await session.get("/")

    assert (answer.status_code, answer.json()["trace_id"]) == (500, answer.headers["x-trace-id"])
    with pytest.raises(RuntimeError):
        await httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x").get("/")


@pytest.mark.parametrize("sent", ["garbage", "0" * 32, "x\x85y", TRACE + "0"])
async def test_a_trace_id_that_is_none_is_replaced(sent: str) -> None:
    """Nothing a client invents comes back in the header."""
    async with client(instrument(application())) as session:
        answer = await session.get("/v1/seen", headers={b"x-trace-id": sent.encode("latin-1")})

    assert len(answer.headers["x-trace-id"]) == 32
    assert answer.headers["x-trace-id"] not in ("0" * 32, sent)


async def test_the_application_sees_the_id_of_its_response() -> None:
    """Code in the request can name the trace it is part of, also in parallel requests."""
    async with client(instrument(application())) as session:
        answers = await asyncio.gather(*(session.get("/v1/seen") for _ in range(20)))

    assert [answer.text for answer in answers] == [answer.headers["x-trace-id"] for answer in answers]
    assert len({answer.text for answer in answers}) == 20


async def test_a_line_says_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    """Method, template, path, status, sizes, client and agent are fields; secrets in the query are not."""
    async with client(instrument(application()), address=("192.0.2.7", 1)) as session:
        answer = await session.get("/v1/hello/ada?page=2&token=s3cr3t", headers={"user-agent": "curl/8"})

    (line,) = request_lines(capsys.readouterr().out)
    assert line["trace_id"] == answer.headers["x-trace-id"]
    assert 0 < line["duration_seconds"] < 5
    expected = {
        "level": "info",
        "message": "GET /v1/hello/{name} 200",
        "method": "GET",
        "route": "/v1/hello/{name}",
        "path": "/v1/hello/ada",
        "query": "page=2&token=[redacted]",
        "status": 200,
        "request_bytes": 0,
        "response_bytes": len("hello ada"),
        "client": "192.0.2.7",
        "user_agent": "curl/8",
    }
    assert {name: line[name] for name in expected} == expected


@pytest.mark.parametrize(("path", "aborted"), [("/fail", False), ("/break", True)])
async def test_an_exception_is_logged_once_as_fields(
    path: str, aborted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before or in the middle of a response, an exception makes the line an error with its stack trace."""
    async with client(instrument(application())) as session:
        try:
            await session.get(path)
        except httpx.HTTPError:
            assert aborted

    output = capsys.readouterr().out
    (line,) = request_lines(output)
    assert (line["level"], line["status"], line["exception_type"]) == ("error", 500, "RuntimeError")
    assert line.get("aborted", False) is aborted
    assert "s3cr3t" not in output


@pytest.mark.parametrize("header", ["authorization", "cookie", "x-api-key"])
async def test_credentials_in_headers_never_appear(header: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Request headers are not logged at all, whatever becomes of the request."""
    async with client(instrument(application())) as session:
        for path in ("/v1/hello/ada", "/fail", "/nowhere"):
            await session.get(path, headers={header: "Bearer s3cr3t"})

    assert "s3cr3t" not in capsys.readouterr().out


async def test_hostile_paths_and_agents_stay_in_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Newlines, escapes, invalid UTF-8 and huge values make one parseable line each, within the limit."""
    emoji = "%F0%9F%98%80" * 2000
    async with client(instrument(application())) as session:
        await session.get("/x%0a%7b%22level%22:%22error%22%7d%1b[31m%ff")
        await session.get(f"/{emoji}?{emoji}", headers={b"user-agent": b"\xff\xfe" * 50_000})

    output = capsys.readouterr().out
    assert [line["status"] for line in request_lines(output)] == [404, 404]
    assert max(map(len, output.splitlines())) <= LINE_LIMIT


async def test_quiet_routes_are_sampled_but_their_errors_never(capsys: pytest.CaptureFixture[str]) -> None:
    """A route that is logged with share 0 is still logged when it fails."""
    broken = False

    async def health(_: Request) -> Response:
        return PlainTextResponse("", status_code=503 if broken else 200)

    app = instrument(Starlette(routes=[Route("/healthz", health)]))
    async with client(app) as session:
        await session.get("/healthz")
        broken = True
        await session.get("/healthz")

    assert [line["status"] for line in request_lines(capsys.readouterr().out)] == [503]


async def receive_nothing() -> Message:
    """Receive an empty body."""
    return {"type": "http.request", "body": b""}


async def drive(app: App, path: str, receive: Receive) -> list[Message]:
    """Serve one request by hand and return what was sent."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "client": None}
    await app(scope, receive, send)
    return sent


def responder(*messages: Message) -> App:
    """Return a bare application that sends these messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


async def test_responses_pass_through_unchanged_but_for_the_header() -> None:
    """Messages keep their number, order, bodies and unknown keys; a trace id from elsewhere is replaced."""
    headers = [(b"a", b"1"), (b"X-Trace-Id", b"foreign"), (b"a", b"2")]
    messages: list[Message] = [
        {"type": "http.response.start", "status": 200, "headers": headers, "trailers": True},
        {"type": "http.response.body", "body": b"x" * 100, "more_body": True},
        {"type": "http.response.body", "body": b""},
        {"type": "http.response.trailers", "headers": []},
    ]

    sent = await drive(instrument(responder(*messages)), "/", receive_nothing)

    assert sent[1:] == messages[1:]
    assert sent[0]["trailers"] is True
    assert sent[0]["headers"][:2] == [(b"a", b"1"), (b"a", b"2")]
    assert [name for name, _ in sent[0]["headers"]][2:] == [b"x-trace-id"]
    assert headers[1] == (b"X-Trace-Id", b"foreign")


async def test_a_client_that_leaves_first_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A request nobody waited for is logged as 499, not as a failure of the application."""

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise OSError("client is gone")

    async def leave() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(OSError, match="client is gone"):
        await drive(instrument(waits), "/", leave)

    (line,) = request_lines(capsys.readouterr().out)
    assert (line["level"], line["status"], line["aborted"]) == ("info", 499, True)


async def test_a_failure_after_the_last_byte_is_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """What a background task raises is on the line, under the status that was sent."""

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body"})
        await receive()
        raise ValueError("afterwards")

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ValueError, match="afterwards"):
        await drive(instrument(late), "/", gone)

    (line,) = request_lines(capsys.readouterr().out)
    assert (line["level"], line["status"], line["exception_type"]) == ("error", 202, "ValueError")


async def test_a_cancelled_request_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Cancellation passes through, and the line says that no response was completed."""

    async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(drive(instrument(hangs), "/", receive_nothing))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (line,) = request_lines(capsys.readouterr().out)
    assert (line["status"], line["aborted"]) == (499, True)


async def connect(app: App, *incoming: Message, extensions: dict[str, Any] | None = None) -> list[Message]:
    """Serve one WebSocket by hand and return what was sent."""
    queue = [{"type": "websocket.connect"}, *incoming]
    sent: list[Message] = []

    async def receive() -> Message:
        return queue.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "websocket",
        "path": "/chat",
        "query_string": b"",
        "headers": [],
        "extensions": extensions or {},
    }
    with suppress(RuntimeError):  # of the application, which a server would log
        await app(scope, receive, send)
    return sent


async def test_a_websocket_answers_with_the_trace_id_and_leaves_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The handshake carries the id; the line counts messages and names the close code."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    said = {"type": "websocket.receive", "text": "hi"}
    sent = await connect(instrument(echo), said, said, {"type": "websocket.disconnect", "code": 1001})

    (line,) = request_lines(capsys.readouterr().out)
    assert dict(sent[0]["headers"])[b"x-trace-id"].decode() == line["trace_id"]
    assert (line["method"], line["status"], line["messages_in"], line["messages_out"], line["close_code"]) == (
        "WEBSOCKET", 101, 2, 2, 1001,
    )  # fmt: skip


@pytest.mark.parametrize(("raises", "status"), [(False, 403), (True, 500)])
async def test_a_refused_handshake_carries_the_trace_id(raises: bool, status: int) -> None:
    """Where the server lets us answer in our own words, the refusal has the id."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if raises:
            raise RuntimeError("no")
        await send({"type": "websocket.close", "code": 1008})

    sent = await connect(instrument(refuse), extensions={"websocket.http.response": {}})

    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", status)
    assert b"x-trace-id" in dict(sent[0]["headers"])
