"""Has this client asked too often, and has this report been counted already, by whichever worker?"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from telemetry.redis_client import Client
from telemetry.redis_store import RedisStore
from telemetry.store import StoreError

WINDOW_SECONDS = 60
REMEMBERED_SECONDS = 24 * 3600
MAX_REMEMBERED = 50_000
RETRY_SECONDS = 5.0
"""How long a gate does without a Redis that failed it, before it asks again."""

Answer = TypeVar("Answer")


class LocalGate:
    """What one process remembers: at most ``remembered`` clients and as many reports, the oldest forgotten first."""

    def __init__(self, *, per_minute: int, remembered: int = MAX_REMEMBERED) -> None:
        self._per_minute = per_minute
        self._remembered = remembered
        self._requests: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def admit(self, client: str) -> bool:
        """Say whether this client may send one more request within the minute."""
        key = (client, int(time.time() // WINDOW_SECONDS))
        self._requests[key] = self._requests.get(key, 0) + 1
        _trim(self._requests, self._remembered)
        return self._requests[key] <= self._per_minute

    async def unseen(self, keys: Sequence[str]) -> list[bool]:
        """Say of each key whether it is the first time; from now on it is not."""
        answers = []
        for key in keys:
            answers.append(key not in self._seen)
            self._seen[key] = None
        _trim(self._seen, self._remembered)
        return answers


class RedisGate:
    """
    What all workers of a service remember together, in Redis, off the event loop.

    A client's requests are counted per minute; a report's id is remembered for a day. While
    Redis fails, every worker falls back to its own memory: a report may then count once per worker.
    """

    def __init__(self, store: RedisStore, *, per_minute: int) -> None:
        self._store = store
        self._per_minute = per_minute
        self._local = LocalGate(per_minute=per_minute)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="telemetry-gate")
        self._failed_at = -RETRY_SECONDS

    async def admit(self, client: str) -> bool:
        """Say whether this client may send one more request within the minute."""
        key = f"{self._store.tag}:requests:{_digest(client)}"
        count = await self._ask(lambda redis: _count(redis, key))
        return await self._local.admit(client) if count is None else count <= self._per_minute

    async def unseen(self, keys: Sequence[str]) -> list[bool]:
        """Say of each key whether it is the first time; from now on it is not."""
        names = [f"{self._store.tag}:seen-report:{_digest(key)}" for key in keys]
        answers = await self._ask(lambda redis: _claim(redis, names))
        local = await self._local.unseen(keys)
        return local if answers is None else answers

    async def _ask(self, question: Callable[[Client], Answer]) -> Answer | None:
        if time.monotonic() - self._failed_at < RETRY_SECONDS:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._store.run, question)
        except StoreError:
            self._failed_at = time.monotonic()
            return None


def _count(redis: Client, key: str) -> int:
    window = int(time.time() // WINDOW_SECONDS)
    with redis.pipeline() as pipe:
        pipe.incr(f"{key}:{window}")
        pipe.expire(f"{key}:{window}", 2 * WINDOW_SECONDS)
        count: int = pipe.execute()[0]
    return count


def _claim(redis: Client, names: Sequence[str]) -> list[bool]:
    with redis.pipeline() as pipe:
        for name in names:
            pipe.set(name, 1, nx=True, ex=REMEMBERED_SECONDS)
        return [bool(answer) for answer in pipe.execute()]


def _digest(text: str) -> str:
    # Neither an address nor an id is kept as it is, and no key is longer than another.
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _trim(memory: "OrderedDict[Answer, int] | OrderedDict[Answer, None]", size: int) -> None:
    while len(memory) > size:
        memory.popitem(last=False)
