"""What would the service have logged in a story? A few lines in the shape that the instrumentation writes."""

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from obs.preview.story import Series
from obs.query.logql import CONTAINER, ENVIRONMENT, LEVEL, SERVICE
from obs.stack import Stack
from watchkeeper.contract.labels import METHOD, ROUTE, STATUS
from watchkeeper.contract.metrics import REQUESTS

MOST = 40
"""Lines of one series of requests: a panel shows a few dozen."""

SERVER_ERROR = 500
FRAMES = '  File "/app/rooms.py", line 41, in rooms\n    await pool.acquire()\n'


@dataclass(frozen=True, slots=True)
class Line:
    """One line, the labels of its stream, and its time in nanoseconds since 1970."""

    labels: dict[str, str]
    at: int
    text: str


def lines(stack: Stack, series: Sequence[Series]) -> Iterator[Line]:
    """Yield lines for requests that a story counts: of each series as many as there were, or MOST of them."""
    for one in series:
        if one.name == REQUESTS.name:
            yield from _requests(stack, one)


def _requests(stack: Stack, one: Series) -> Iterator[Line]:
    labels = dict(one.labels)
    counts = [(at, value) for at, value in one.samples if value is not None]
    moments = [(then, later) for (then, before), (later, after) in pairwise(counts) if after > before]
    chosen = moments[:: max(1, math.ceil(len(moments) / MOST))]
    chance = random.Random(json.dumps(labels, sort_keys=True))  # noqa: S311 - the same lines for the same story
    for then, later in chosen:
        at = chance.randrange(then, later)
        yield _request(stack, labels, at, chance)


def _request(stack: Stack, labels: dict[str, str], at: int, chance: random.Random) -> Line:
    status = int(labels[STATUS.name])
    level = "error" if status >= SERVER_ERROR else "info"
    method, route = labels[METHOD.name], labels[ROUTE.name]
    body: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="microseconds"),
        "level": level,
        "message": f"{method} {route.replace('{id}', str(chance.randrange(1, 999)))} {status}",
        "logger": "watchkeeper.request",
        "service": stack.service.name,
        "environment": stack.service.environment,
        "trace_id": f"{chance.getrandbits(128):032x}",
        "span_id": f"{chance.getrandbits(64):016x}",
        "method": method,
        "route": route,
        "path": route.replace("{id}", str(chance.randrange(1, 999))),
        "status": status,
        "duration_seconds": round(chance.uniform(0.01, 0.2), 4),
    }
    if status >= SERVER_ERROR:
        body |= {
            "exception_type": "TimeoutError",
            "exception_message": "no connection to the database within 5 s",
            "exception_stacktrace": f"Traceback (most recent call last):\n{FRAMES}TimeoutError: no connection",
        }
    stream = {
        SERVICE: stack.service.name,
        LEVEL: level,
        CONTAINER: "api",
        ENVIRONMENT: stack.service.environment,
    }
    return Line(stream, at * 1_000_000, json.dumps(body))
