"""What has this process counted? Counters, gauges and histograms in memory, cheap enough for every request."""

import hashlib
import math
import time
from bisect import bisect_left
from collections import Counter as Tally
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

from watchkeeper.contract.metrics import Metric

_INFINITY = math.inf

MAX_LABEL_LENGTH = 256
"""Longer label values are cut: a label names a kind of thing and never carries a payload."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation worth looking at: its trace, its value, and when it was made (seconds since 1970)."""

    trace_id: str
    value: float
    timestamp: float


ExemplarKey = tuple[str, str, int]
"""Metric name, text of the series, bucket number."""


class Exemplars:
    """The newest exemplar of each histogram bucket since they were last taken, at most ``limit`` of them."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._newest: dict[tuple[str, str, int], Exemplar] = {}

    def put(self, key: tuple[str, str, int], exemplar: Exemplar) -> None:
        """Keep an exemplar for (metric name, series, bucket number)."""
        if len(self._newest) < self._limit or key in self._newest:
            self._newest[key] = exemplar

    def take(self) -> dict[tuple[str, str, int], Exemplar]:
        """Return what was put since the last call."""
        taken, self._newest = self._newest, {}
        return taken

    def peek(self) -> dict[tuple[str, str, int], Exemplar]:
        """Return what was put since it was last taken, and keep it."""
        return dict(self._newest)


Lock = AbstractContextManager[object, None]
"""What every update passes through."""


class Series:
    """One series of a family; ``text`` is its labels as the exposition writes them."""

    __slots__ = ("_lock", "text")

    def __init__(self, text: str, lock: Lock) -> None:
        self.text = text
        self._lock = lock

    def numbers(self) -> list[float]:
        """Return the state as numbers, `family.width` of them; the caller holds the lock."""
        raise NotImplementedError

    def take_back(self, numbers: list[float]) -> None:
        """Subtract what is counted elsewhere from now on; what is no total, such as a gauge, stays."""

    def reset(self) -> None:
        """Start from nothing; the caller holds the lock."""
        raise NotImplementedError


class Counter(Series):
    """A number that only grows."""

    __slots__ = ("_dropped", "_value")

    def __init__(self, text: str, lock: Lock, dropped: "Counter | None") -> None:
        super().__init__(text, lock)
        self._value = 0.0
        self._dropped = dropped

    def add(self, amount: float = 1.0) -> None:
        """Grow by ``amount``; what is negative or not finite is dropped and counted as such."""
        if 0.0 <= amount < _INFINITY:
            with self._lock:
                self._value += amount
        elif self._dropped is not None:
            self._dropped.add()

    def numbers(self) -> list[float]:
        """Return the total."""
        return [self._value]

    def take_back(self, numbers: list[float]) -> None:
        """Subtract a total."""
        with self._lock:
            self._value -= numbers[0]

    def reset(self) -> None:
        """Return to zero."""
        self._value = 0.0


class CountingLock(AbstractContextManager[object, None]):
    """A lock that counts how often it is taken: updates of a series for which there was no room are dropped."""

    def __init__(self, lock: Lock, passed: Counter) -> None:
        self._lock = lock
        self._passed = passed

    def __enter__(self) -> object:
        self._passed.add()
        return self._lock.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._lock.__exit__(kind, error, trace)


class Gauge(Series):
    """A number that goes up and down, and when it was last set (seconds since 1970)."""

    __slots__ = ("_at", "_value")

    def __init__(self, text: str, lock: Lock) -> None:
        super().__init__(text, lock)
        self._value = self._at = 0.0

    def set(self, value: float) -> None:
        """Say what it is now."""
        with self._lock:
            self._value = value
            self._at = time.time()

    def change(self, delta: float) -> None:
        """Go up, or down where ``delta`` is negative."""
        with self._lock:
            self._value += delta

    def numbers(self) -> list[float]:
        """Return the value and when it was set."""
        return [self._value, self._at]

    def reset(self) -> None:
        """Return to zero, as if never set."""
        self._value = self._at = 0.0


class Histogram(Series):
    """Observations counted by size."""

    __slots__ = ("_counts", "_dropped", "_edges", "_exemplars", "_name", "_sum")

    def __init__(self, text: str, lock: Lock, metric: Metric, exemplars: Exemplars, dropped: Counter) -> None:
        super().__init__(text, lock)
        self._edges = metric.buckets
        self._name = metric.name
        self._exemplars = exemplars
        self._dropped = dropped
        self._counts = [0.0] * (len(metric.buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float, trace_id: str | None = None) -> None:
        """Count one observation, and remember which trace it belongs to; what is not finite is dropped."""
        if not -_INFINITY < value < _INFINITY:
            self._dropped.add()
            return
        bucket = bisect_left(self._edges, value)
        with self._lock:
            self._counts[bucket] += 1.0
            self._sum += value
            if trace_id is not None:
                self._exemplars.put((self._name, self.text, bucket), Exemplar(trace_id, value, time.time()))

    def numbers(self) -> list[float]:
        """Return the observations of each bucket on its own, +Inf last, and then the sum."""
        return [*self._counts, self._sum]

    def take_back(self, numbers: list[float]) -> None:
        """Subtract the observations of each bucket, and the sum."""
        with self._lock:
            self._counts = [mine - theirs for mine, theirs in zip(self._counts, numbers[:-1], strict=True)]
            self._sum -= numbers[-1]

    def reset(self) -> None:
        """Return to no observations."""
        self._counts = [0.0] * len(self._counts)
        self._sum = 0.0


class Presence(Series):
    """Who is here now; a member who is here twice counts once, in this process and across all of them."""

    __slots__ = ("_members",)

    def __init__(self, text: str, lock: Lock) -> None:
        super().__init__(text, lock)
        self._members: Tally[int] = Tally()

    def enter(self, member: str) -> None:
        """Note that ``member`` came; only a digest of the name is kept."""
        with self._lock:
            self._members[_digest(member)] += 1

    def leave(self, member: str) -> None:
        """Note that ``member`` left; who never came is ignored."""
        key = _digest(member)
        with self._lock:
            if self._members[key] > 1:
                self._members[key] -= 1
            else:
                del self._members[key]

    def members(self) -> list[int]:
        """Return the digests of those who are here; the caller holds the lock."""
        return list(self._members)

    def numbers(self) -> list[float]:
        """Return how many are here."""
        return [float(len(self._members))]

    def reset(self) -> None:
        """Forget everybody."""
        self._members.clear()


def _digest(member: str) -> int:
    # 52 bits survive any JSON reader; two of a million users collide with a chance of one in ten thousand.
    digest = hashlib.blake2b(member.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) >> 12


def series_text(metric: Metric, values: tuple[str, ...]) -> str:
    r"""
    Return the labels of one series as the exposition writes them, sorted by name and without braces.

    A histogram's text has one newline, where ``le`` belongs; in every other text a newline is escaped.
    """
    pairs = [(label.name, escape(value)) for label, value in zip(metric.labels, values, strict=True)]
    if metric.kind != "histogram":
        return ",".join(f'{name}="{value}"' for name, value in sorted(pairs))
    before = ",".join(f'{name}="{value}"' for name, value in sorted(pairs) if name < "le")
    after = ",".join(f'{name}="{value}"' for name, value in sorted(pairs) if name > "le")
    return f"{before}\n{after}"


def escape(value: str) -> str:
    """Return a label value as the exposition writes it, cut to a sensible length."""
    value = str(value)[:MAX_LABEL_LENGTH].encode("utf-8", "replace").decode()
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
