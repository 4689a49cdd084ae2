"""Where does the code say what happened? A recorder counts in memory; a background thread delivers to the store."""

import os
import weakref
from collections.abc import Callable, Iterable
from threading import RLock
from typing import TypeVar

from watchkeeper.contract.metrics import CONTRACT, DROPPED, FLUSH_DURATION, FLUSHES, Metric
from watchkeeper.counts.bridge import Bridge, Collector
from watchkeeper.counts.family import Family, lines_per_series
from watchkeeper.counts.series import (
    Counter,
    CountingLock,
    Exemplars,
    Gauge,
    Histogram,
    Lock,
    Presence,
    Series,
    series_text,
)
from watchkeeper.declared import Registry
from watchkeeper.store.delivery import Delivery
from watchkeeper.store.protocol import Store

S = TypeVar("S", bound=Series)


class Recorder:
    """
    Everything one process counts.

    Safe for threads, event loops and forks: a forked child starts from zero, for its parent delivers what the
    parent counted. ``max_series`` bounds memory: updates to series beyond it are dropped, and counted as dropped.
    Without a ``store`` the process keeps its counts to itself. ``declared`` is what the application declares, and
    ``collectors`` are prometheus_client's: both are delivered and shown beside what is counted here.
    """

    def __init__(
        self,
        metrics: Iterable[Metric] = CONTRACT,
        *,
        store: Store | None = None,
        interval: float = 1.0,
        max_series: int = 50_000,
        declared: Registry | None = None,
        collectors: Iterable[Collector] = (),
    ) -> None:
        self._lock = RLock()
        self._families: dict[str, Family] = {}
        self._room = max_series
        self.exemplars = Exemplars()
        for metric in (*metrics, FLUSHES, FLUSH_DURATION, DROPPED):
            self._family(metric)
        self._over_limit = self.counter(DROPPED, ("series_limit",))
        self._invalid = self.counter(DROPPED, ("invalid",))
        for result in ("ok", "error"):
            self.counter(FLUSHES, (result,))
        self.histogram(FLUSH_DURATION)
        self.store = store
        self._bridge = Bridge(collectors, self._is_ours, self._over_limit.add)
        self.delivery = Delivery(self, store, interval) if store is not None else None
        _recorders.add(self)
        self._declared = declared or Registry()
        self._declared.join(self)

    def counter(self, metric: Metric, labels: tuple[str, ...] = ()) -> Counter:
        """Return the counter of these label values, in the order of ``metric.labels``; raise ValueError on a misfit."""
        return self._series(metric, labels, "counter", Counter)

    def gauge(self, metric: Metric, labels: tuple[str, ...] = ()) -> Gauge:
        """Return the gauge of these label values; raise ValueError on a misfit."""
        return self._series(metric, labels, "gauge", Gauge)

    def presence(self, metric: Metric, labels: tuple[str, ...] = ()) -> Presence:
        """Return the members behind a gauge that counts them once each; raise ValueError on a misfit."""
        return self._series(metric, labels, "gauge of distinct members", Presence)

    def histogram(self, metric: Metric, labels: tuple[str, ...] = ()) -> Histogram:
        """Return the histogram of these label values; raise ValueError on a misfit."""
        return self._series(metric, labels, "histogram", Histogram)

    def add(self, metric: Metric, labels: tuple[str, ...] = (), amount: float = 1.0) -> None:
        """Grow a counter."""
        self.counter(metric, labels).add(amount)

    def observe(self, metric: Metric, labels: tuple[str, ...], value: float, trace_id: str | None = None) -> None:
        """Count one observation of a histogram."""
        self.histogram(metric, labels).observe(value, trace_id)

    def set(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """Say what a gauge is now."""
        self.gauge(metric, labels).set(value)

    def change(self, metric: Metric, labels: tuple[str, ...], delta: float) -> None:
        """Move a gauge up or down."""
        self.gauge(metric, labels).change(delta)

    def start(self) -> None:
        """Deliver in the background from now on; once is enough, more does no harm."""
        if self.delivery is None:
            return
        if self._declared.owner() is None:  # asked with every request
            self._declared.claim(self)
        if self.delivery.thread is None:
            self.delivery.start()

    def stop(self, timeout: float = 3.0) -> None:
        """Deliver what is left, for at most ``timeout`` seconds, and tell the store that this process ends."""
        if self.delivery is not None:
            self.delivery.stop(timeout)
            self._declared.release(self)

    def flush(self, timeout: float = 3.0) -> None:
        """Deliver now, from this thread; raise StoreError where the store did not take it (nothing is lost)."""
        if self.delivery is not None:
            self.delivery.flush(timeout)

    def families(self) -> list[Family]:
        """Return every family counted here, what the application declared, and what its collectors say now."""
        with self._lock:
            found = list(self._families.values())
        return [*found, *self._declared.families(self if self.delivery is not None else None), *self._bridge.families()]

    def definition(self, metric: Metric) -> Metric:
        """Return how a metric of this name is declared here; ``metric`` itself if it is not."""
        family = self._families.get(metric.name)
        return metric if family is None else family.metric

    def order(self) -> list[str]:
        """Return the names of metrics in the order in which they are shown."""
        return [*self._families, *(family.metric.name for family in self._declared.families()), *self._bridge.names()]

    def dropped(self) -> None:
        """Count an update that was left out."""
        self._invalid.add()

    def _is_ours(self, name: str) -> bool:
        return name in self._families or any(family.metric.name == name for family in self._declared.families())

    def _family(self, metric: Metric) -> Family:
        family = self._families.get(metric.name)
        if family is None:
            if metric.kind == "counter" and not metric.name.endswith("_total"):
                raise ValueError(f"{metric.name} is a counter, and its name does not end in _total")
            with self._lock:
                family = self._families.setdefault(metric.name, Family(metric, self._lock))
        if family.metric is not metric and family.metric != metric:
            raise ValueError(f"{metric.name} is declared twice: {family.metric} and {metric}")
        return family

    def _series(self, metric: Metric, labels: tuple[str, ...], wanted: str, kind: type[S]) -> S:
        found = self._family(metric).children.get(labels) or self._new_series(metric, labels)
        if not isinstance(found, kind):
            message = f"{metric.name} is a {metric.kind} combined by {metric.across}, not a {wanted}"
            raise ValueError(message)  # noqa: TRY004 - the caller chose the wrong metric, not the wrong type
        return found

    def _new_series(self, metric: Metric, labels: tuple[str, ...]) -> Series:
        if len(labels) != len(metric.labels):
            names = ", ".join(label.name for label in metric.labels) or "none"
            raise ValueError(f"{metric.name} got {len(labels)} label values {labels!r}; its labels: {names}")
        family = self._family(metric)
        text = series_text(metric, labels)
        with self._lock:
            series = family.by_text.get(text)
            if series is None and metric is not DROPPED and self._room < lines_per_series(metric):
                return self._build(metric, text, CountingLock(self._lock, self._over_limit))
            if series is None:
                self._room -= lines_per_series(metric)
                series = family.children[labels] = family.by_text[text] = self._build(metric, text, self._lock)
        return series

    def _build(self, metric: Metric, text: str, lock: Lock) -> Series:
        if metric.kind == "counter":
            return Counter(text, lock, None if metric is DROPPED else self._invalid)
        if metric.kind == "histogram":
            return Histogram(text, lock, metric, self.exemplars, self._invalid)
        return Presence(text, lock) if metric.across == "distinct" else Gauge(text, lock)

    def _before_fork(self) -> None:
        self._bridge.families()  # what a child inherits is what was counted until now
        self._lock.acquire()

    def _after_fork_in_parent(self) -> None:
        self._lock.release()

    def _after_fork_in_child(self) -> None:
        for family in self._families.values():
            family.reset()
        self._bridge.reset()
        self.exemplars.take()
        self._lock.release()
        if self.delivery is not None:
            self.delivery.restart_after_fork()


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _every(step: Callable[[Recorder], None]) -> Callable[[], None]:
    def run() -> None:
        for recorder in sorted(_recorders, key=id):
            step(recorder)

    return run


os.register_at_fork(
    before=_every(Recorder._before_fork),  # noqa: SLF001 - hooks of this very class
    after_in_parent=_every(Recorder._after_fork_in_parent),  # noqa: SLF001
    after_in_child=_every(Recorder._after_fork_in_child),  # noqa: SLF001
)
