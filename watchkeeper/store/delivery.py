"""
How do a process's counts reach the shared store, whatever happens on the way?

A thread delivers, not a task on an event loop: it works alike for web servers, job runners and scripts, for any
number of loops, and a store that hangs never holds up a request. What is sent are totals, numbered; a batch that
may or may not have arrived is sent again unchanged until the store confirms it. So the process always knows what
the store can have of it: the last batch confirmed, or the one on its way.
"""

import atexit
import logging
import random
import threading
import time
import uuid
from dataclasses import dataclass, replace
from typing import Protocol

from watchkeeper.contract.metrics import FLUSH_DURATION, FLUSHES, Metric
from watchkeeper.counts.family import Family, Totals
from watchkeeper.counts.series import Exemplar, ExemplarKey, Exemplars, Series
from watchkeeper.store.protocol import TOMBSTONE_SECONDS, Batch, Reply, Store, StoreError
from watchkeeper.store.wire import DEFINITIONS, EXEMPLARS, Packer, pack_definitions, pack_exemplars

log = logging.getLogger("telemetry")

MAX_EXEMPLARS = 1000


class Counts(Protocol):
    """What is delivered: the side of a recorder that a delivery needs."""

    exemplars: Exemplars

    def families(self) -> list[Family]:
        """Return every family declared or used."""

    def add(self, metric: Metric, labels: tuple[str, ...] = (), amount: float = 1.0) -> None:
        """Grow a counter."""

    def observe(self, metric: Metric, labels: tuple[str, ...], value: float, trace_id: str | None = None) -> None:
        """Count one observation of a histogram."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All totals at one moment, as the store gets them and as they can be taken back."""

    sequence: int
    fields: dict[str, bytes]
    series: list[tuple[list[Series], Totals]]


NOTHING = Snapshot(0, {}, [])


class Delivery:
    """Delivers the counts of one process to a store every ``interval`` seconds, and when it stops."""

    def __init__(self, counts: Counts, store: Store, interval: float = 1.0) -> None:
        self._counts = counts
        self._store = store
        self._interval = interval
        self.thread: threading.Thread | None = None
        self._begin()

    def _begin(self) -> None:
        self._busy = threading.Lock()
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._exemplars: dict[ExemplarKey, Exemplar] = {}
        self._packer = Packer()
        self._failing = False
        self._new_instance()

    def _new_instance(self) -> None:
        # Random, for a process id comes back.
        self.instance = uuid.uuid4().hex
        self._confirmed = NOTHING
        self._confirmed_at, self._epoch = time.time(), ""
        self._pending: Snapshot | None = None

    def start(self) -> None:
        """Deliver in the background from now on, and once more when the interpreter exits."""
        if self.thread is not None:
            return
        with self._starting:
            if self.thread is None:
                self._stopping = threading.Event()
                self.thread = threading.Thread(
                    target=self._run, args=(self._stopping,), name="telemetry-delivery", daemon=True
                )
                self.thread.start()
                atexit.register(self.stop)

    def stop(self, timeout: float = 3.0) -> None:
        """End the background thread and deliver what is left, in at most about ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        self._stopping.set()
        atexit.unregister(self.stop)
        thread, self.thread = self.thread, None
        if thread is not None:
            thread.join(timeout)
        try:
            self.flush(timeout=max(deadline - time.monotonic(), 0), leaving=True)
        except StoreError as error:
            log.warning("the last counts of this process were not delivered: %s", error)

    def restart_after_fork(self) -> None:
        """Go on in a forked child: as another instance, on its own connections, with a thread if there was one."""
        running = self.thread is not None
        self.thread = None
        self._begin()
        self._store.forget_connections()
        if running:
            self.start()

    def flush(self, timeout: float = 3.0, *, leaving: bool = False) -> None:
        """
        Deliver everything counted until now; raise StoreError where the store did not confirm it.

        After an error nothing is lost: the next flush delivers it. ``leaving`` makes this instance's gauges vanish.
        """
        if not self._busy.acquire(timeout=timeout):
            raise StoreError(f"an earlier flush has not ended within {timeout:g} s")
        try:
            self._timed_flush(leaving=leaving)
        finally:
            self._busy.release()

    def _timed_flush(self, *, leaving: bool) -> None:
        started = time.perf_counter()
        try:
            dead_found = self._deliver(leaving=leaving)
        except StoreError as error:
            self._counts.add(FLUSHES, ("error",))
            if not self._failing:
                log.warning("the metrics store does not take counts, they are kept and sent later: %s", error)
            self._failing = True
            raise
        if self._failing:
            log.warning("the metrics store takes counts again")
        self._failing = False
        self._counts.add(FLUSHES, ("ok",))
        self._counts.observe(FLUSH_DURATION, (), time.perf_counter() - started)
        if dead_found and not leaving:
            self._fold()

    def _deliver(self, *, leaving: bool) -> bool:
        """Send the batch still on its way, if there is one, then what was counted since; tell of dead instances."""
        if self._pending is not None:
            self._send(self._pending, leaving=False)
        reply = self._send(self._snapshot(), leaving=leaving)
        if reply.verdict == "gone":
            reply = self._send(self._snapshot(), leaving=leaving)
        if leaving:
            self._start_over(self._confirmed)
        return reply.dead_found

    def _send(self, snapshot: Snapshot, *, leaving: bool) -> Reply:
        self._pending = snapshot
        known = self._confirmed.fields
        changed = {name: data for name, data in snapshot.fields.items() if known.get(name) != data}
        reply = self._write(snapshot, changed, complete=not known, leaving=leaving)
        if reply.verdict == "behind" and self._is_forgotten(reply):
            reply = replace(reply, verdict="gone")
        elif reply.verdict == "behind":
            reply = self._write(snapshot, snapshot.fields, complete=True, leaving=leaving)
        if reply.verdict == "gone":
            self._start_over(snapshot if reply.sequence >= snapshot.sequence else self._confirmed)
        else:
            self._confirmed, self._pending = snapshot, None
            self._confirmed_at, self._epoch = time.time(), reply.epoch
        return reply

    def _is_forgotten(self, reply: Reply) -> bool:
        """Say whether the store misses this instance for having folded it so long ago that nothing tells of it."""
        away = time.time() - self._confirmed_at
        return reply.sequence == 0 and reply.epoch == self._epoch and away > TOMBSTONE_SECONDS

    def _write(self, snapshot: Snapshot, fields: dict[str, bytes], *, complete: bool, leaving: bool) -> Reply:
        previous = self._confirmed.sequence
        return self._store.write(Batch(self.instance, snapshot.sequence, previous, fields, complete, leaving))

    def _start_over(self, folded: Snapshot) -> None:
        """Go on as a new instance that counts from what the store already added to the totals of the dead."""
        for ordered, totals in folded.series:
            size = len(totals.numbers) // max(len(ordered), 1)
            for position, series in enumerate(ordered):
                series.take_back(totals.numbers[position * size : (position + 1) * size])
        self._new_instance()

    def _snapshot(self) -> Snapshot:
        families = self._counts.families()
        series = [family.totals() for family in families]
        fields = {DEFINITIONS: pack_definitions(family.metric for family in families)}
        for _, totals in series:
            if totals.texts:
                fields.update(self._packer.pack(totals))
        self._exemplars.update(self._counts.exemplars.take())
        newest = sorted(self._exemplars.items(), key=lambda item: item[1].timestamp)[-MAX_EXEMPLARS:]
        self._exemplars = dict(newest)
        if newest:
            fields[EXEMPLARS] = pack_exemplars(self._exemplars)
        return Snapshot(self._confirmed.sequence + 1, fields, series)

    def _fold(self) -> None:
        try:
            self._store.fold()
        except StoreError as error:
            log.debug("dead workers are folded another time: %s", error)

    def _run(self, stopping: threading.Event) -> None:
        # A random first wait spreads the workers that one server started together.
        wait = random.uniform(0, self._interval)  # noqa: S311 - no secret
        while not stopping.wait(wait):
            wait = self._interval
            try:
                self.flush()
            except StoreError:
                continue
            except Exception:
                log.exception("a flush failed with an unexpected error; the next one is tried all the same")
