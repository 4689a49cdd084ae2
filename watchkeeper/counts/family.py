"""All series of one metric in one process, and the totals they come to."""

import time
from dataclasses import dataclass, field
from operator import attrgetter

from watchkeeper.contract.metrics import Metric
from watchkeeper.counts.series import Lock, Presence, Series

SLICE = 500
"""Series read under one hold of the lock: a request waits microseconds for a snapshot, never for all of it."""


TURN_SECONDS = 0.00002


def yield_turn() -> None:
    """
    Let other threads run between two slices of long work, so that an event loop beside it waits for one slice only.

    Left alone, the interpreter switches every 5 ms; and `sleep(0)` is over before the waiting thread has woken up.
    """
    time.sleep(TURN_SECONDS)


@dataclass(slots=True)
class Totals:
    """
    What the series of one metric come to, in one process or over several.

    ``texts`` name the series; ``numbers`` has ``width(metric)`` numbers per series, in the same order.
    ``members`` are the digests behind each series of a gauge that counts distinct members, else empty.
    """

    metric: Metric
    texts: list[str]
    numbers: list[float]
    members: list[list[int]] = field(default_factory=list)


def width(metric: Metric) -> int:
    """Return how many numbers describe one series: a gauge also keeps when it was set, others count and sum."""
    if metric.kind == "histogram":
        return len(metric.buckets) + 2
    return 2 if metric.kind == "summary" or (metric.kind == "gauge" and metric.across != "distinct") else 1


def lines_per_series(metric: Metric) -> int:
    """Return how many series one set of label values is to Prometheus: a histogram has buckets, a count and a sum."""
    if metric.kind == "histogram":
        return len(metric.buckets) + 3
    return 2 if metric.kind == "summary" else 1


class Family:
    """The series of one metric; series are added under the recorder's lock and stay."""

    def __init__(self, metric: Metric, lock: Lock) -> None:
        self.metric = metric
        self.children: dict[tuple[str, ...], Series] = {}
        self._lock = lock
        self.by_text: dict[str, Series] = {}
        self._ordered: list[Series] = []
        self._texts: list[str] = []

    def totals(self) -> tuple[list[Series], Totals]:
        """
        Return every series and what it comes to, sorted by text.

        Sorted, because workers that met the same series in another order then write the same table. The list of
        texts is the same object until a series is added; nobody may change it.
        """
        with self._lock:
            if len(self._ordered) != len(self.by_text):
                self._ordered = sorted(self.by_text.values(), key=attrgetter("text"))
                self._texts = [series.text for series in self._ordered]
            ordered = self._ordered
        totals = Totals(self.metric, self._texts, [])
        for start in range(0, len(ordered), SLICE):
            if start:
                yield_turn()
            with self._lock:
                for series in ordered[start : start + SLICE]:
                    totals.numbers += series.numbers()
                    if isinstance(series, Presence):
                        totals.members.append(series.members())
        return ordered, totals

    def reset(self) -> None:
        """Start every series from nothing; the caller holds the lock."""
        for series in self.by_text.values():
            series.reset()
