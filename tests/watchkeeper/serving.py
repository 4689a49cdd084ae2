"""How do tests serve an application the way a server does, lifespan included?"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from watchkeeper.asgi.types import App, Message


@asynccontextmanager
async def client(app: App, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of ``app`` within its lifespan; exceptions of the application stay on its side."""
    async with lifespan(app):
        transport = httpx.ASGITransport(
            app, raise_app_exceptions=False, client=options.pop("address", ("127.0.0.1", 9))
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.example", **options) as session:
            yield session


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[list[str]]:
    """Start ``app`` and stop it again; yield what it answers."""
    asked: asyncio.Queue[Message] = asyncio.Queue()
    answered: asyncio.Queue[Message] = asyncio.Queue()
    answers: list[str] = []
    asked.put_nowait({"type": "lifespan.startup"})
    task = asyncio.ensure_future(app({"type": "lifespan", "asgi": {}, "state": {}}, asked.get, answered.put))
    answers.append((await asyncio.wait_for(answered.get(), 5))["type"])
    try:
        yield answers
    finally:
        asked.put_nowait({"type": "lifespan.shutdown"})
        answers.append((await asyncio.wait_for(answered.get(), 5))["type"])
        await task


def request_lines(output: str) -> list[dict[str, Any]]:
    """Return the request lines among what was written to stdout."""
    lines = [json.loads(line) for line in output.splitlines()]
    return [line for line in lines if line["logger"] == "telemetry.request"]


def samples(exposition: str, name: str) -> dict[str, float]:
    """Return the samples of one name by their labels, as they are written."""
    found = {}
    for line in exposition.splitlines():
        series, _, value = line.rpartition(" ")
        if series == name or series.startswith(f"{name}{{"):
            found[series.removeprefix(name)] = float(value)
    return found
