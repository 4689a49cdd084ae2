"""What do clients of the reference service do, and what should the metrics say of it afterwards?"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import httpx
from websockets.asyncio.client import connect

CONCURRENCY = 8

_RUN = time.time_ns()
"""Tells the page views of one run from those of another: a report counts once."""


@dataclass
class Tally:
    """What was sent and answered: the numbers a scrape must show."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    messages: int = 0
    deliveries: int = 0
    vitals: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the route that answers it."""

    method: str
    path: str
    route: str
    body: object = None


def calls() -> Iterator[Call]:
    """Yield what clients ask for, forever: mostly users and rooms, now and then a mistake."""
    for number in count(1):
        room = f"room{number % 5}"
        yield Call("GET", f"/v1/users/{number % 1000 + 1}", "/v1/users/{user_id}")
        yield Call("GET", f"/v1/rooms/{room}/messages", "/v1/rooms/{room}/messages")
        yield Call("POST", f"/v1/rooms/{room}/messages", "/v1/rooms/{room}/messages", {"user": "ada", "text": "hello"})
        yield Call("GET", f"/admin/rooms/{room}/stats", "/admin/rooms/{room}/stats")
        yield Call("POST", "/api/ux/vitals", "/api/ux/vitals", list(_vitals(number)))
        if number % 5 == 0:
            yield Call("GET", "/v1/users/0", "/v1/users/{user_id}")
            yield Call("GET", f"/nothing/here/{number}", "unmatched")


async def drive(base_url: str, requests: int, tally: Tally, *, first: int = 0) -> None:
    """Send this many requests, some at a time, and note each answer in ``tally``; raise httpx's errors."""
    plan = calls()
    for _ in range(first):
        next(plan)
    async with httpx.AsyncClient(base_url=base_url, timeout=10) as client:
        limit = asyncio.Semaphore(CONCURRENCY)

        async def send(call: Call) -> None:
            async with limit:
                await _send(client, call, tally)

        await asyncio.gather(*(send(next(plan)) for _ in range(requests)))


async def talk(base_url: str, messages: int, tally: Tally) -> None:
    """Say this many messages in a room of one's own, and hear each of them."""
    url = base_url.replace("http", "ws", 1) + "/v1/rooms/lonely/chat?user=ada"
    async with connect(url) as socket:
        for number in range(messages):
            await socket.send(f"message {number}")
            await asyncio.wait_for(socket.recv(), 10)
            tally.messages += 1


async def _send(client: httpx.AsyncClient, call: Call, tally: Tally) -> None:
    answer = await client.request(call.method, call.path, json=call.body)
    tally.requests[call.method, call.route, answer.status_code] += 1
    if call.route == "/api/ux/vitals" and answer.is_success:
        tally.vitals += len(json.loads(answer.request.content))
    elif call.method == "POST" and answer.is_success:
        tally.deliveries += answer.json()["delivery"]


def _vitals(number: int) -> Iterator[dict[str, object]]:
    """Yield what one page view reports; most are good, every seventh is slow."""
    slow = 4 if number % 7 == 0 else 1
    for name, value in (("LCP", 1800), ("INP", 120), ("CLS", 0.05), ("FCP", 900), ("TTFB", 300)):
        page = f"/rooms/room{number % 5}"
        yield {"name": name, "value": value * slow, "id": f"v5-{name}-{_RUN}-{number}", "page": page}
