"""Every request is counted once, as what it was, and what a client invents adds nothing."""

import asyncio
import gc
import random
import weakref
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.watchkeeper.reading import scrape, value
from tests.watchkeeper.serving import samples
from watchkeeper import instrument
from watchkeeper.asgi.middleware import MetricsMiddleware
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send
from watchkeeper.contract.metrics import REQUESTS
from watchkeeper.recorder import Recorder
from watchkeeper.tracing.trace_context import TraceContext, current


def request_scope(**changes: Any) -> Scope:
    """Return the scope of a plain GET."""
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "root_path": ""}
    return scope | changes


async def run(app: App, *incoming: Message, recorder: Recorder | None = None) -> tuple[Recorder, list[Message]]:
    """Serve one request with the middleware around ``app``; return what was counted and what was sent."""
    recorder = recorder or Recorder()
    sent: list[Message] = []
    messages = iter([*incoming])

    async def receive() -> Message:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await MetricsMiddleware(app, recorder)(request_scope(), receive, send)
    return recorder, sent


def counted(recorder: Recorder) -> dict[str, float]:
    """Return the requests counted, by status."""
    found = samples(scrape(recorder), REQUESTS.name)
    return {labels.rpartition('status="')[2].rstrip('"}'): number for labels, number in found.items()}


def in_progress(recorder: Recorder) -> float:
    """Return the requests in progress."""
    return sum(samples(scrape(recorder), "http_requests_in_progress").values())


START: Message = {"type": "http.response.start", "status": 200, "headers": []}


async def test_messages_pass_unchanged_and_unbuffered() -> None:
    """The very objects travel through, each before the next is made."""
    body = {"type": "http.response.body", "body": b"one", "more_body": True}
    last = {"type": "http.response.body", "body": b"two"}
    trailer = {"type": "http.response.debug", "info": {}}

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        assert await receive() is request
        for message in (START, trailer, body, last):
            await send(message)

    request = {"type": "http.request", "body": b"12345", "more_body": False}
    recorder, sent = await run(app, request)

    assert [id(message) for message in sent] == [id(message) for message in (START, trailer, body, last)]
    labels = '{method="GET",route="unmatched"}'
    assert value(recorder, "http_request_size_bytes_sum", labels) == 5
    assert value(recorder, "http_response_size_bytes_sum", labels) == 6


async def test_the_last_byte_ends_a_request() -> None:
    """Background work after the response neither lengthens the request nor keeps it in progress."""
    running = asyncio.Event()
    done = asyncio.Event()

    async def background() -> None:
        running.set()
        await done.wait()

    async def page(_: Request) -> Response:
        return PlainTextResponse("hi", background=BackgroundTask(background))

    recorder = Recorder()
    task = asyncio.create_task(run(Starlette(routes=[Route("/", page)]), recorder=recorder))
    await asyncio.wait_for(running.wait(), 5)
    assert counted(recorder) == {"200": 1}
    assert in_progress(recorder) == 0

    done.set()
    await task
    assert counted(recorder) == {"200": 1}


@pytest.mark.parametrize("begun", [False, True], ids=["before the response", "in the middle of it"])
async def test_an_exception_counts_as_500_and_is_raised_on(begun: bool) -> None:
    """An exception is a failure also where the status was sent already; it is counted once."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        if begun:
            await send(START)
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("broken")

    recorder = Recorder()
    with pytest.raises(ValueError, match="broken"):
        await run(app, recorder=recorder)

    assert counted(recorder) == {"500": 1}
    assert in_progress(recorder) == 0


@pytest.mark.parametrize(("begun", "status"), [(False, "499"), (True, "200")])
async def test_a_cancelled_request_is_counted_once(begun: bool, status: str) -> None:
    """A cancellation is nobody's failure: the status sent counts, or 499 where none was."""
    waiting = asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        if begun:
            await send(START)
        waiting.set()
        await asyncio.Event().wait()

    recorder = Recorder()
    task = asyncio.create_task(run(app, recorder=recorder))
    await waiting.wait()
    assert in_progress(recorder) == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert counted(recorder) == {status: 1}
    assert in_progress(recorder) == 0


async def test_a_client_that_leaves_before_the_answer() -> None:
    """An application that gives up when the client is gone has not failed: 499."""

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        assert (await receive())["type"] == "http.disconnect"

    recorder, _ = await run(app)

    assert counted(recorder) == {"499": 1}


async def test_a_client_that_leaves_a_stream() -> None:
    """A stream that ends because sending failed counts with the status that was sent."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the client is gone")

    recorder = Recorder()
    with pytest.raises(OSError, match="gone"):
        await MetricsMiddleware(app, recorder)(request_scope(), _no_message, send)

    assert counted(recorder) == {"200": 1}
    assert in_progress(recorder) == 0


async def _no_message() -> Message:
    return {"type": "http.disconnect"}


async def test_an_application_that_answers_nothing() -> None:
    """Servers answer 500 where the application returns without a response, and so do we count it."""

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        pass

    recorder, _ = await run(app)

    assert counted(recorder) == {"500": 1}


async def test_a_status_out_of_range_is_a_failure() -> None:
    """No status outside of 100 to 599 becomes a label."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({**START, "status": 99_999})
        await send({"type": "http.response.body", "body": b""})

    recorder, _ = await run(app)

    assert counted(recorder) == {"500": 1}


async def test_what_clients_invent_adds_a_constant_number_of_series() -> None:
    """A thousand random paths, methods, hosts, headers and redirects leave as many series as ten."""

    async def page(_: Request) -> Response:
        return PlainTextResponse("hi")

    async def away(request: Request) -> Response:
        return Response(status_code=307, headers={"location": f"/elsewhere/{request.path_params['id']}"})

    app = Starlette(routes=[Route("/v1/users/{id}", page), Route("/go/{id}", away), Route("/slash/", page)])
    recorder = Recorder()
    middleware = MetricsMiddleware(app, recorder)
    generator = random.Random(7)

    async def visit(times: int) -> int:
        transport = httpx.ASGITransport(middleware)
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as client:
            for _ in range(times):
                word = f"{generator.getrandbits(64):x}"
                for path in (f"/{word}", f"/v1/users/{word}", f"/go/{word}", "/slash", f"/v1/users/{word}/"):
                    method = generator.choice(["GET", "POST", "BREW", word.upper()])
                    await client.request(method, path, headers={"host": f"{word}.example", f"x-{word}": word})
        return len(scrape(recorder).splitlines())

    few = await visit(10)
    assert await visit(250) == few


async def test_skipped_paths_are_not_traffic() -> None:
    """The scrape itself is no request of a user."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b""})

    recorder = Recorder()
    middleware = MetricsMiddleware(app, recorder, skip=["/api/metrics/prometheus"])
    for path in ("/api/metrics/prometheus", "/api/metrics"):
        await middleware(request_scope(path=path), _no_message, _swallow)

    assert counted(recorder) == {"200": 1}


async def _swallow(_: Message) -> None:
    pass


async def test_the_trace_is_the_exemplar() -> None:
    """The id of the trace a request belongs to stands beside its bucket."""
    current.set(TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True))

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b""})

    recorder, _ = await run(app)

    ((key, exemplar),) = recorder.exemplars.peek().items()
    assert key[0] == "http_request_duration_seconds"
    assert exemplar.trace_id == "0af7651916cd43dd8448eb211c80319c"


async def test_a_faulty_route_callable_harms_no_request() -> None:
    """What goes wrong in naming a request is not the client's problem."""

    def route(_: Scope) -> str:
        raise KeyError("no")

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b""})

    recorder = Recorder()
    await MetricsMiddleware(app, recorder, route=route)(request_scope(), _no_message, _swallow)

    assert value(recorder, REQUESTS.name, '{method="GET",route="unmatched",status="200"}') == 1


async def test_files_and_streams_and_heads(tmp_path: Any) -> None:
    """Responses of every kind are counted once, with the bytes that went out."""
    (tmp_path / "file").write_bytes(b"x" * 1000)

    async def file(_: Request) -> Response:
        return FileResponse(tmp_path / "file")

    async def stream(_: Request) -> Response:
        async def parts() -> Any:
            for _ in range(10):
                yield b"y" * 10

        return StreamingResponse(parts())

    recorder = Recorder()
    app = MetricsMiddleware(Starlette(routes=[Route("/file", file), Route("/stream", stream)]), recorder)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as client:
        assert len((await client.get("/file")).content) == 1000
        assert len((await client.get("/stream")).content) == 100
        assert (await client.head("/file")).content == b""

    for method, route, size in (("GET", "/file", 1000), ("GET", "/stream", 100), ("HEAD", "/file", 0)):
        labels = f'{{method="{method}",route="{route}"}}'
        assert value(recorder, "http_response_size_bytes_sum", labels) == size
        assert value(recorder, "http_response_size_bytes_count", labels) == 1


class FailedError(Exception):
    """What a request fails with; it can be watched."""


@pytest.mark.parametrize("whole", [False, True], ids=["metrics", "the line"])
async def test_what_a_request_failed_with_goes_with_it(whole: bool) -> None:
    """No circle of references keeps an exception, and with it the frames of the request, until a collection."""
    seen: list[weakref.ref[FailedError]] = []

    async def fail(_scope: Scope, _receive: Receive, _send: Send) -> None:
        error = FailedError()
        seen.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    app: App = instrument(fail, logs=False) if whole else MetricsMiddleware(fail, Recorder())
    gc.disable()
    try:
        with suppress(FailedError):
            await run_bare(app)
        assert seen[0]() is None
    finally:
        gc.enable()


async def run_bare(app: App) -> None:
    """Serve one request without anything around it."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        pass

    await app(request_scope(), receive, send)
