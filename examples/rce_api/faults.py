"""What is broken on purpose, so that alerts have something to say?"""

import asyncio
import random
import time
from dataclasses import asdict, dataclass, fields
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY = "rce-api:faults"
FRESH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are from 0 to 1: of requests that answer 500, and of job runs that raise; latency is added to each."""

    error_ratio: float = 0.0
    latency_seconds: float = 0.0
    failing_jobs: float = 0.0

    @classmethod
    def parse(cls, found: dict[str, Any]) -> "Faults":
        """Return faults from names and numbers; raise ValueError for others."""
        known = {one.name for one in fields(cls)}
        if unknown := sorted(found.keys() - known):
            raise ValueError(f"there is no fault '{unknown[0]}'; there are: {', '.join(sorted(known))}")
        return cls(**{name: float(value) for name, value in found.items()})


class InjectedError(Exception):
    """An error that was switched on."""


class Switchboard:
    """The faults switched on, shared by all processes through Redis, or held in this one."""

    def __init__(self, redis: Redis | None) -> None:
        self._redis: Any = redis  # its types promise a value or an awaitable of it, never which
        self._faults = Faults()
        self._read_at = 0.0

    async def set(self, faults: Faults) -> None:
        """Switch faults on or off."""
        self._faults = faults
        if self._redis is not None:
            await self._redis.hset(KEY, mapping=asdict(faults))

    async def suffer(self) -> None:
        """Be as slow, and raise InjectedError as often, as is switched on for requests."""
        faults = await self.get()
        if faults.latency_seconds:
            await asyncio.sleep(faults.latency_seconds)
        if random.random() < faults.error_ratio:  # noqa: S311 - chaos, not secrecy
            raise InjectedError("switched on at /_faults")

    async def get(self) -> Faults:
        """Return what is switched on; while Redis is away, what was last."""
        if self._redis is not None and time.monotonic() - self._read_at > FRESH_SECONDS:
            self._read_at = time.monotonic()
            try:
                found = await asyncio.wait_for(self._redis.hgetall(KEY), FRESH_SECONDS)
            except (RedisError, OSError, TimeoutError):
                return self._faults
            self._faults = Faults.parse({name.decode(): value.decode() for name, value in found.items()})
        return self._faults
