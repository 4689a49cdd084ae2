"""Who uses the reference API during the run? A steady, known mixture of requests, chats, jobs and page views."""

import asyncio
import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Self

import httpx
import websockets

REQUESTS_PER_SECOND = 40
BREAKABLE = 0.5
"""The share of requests to `/v1`, the routes in which faults can be switched on."""

CHATTERS = 4
VITALS = {"LCP": 1800.0, "INP": 90.0, "FID": 12.0, "CLS": 0.05, "FCP": 900.0, "TTFB": 200.0}
"""What a quick page reports, in milliseconds; CLS has no unit."""


class Traffic:
    """Uses the API at ``url`` until the context is left; requests go out on time, however slowly answers come."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.answered: Counter[int] = Counter()
        """Answers by status; 0 counts requests that got none."""
        self._going = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._going.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, once every answer is there."""
        self._ended.set()
        self._thread.join(timeout=15)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Send no new requests meanwhile; chats stay open."""
        self._going.clear()
        try:
            yield
        finally:
            self._going.set()

    async def _run(self) -> None:
        chats = [asyncio.create_task(self._chat(f"user-{number}")) for number in range(CHATTERS)]
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=self._url, timeout=10, limits=limits) as client:
            sent: set[asyncio.Task[None]] = set()
            for call in _calls():
                if self._ended.is_set():
                    break
                if self._going.is_set():
                    sent.add(task := asyncio.create_task(self._send(client, call)))
                    task.add_done_callback(sent.discard)
                await asyncio.sleep(1 / REQUESTS_PER_SECOND)
            await asyncio.gather(*sent)
        for chat in chats:
            chat.cancel()
        await asyncio.gather(*chats, return_exceptions=True)

    async def _send(self, client: httpx.AsyncClient, call: dict[str, Any]) -> None:
        status = 0
        with contextlib.suppress(httpx.HTTPError):
            status = (await client.request(**call)).status_code
        self.answered[status] += 1

    async def _chat(self, user: str) -> None:
        """Stay in a room, say something every second, and come back after each lost connection."""
        url = f"{self._url.replace('http', 'ws', 1)}/v1/rooms/lobby/chat?user={user}"
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with websockets.connect(url) as socket:
                    for _ in range(10):
                        await socket.send("hello")
                        await socket.recv()
                        await asyncio.sleep(1)
            await asyncio.sleep(0.5)


def vitals(page: str) -> list[dict[str, Any]]:
    """Return what the web-vitals library of one page view reports."""
    view = f"v5-{time.time_ns()}"
    return [{"name": name, "value": value, "id": f"{view}-{name}", "page": page} for name, value in VITALS.items()]


def _calls() -> Iterator[dict[str, Any]]:
    """Yield requests without end; half go to `/v1`, in turn rather than at random, so that the share is exact."""
    chance = random.Random(1)  # noqa: S311 - the same traffic in every run, not a secret
    for number in itertools.count():
        draft = {"user": f"user-{number % 20}", "text": "hello"}
        yield {"method": "GET", "url": f"/v1/users/{chance.randint(1, 1000)}"}
        yield {"method": "GET", "url": "/admin/rooms/lobby/stats"}
        yield {"method": "POST", "url": "/v1/rooms/lobby/messages", "json": draft}
        yield {"method": "GET", "url": "/"}
        yield {"method": "GET", "url": "/v1/rooms/lobby/messages"}
        yield {"method": "GET", "url": "/rooms/lobby"}
        yield {"method": "GET", "url": "/v1/users/100000" if number % 20 == 0 else "/v1/users/1"}
        yield {"method": "POST", "url": "/api/ux/vitals", "json": vitals("/")}
