"""What do all workers together remember of the browsers that report: who reports too often, and what was counted?"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from watchkeeper.asgi.threads import in_thread
from watchkeeper.store.protocol import StoreError

if TYPE_CHECKING:
    from watchkeeper.store.client import Client
    from watchkeeper.store.redis import RedisStore

MINUTE = 60
REMEMBERED_SECONDS = 600
"""How long a report is known. Retries come within seconds; a page that lives longer may count once more."""

MAX_REMEMBERED = 100_000
"""Reports and clients that one process remembers without Redis."""

CLIENTS = 4096
"""Numbers kept for the clients of one minute, however many addresses there are."""

DEADLINE_SECONDS = 0.25
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it did not answer in time."""

T = TypeVar("T")


class Gate:
    """
    Limits reports per client and minute and of all clients together, and tells new ones from repeated ones.

    What is remembered is bounded: as many reports as ``total_per_minute`` lets in, for REMEMBERED_SECONDS, and CLIENTS
    numbers a minute for the clients, who share one where their digests meet. A client is asked for before the total is,
    so that a flood from one address uses up its own share alone.
    With a ``store`` all workers share both through Redis, under the store's prefix. A Redis that does not answer
    within a quarter of a second is left alone for a while, and each process decides on its own.
    """

    def __init__(
        self, store: "RedisStore | None" = None, *, per_minute: int = 600, total_per_minute: int = 10_000
    ) -> None:
        self._store = store
        self._per_minute = per_minute
        self._total_per_minute = total_per_minute
        self._memory = _Memory()
        self._paused_until = 0.0
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="telemetry-gate") if store is not None else None

    async def admit(self, client: str, reports: int = 1) -> bool:
        """Say whether this client may send so many more reports within this minute."""
        digest = hashlib.blake2b(client.encode("utf-8", "replace"), digest_size=4).digest()
        return await self._within(f"client {int.from_bytes(digest) % CLIENTS}", reports, self._per_minute)

    async def has_room(self, reports: int) -> bool:
        """Say whether so many more reports may come within this minute, from all clients together."""
        return await self._within("total", reports, self._total_per_minute)

    async def _within(self, whose: str, amount: int, limit: int) -> bool:
        key = f"rate:{int(time.time() // MINUTE)}"
        sent = await self._shared(lambda redis, tag: _count(redis, f"{tag}:{key}", whose, amount))
        return (self._memory.count(f"{key}:{whose}", amount) if sent is None else sent) <= limit

    async def unseen(self, keys: Sequence[str]) -> Sequence[bool]:
        """Say of each key whether it is the first time; from now on it is not."""
        names = [f"vital:{hashlib.blake2b(key.encode(), digest_size=12).hexdigest()}" for key in keys]
        found = await self._shared(lambda redis, tag: _claim(redis, [f"{tag}:{name}" for name in names]))
        alone = [self._memory.count(name) == 1 for name in names]
        return alone if found is None else found

    async def _shared(self, ask: "Callable[[Client, str], T]") -> T | None:
        """Return what Redis says, or None where there is none to ask."""
        store = self._store
        if store is None or time.monotonic() < self._paused_until:
            return None
        try:
            return await in_thread(
                lambda: store.run(lambda redis: ask(redis, store.tag)), DEADLINE_SECONDS, self._threads
            )
        except (StoreError, TimeoutError):
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            return None


class _Memory:
    """Counts by key, the oldest forgotten first."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def count(self, key: str, amount: int = 1) -> int:
        """Return how often this key was counted, this time included."""
        if key not in self._counts and len(self._counts) >= MAX_REMEMBERED:
            self._counts.popitem(last=False)
        self._counts[key] = found = self._counts.get(key, 0) + amount
        return found


def _count(redis: "Client", key: str, field: str, amount: int) -> int:
    pipeline: Any = redis.pipeline(transaction=False)
    sent, _ = pipeline.hincrby(key, field, amount).expire(key, 2 * MINUTE).execute()
    return int(sent)


def _claim(redis: "Client", keys: list[str]) -> list[bool]:
    pipeline: Any = redis.pipeline(transaction=False)
    for key in keys:
        pipeline.set(key, 1, nx=True, ex=REMEMBERED_SECONDS)
    return [bool(answer) for answer in pipeline.execute()]
