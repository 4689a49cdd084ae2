"""How does a WSGI server reach the endpoints of ours, which are ASGI applications?"""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from threading import Thread
from typing import Any

from watchkeeper.asgi import types as asgi
from watchkeeper.verdict import Scope
from watchkeeper.wsgi.exchange import WsgiExchange

CHUNK = 65_536


def answer(endpoint: asgi.App, scope: Scope, exchange: WsgiExchange) -> list[bytes]:
    """Have an endpoint answer in a loop of its own, in a thread of its own: there may be a loop in this one."""
    sent: list[asgi.Message] = []
    failed: list[BaseException] = []
    taken = _body(scope["environ"])

    async def receive() -> asgi.Message:
        chunk = next(taken)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(message: asgi.Message) -> None:
        sent.append(message)

    async def call() -> None:
        await endpoint(scope, receive, send)

    def run() -> None:
        try:
            asyncio.run(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            failed.append(error)

    thread = Thread(target=run, name="telemetry-endpoint", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    status = HTTPStatus(sent[0]["status"])
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    exchange.start(f"{status.value} {status.phrase}", headers)
    return [body for message in sent[1:] if (body := message.get("body"))]


def _body(environ: dict[str, Any]) -> Iterator[bytes]:
    """Yield the body in chunks, then empty ones for ever; what has no length is not read, for it may never end."""
    length = environ.get("CONTENT_LENGTH") or "0"
    left = int(length) if length.isdigit() and len(length) < 20 else 0  # noqa: PLR2004 - digits of any sane length
    while left > 0 and (chunk := environ["wsgi.input"].read(min(left, CHUNK))):
        left -= len(chunk)
        yield chunk
    while True:
        yield b""
