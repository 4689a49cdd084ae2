"""A WebSocket is counted in and out, however it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import websockets
from starlette.applications import Starlette
from starlette.authentication import SimpleUser
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket

from tests.watchkeeper.reading import eventually, scrape, value
from tests.watchkeeper.servers import serving
from tests.watchkeeper.serving import samples
from watchkeeper.asgi.middleware import MetricsMiddleware
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send
from watchkeeper.recorder import Recorder

CHAT = '{route="/rooms/{room}"}'
CONNECT, HELLO = {"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}
ACCEPT, ANSWER = {"type": "websocket.accept"}, {"type": "websocket.send", "text": "hi"}
DENIAL = {"type": "websocket.http.response.start", "status": 403, "headers": []}

Play = Callable[[Receive, Send], Awaitable[None]]


async def connect(play: Play, *incoming: Message, recorder: Recorder, **scope: Any) -> None:
    """Serve one connection on which the application does ``play``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_template"] = "/rooms/{room}"
        await play(receive, send)

    messages = iter([CONNECT, *incoming])

    async def receive() -> Message:
        return next(messages)

    async def send(_: Message) -> None:
        pass

    await MetricsMiddleware(app, recorder)({"type": "websocket", "path": "/rooms/7", **scope}, receive, send)


def reasons(recorder: Recorder) -> dict[str, float]:
    """Return the WebSockets that ended, by reason."""
    found = samples(scrape(recorder), "websocket_disconnects_total")
    return {labels.split('reason="')[1].split('"')[0]: number for labels, number in found.items()}


async def talk(receive: Receive, send: Send) -> None:
    """Accept, answer every message, and stop when the client leaves."""
    await receive()
    await send(ACCEPT)
    while (await receive())["type"] == "websocket.receive":
        await send(ANSWER)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, "normal"),
        (1001, "going_away"),
        (1002, "protocol_error"),
        (1005, "normal"),
        (1006, "abnormal"),
        (1008, "policy_violation"),
        (1009, "too_big"),
        (1011, "server_error"),
        (4000, "other"),
        (99_999, "other"),
        (None, "normal"),
    ],
)
async def test_a_client_that_leaves(code: int | None, reason: str) -> None:
    """Messages, connections and the reason are counted; the codes clients make up are one reason."""
    recorder = Recorder()

    await connect(talk, HELLO, HELLO, {"type": "websocket.disconnect", "code": code}, recorder=recorder)

    assert reasons(recorder) == {reason: 1}
    assert value(recorder, "websocket_connects_total", CHAT) == 1
    assert value(recorder, "websocket_connections", CHAT) == 0
    assert value(recorder, "websocket_connection_duration_seconds_count", CHAT) == 1
    assert samples(scrape(recorder), "websocket_messages_total") == {
        '{direction="in",route="/rooms/{room}"}': 2,
        '{direction="out",route="/rooms/{room}"}': 2,
    }


async def test_a_server_that_closes() -> None:
    """The code the application closes with is the reason."""

    async def play(receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await send({"type": "websocket.close", "code": 1008})

    recorder = Recorder()
    await connect(play, recorder=recorder)

    assert reasons(recorder) == {"policy_violation": 1}
    assert value(recorder, "websocket_connections", CHAT) == 0


@pytest.mark.parametrize(
    "refusal",
    [{"type": "websocket.close"}, {"type": "websocket.http.response.start", "status": 403, "headers": []}, None],
)
async def test_a_handshake_refused(refusal: Message | None) -> None:
    """What was never accepted is no connection: it is counted as rejected, and has no duration."""

    async def play(receive: Receive, send: Send) -> None:
        await receive()
        if refusal is not None:
            await send(refusal)

    recorder = Recorder()
    await connect(play, recorder=recorder)

    assert reasons(recorder) == {"rejected": 1}
    assert value(recorder, "websocket_connects_total", CHAT) is None
    assert value(recorder, "websocket_connection_duration_seconds_count", CHAT) is None


async def test_an_exception() -> None:
    """An exception ends the connection as a server error, is raised on, and leaves no gauge behind."""

    async def play(receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        raise ValueError("broken")

    recorder = Recorder()
    with pytest.raises(ValueError, match="broken"):
        await connect(play, recorder=recorder)

    assert reasons(recorder) == {"server_error": 1}
    assert value(recorder, "websocket_connections", CHAT) == 0


async def test_a_cancellation() -> None:
    """A server that shuts down takes its connections along: going away."""
    accepted = asyncio.Event()

    async def play(receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        accepted.set()
        await asyncio.Event().wait()

    recorder = Recorder()
    task = asyncio.create_task(connect(play, recorder=recorder))
    await accepted.wait()
    assert value(recorder, "websocket_connections", CHAT) == 1
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert reasons(recorder) == {"going_away": 1}
    assert value(recorder, "websocket_connections", CHAT) == 0


async def test_users_present_are_distinct() -> None:
    """A user with two tabs is one user, until the last tab is closed; who is not signed in is none."""
    recorder = Recorder()
    leave = asyncio.Event()

    async def play(receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await leave.wait()

    def tab(user: object) -> "asyncio.Task[None]":
        return asyncio.create_task(connect(play, recorder=recorder, user=user))

    tabs = [tab(SimpleUser("ada")), tab(SimpleUser("ada")), tab(SimpleUser("bob")), tab(None)]
    await asyncio.sleep(0)
    assert value(recorder, "websocket_users_present", CHAT) == 2
    assert value(recorder, "websocket_connections", CHAT) == 4

    tabs[0].cancel()
    await asyncio.gather(tabs[0], return_exceptions=True)
    assert value(recorder, "websocket_users_present", CHAT) == 2
    leave.set()
    await asyncio.gather(*tabs[1:])
    assert value(recorder, "websocket_users_present", CHAT) == 0


async def test_with_a_real_server() -> None:
    """Real clients over uvicorn: the template under a mount, and a client that vanishes without a close frame."""

    async def room(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    app: App = Starlette(routes=[Mount("/v1", routes=[WebSocketRoute("/rooms/{room}", room)])])
    recorder = Recorder()
    async with serving(MetricsMiddleware(app, recorder)) as address:
        async with websockets.connect(f"ws://{address}/v1/rooms/7") as polite:
            await polite.send("hello")
            assert await polite.recv() == "hello"
        rude = await websockets.connect(f"ws://{address}/v1/rooms/8")
        await rude.send("hello")
        assert await rude.recv() == "hello"
        rude.transport.abort()
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(f"ws://{address}/nowhere")
        await asyncio.to_thread(eventually, lambda: sum(reasons(recorder).values()) == 3)

    # uvicorn tells a lost connection from a close frame without a code no more than RFC 6455's 1005 does.
    assert reasons(recorder) == {"normal": 2, "rejected": 1}
    assert value(recorder, "websocket_connections", '{route="/v1/rooms/{room}"}') == 0
    assert value(recorder, "websocket_messages_total", '{direction="in",route="/v1/rooms/{room}"}') == 2
