"""
How does an application count something of its own: declared once, counted from anywhere?

What is declared belongs to the process, not to one `Telemetry`: one recorder delivers it, the first that starts, and
whoever keeps counts in memory shows it. A declaration needs nothing of the store and nothing of a server, so that
jobs, scripts and the repository with the dashboards import the same one.
"""

import logging
import os
import re
import weakref
from collections.abc import Sequence
from itertools import product
from math import prod
from threading import RLock
from typing import Any, Protocol

from watchkeeper.contract.labels import Label, listed
from watchkeeper.contract.metrics import CONTRACT, LATENCY_EDGES_SECONDS, Across, Metric, MetricKind, Unit
from watchkeeper.counts import series
from watchkeeper.counts.family import Family

MAX_SERIES = 1000
"""Series of one metric: label values are declared, so this is known at once."""

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_log = logging.getLogger("telemetry")


class Owner(Protocol):
    """Who may show what is declared."""

    def dropped(self) -> None:
        """Count an update that was left out."""


class Registry:
    """Everything declared in this process, and which recorder delivers it."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._families: dict[str, Family] = {}
        self.owner: weakref.ref[Owner] = lambda: None  # type: ignore[assignment] # nobody yet
        self._listeners: weakref.WeakSet[Owner] = weakref.WeakSet()

    def add(self, metric: Metric) -> Family:
        """Return the family of a metric; raise ValueError where its name means something else."""
        if metric.name in STANDARD:
            raise ValueError(f"{metric.name} is a standard series; choose another name")
        with self.lock:
            family = self._families.setdefault(metric.name, Family(metric, self.lock))
        if _meaning(family.metric) != _meaning(metric):
            raise ValueError(f"{metric.name} is declared twice: {family.metric} and {metric}")
        return family

    def join(self, owner: Owner) -> None:
        """Tell an owner of what is left out."""
        self._listeners.add(owner)

    def claim(self, owner: Owner) -> None:
        """Let an owner deliver everything from now on, if nobody does."""
        if self.owner() is None:
            self.owner = weakref.ref(owner)

    def release(self, owner: Owner) -> None:
        """Let another deliver from now on."""
        if self.owner() is owner:
            self.owner = lambda: None  # type: ignore[assignment] # nobody

    def families(self, owner: Owner | None = None) -> list[Family]:
        """Return everything declared; for an ``owner``, nothing where another one delivers it."""
        with self.lock:
            return list(self._families.values()) if owner is None or self.owner() is owner else []

    def drop(self) -> None:
        """Count an update that was left out, wherever this process counts."""
        for owner in list(self._listeners):
            owner.dropped()

    def reset(self) -> None:
        """Start every series from nothing, in a forked child; the lock is held."""
        for family in self._families.values():
            family.reset()
        self.lock.release()


STANDARD = frozenset(metric.name for metric in CONTRACT)
REGISTRY = Registry()
os.register_at_fork(before=REGISTRY.lock.acquire, after_in_parent=REGISTRY.lock.release, after_in_child=REGISTRY.reset)


class Declared(Metric):
    """
    A metric of the application's own; every label lists the values it may take.

    It is a `Metric`: a module of metrics/ puts it in SERIES, and boards and alerts ask for it. Raise ValueError for
    what Prometheus or a reader would stumble over.
    """

    __slots__ = ("_family", "_names", "_warned")

    _family: Family
    _names: frozenset[str]
    _warned: bool

    def __init__(
        self,
        name: str,
        kind: MetricKind,
        text: str,
        labels: Sequence[Label],
        unit: Unit,
        *,
        buckets: Sequence[float] = (),
        across: Across = "sum",
    ) -> None:
        super().__init__(name, kind, text, tuple(labels), unit, tuple(map(float, buckets)), "", across)
        _check(self)
        object.__setattr__(self, "_names", frozenset(label.name for label in self.labels))
        object.__setattr__(self, "_warned", False)
        object.__setattr__(self, "_family", REGISTRY.add(self))
        if kind != "gauge":  # at zero from the beginning, so that the first event is seen as a rise
            for values in product(*(label.values for label in self.labels)):
                self._make(values)

    def _series(self, given: dict[str, str]) -> Any:
        """Return the series of these label values, None for a value that was not declared."""
        if given.keys() != self._names:
            takes = ", ".join(label.name for label in self.labels) or "none"
            raise ValueError(f"{self.name} got the labels {', '.join(sorted(given)) or 'none'}; it takes: {takes}")
        values = tuple(given[label.name] for label in self.labels)
        return self._family.children.get(values) or self._declared(values)

    def _declared(self, values: tuple[str, ...]) -> "series.Series | None":
        for label, value in zip(self.labels, values, strict=True):
            if value not in label.values:
                if not self._warned:  # once: it may be a client that chooses
                    object.__setattr__(self, "_warned", True)
                    _log.warning(
                        "%s: label '%s' is never %r; it takes: %s; the update is dropped, and others like it",
                        *(self.name, label.name, value[:40], listed(label.values)),
                    )
                REGISTRY.drop()
                return None
        return self._make(values)

    def _make(self, values: tuple[str, ...]) -> "series.Series":
        family, lock = self._family, REGISTRY.lock
        with lock:
            if values not in family.children:
                text = series.series_text(self, values)
                family.children[values] = family.by_text[text] = _build(self, text)
            return family.children[values]


class Counter(Declared):
    """A number that only grows: `ORDERS = Counter("orders_total", "Orders taken.", labels=(CHANNEL,))`."""

    __slots__ = ()

    def __init__(self, name: str, text: str, *, labels: Sequence[Label] = (), unit: Unit = "") -> None:
        super().__init__(name, "counter", text, labels, unit)

    def inc(self, amount: float = 1.0, **labels: str) -> None:
        """Grow by ``amount``: `ORDERS.inc(channel="web")`; what is negative or not finite is dropped."""
        found = self._series(labels)
        if found is not None:
            found.add(amount)


class Gauge(Declared):
    """
    A number that goes up and down.

    ``across`` is how the values of several processes make one: their sum, the largest, the smallest, or the last.
    """

    __slots__ = ()

    def __init__(
        self, name: str, text: str, *, labels: Sequence[Label] = (), unit: Unit = "", across: Across = "sum"
    ) -> None:
        super().__init__(name, "gauge", text, labels, unit, across=across)

    def set(self, value: float, **labels: str) -> None:
        """Say what it is now."""
        found = self._series(labels)
        if found is not None:
            found.set(value)

    def inc(self, amount: float = 1.0, **labels: str) -> None:
        """Go up."""
        found = self._series(labels)
        if found is not None:
            found.change(amount)

    def dec(self, amount: float = 1.0, **labels: str) -> None:
        """Go down."""
        self.inc(-amount, **labels)


class Histogram(Declared):
    """Observations counted by size, in ``unit``; ``buckets`` are the upper edges without +Inf."""

    __slots__ = ()

    def __init__(
        self,
        name: str,
        text: str,
        *,
        labels: Sequence[Label] = (),
        unit: Unit = "seconds",
        buckets: Sequence[float] = LATENCY_EDGES_SECONDS,
    ) -> None:
        super().__init__(name, "histogram", text, labels, unit, buckets=buckets)

    def observe(self, value: float, **labels: str) -> None:
        """Count one observation; what is not finite is dropped."""
        found = self._series(labels)
        if found is not None:
            found.observe(value)


class _Dropped(series.Counter):
    """Takes what is negative or not finite."""

    __slots__ = ()

    def add(self, amount: float = 1.0) -> None:  # noqa: ARG002 - whatever it was
        REGISTRY.drop()


_INVALID = _Dropped("", REGISTRY.lock, None)
_EXEMPLARS = series.Exemplars(0)


def _build(metric: Metric, text: str) -> "series.Series":
    if metric.kind == "counter":
        return series.Counter(text, REGISTRY.lock, _INVALID)
    if metric.kind == "gauge":
        return series.Gauge(text, REGISTRY.lock)
    return series.Histogram(text, REGISTRY.lock, metric, _EXEMPLARS, _INVALID)


def _check(metric: Metric) -> None:
    names = [metric.name, *(label.name for label in metric.labels)]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for Prometheus: letters, digits and underscores")
    if (metric.kind == "counter") != metric.name.endswith("_total"):
        raise ValueError(f"{metric.name} is a {metric.kind}; the name of a counter, and no other, ends in _total")
    if metric.across == "distinct":
        raise ValueError(f"{metric.name}: a gauge of one's own is combined by sum, max, min or last")
    for label in metric.labels:
        if not label.values:
            raise ValueError(f"{metric.name}: label '{label.name}' lists no values; Label(name, help, (\"web\", ...))")
    if prod(len(label.values) for label in metric.labels) > MAX_SERIES:
        raise ValueError(f"{metric.name} has more than {MAX_SERIES} combinations of label values")


def _meaning(metric: Metric) -> tuple[object, ...]:
    return metric.kind, metric.help, metric.labels, metric.unit, metric.buckets, metric.across
