"""How does a message reach those who are not in the room: a job, with failures and retries?"""

import asyncio
import logging
import random
from typing import Any

from arq import Retry
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from examples.rce_api.config import QUEUE
from examples.rce_api.faults import Switchboard
from watchkeeper.adapters.arq import enqueue

MAX_TRIES = 3
PATIENCE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class DeliveryError(Exception):
    """A message could not be delivered this time."""


def connect(redis_url: str) -> ArqRedis:
    """Return a client that connects when it is first used."""
    timeouts = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    return ArqRedis(ConnectionPool.from_url(redis_url, **timeouts), default_queue_name=QUEUE)


async def request_delivery(redis: ArqRedis | None, room: str, user: str) -> bool:
    """Enqueue the delivery of a message, and say whether that worked: a full inbox is no reason to refuse a message."""
    if redis is None:
        return False
    try:
        await asyncio.wait_for(enqueue(redis, "deliver", room, user), PATIENCE_SECONDS)
    except (RedisError, OSError, TimeoutError) as error:
        _log.warning("a delivery was not enqueued: %s", error)
        return False
    return True


async def deliver(ctx: dict[str, Any], room: str, user: str) -> None:
    """Pretend to send a notification; fail as often as is switched on, and give up after MAX_TRIES."""
    switchboard: Switchboard = ctx["faults"]
    await asyncio.sleep(random.uniform(0.001, 0.01))  # noqa: S311 - a pretended network
    if random.random() < (await switchboard.get()).failing_jobs:  # noqa: S311 - chaos, not secrecy
        error = DeliveryError(f"nobody took the message of {user} in {room}")
        if ctx["job_try"] >= MAX_TRIES:
            raise error
        raise Retry(defer=ctx["job_try"]) from error
