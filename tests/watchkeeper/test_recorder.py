"""What a process counts stays bounded, exact and its own."""

import math
import os
import threading
from collections.abc import Callable

import pytest

from tests.watchkeeper.reading import scrape, value
from watchkeeper.contract.labels import METHOD, ROUTE
from watchkeeper.contract.metrics import DROPPED, REQUEST_DURATION, REQUESTS, REQUESTS_IN_PROGRESS, WS_USERS, Metric
from watchkeeper.recorder import Recorder


def test_series_beyond_the_limit_are_dropped_and_counted() -> None:
    """Memory is bounded: what finds no room is counted as dropped, update by update, and the rest goes on."""
    recorder = Recorder([REQUESTS], max_series=60)
    for number in range(100):
        recorder.add(REQUESTS, ("GET", f"/{number}", "200"))
        recorder.observe(REQUEST_DURATION, ("GET", f"/{number}"), 0.1)
    held = recorder.counter(REQUESTS, ("GET", "/nowhere", "200"))
    before = value(recorder, DROPPED.name, '{reason="series_limit"}')
    held.add()
    held.add()
    recorder.add(REQUESTS, ("GET", "/0", "200"))

    assert len(scrape(recorder).splitlines()) < 100
    assert before is not None
    assert value(recorder, DROPPED.name, '{reason="series_limit"}') == before + 2
    assert value(recorder, REQUESTS.name, '{method="GET",route="/0",status="200"}') == 2


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf, -math.inf])
def test_a_counter_takes_no_nonsense(amount: float) -> None:
    """A counter that fell or became infinite would never recover; the update is dropped and counted."""
    recorder = Recorder()
    recorder.add(REQUESTS, ("GET", "/", "200"), amount)

    assert value(recorder, REQUESTS.name, '{method="GET",route="/",status="200"}') == 0
    assert value(recorder, DROPPED.name, '{reason="invalid"}') == 1


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf])
def test_a_histogram_takes_no_nonsense(seconds: float) -> None:
    """One NaN would spoil a histogram's sum for ever; it is dropped and counted."""
    recorder = Recorder()
    recorder.observe(REQUEST_DURATION, ("GET", "/"), seconds)

    assert value(recorder, "http_request_duration_seconds_sum", '{method="GET",route="/"}') == 0
    assert value(recorder, DROPPED.name, '{reason="invalid"}') == 1


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda one: one.add(REQUESTS, ("GET", "/")), r"got 2 label values .* its labels: method, route, status"),
        (lambda one: one.add(REQUEST_DURATION, ("GET", "/")), "is a histogram combined by sum, not a counter"),
        (lambda one: one.gauge(WS_USERS, ("/",)), "is a gauge combined by distinct, not a gauge"),
        (lambda one: one.add(Metric("http_requests_total", "counter", "Other.")), "is declared twice"),
        (lambda one: one.add(Metric("http_requests", "counter", "Requests.")), "does not end in _total"),
    ],
)
def test_misuse_is_named(misuse: Callable[[Recorder], None], message: str) -> None:
    """An error says which metric was misused, and how it is meant."""
    with pytest.raises(ValueError, match=message):
        misuse(Recorder())


def test_label_values_cannot_break_the_exposition() -> None:
    """Quotes, newlines, lone surrogates and very long values come out as one valid line each."""
    recorder = Recorder()
    for text in ('a"b', "a\nb", "a\\b", "\ud800", "x" * 10_000, "x" * 10_001):
        recorder.add(REQUESTS, ("GET", text, "200"))

    lines = [line for line in scrape(recorder).splitlines() if line.startswith("http_requests_total{")]
    assert len(lines) == 5  # two values that differ only beyond the length kept are one series
    assert max(map(len, lines)) < 400


def test_threads_lose_nothing() -> None:
    """Eight threads count a hundred thousand times, through shared and through fresh handles."""
    recorder = Recorder()
    shared = recorder.counter(REQUESTS, ("GET", "/", "200"))
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        for _ in range(6250):
            shared.add()
            recorder.add(REQUESTS, ("GET", "/", "200"))
            recorder.observe(REQUEST_DURATION, ("GET", f"/{number}"), 0.1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert value(recorder, REQUESTS.name, '{method="GET",route="/",status="200"}') == 100_000


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_from_zero() -> None:
    """The parent's counts are the parent's to deliver; a handle from before the fork works on in the child."""
    recorder = Recorder()
    handle = recorder.counter(REQUESTS, ("GET", "/", "200"))
    handle.add(5)
    recorder.change(REQUESTS_IN_PROGRESS, ("GET",), 2)
    child = os.fork()
    if child == 0:
        handle.add()
        exact = (
            value(recorder, REQUESTS.name, '{method="GET",route="/",status="200"}') == 1
            and value(recorder, REQUESTS_IN_PROGRESS.name, '{method="GET"}') == 0
        )
        os._exit(0 if exact else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert value(recorder, REQUESTS.name, '{method="GET",route="/",status="200"}') == 5


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_in_the_middle_of_an_update_does_not_block_the_child() -> None:
    """A child forked while another thread counts can count itself: no lock stays locked."""
    recorder = Recorder()
    stop = threading.Event()
    handle = recorder.counter(REQUESTS, ("GET", "/", "200"))

    def work() -> None:
        while not stop.is_set():
            handle.add()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(50):
            child = os.fork()
            if child == 0:
                handle.add()
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()


def test_metrics_of_the_application_are_exposed_too() -> None:
    """A team's own metric needs no more than a declaration."""
    orders = Metric("shop_orders_total", "counter", "Orders placed.", (METHOD, ROUTE))
    recorder = Recorder()
    recorder.add(orders, ("GET", "/"), 3)

    assert value(recorder, "shop_orders_total", '{method="GET",route="/"}') == 3
