"""How do metrics that an application has in prometheus_client join ours, summed over all workers?"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import RLock
from typing import Any, Protocol

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Across, Metric
from watchkeeper.counts.family import Family
from watchkeeper.counts.series import Lock, Series, escape

MAX_SERIES = 10_000
"""Series read from collectors; more are left out, and counted as dropped."""

ACROSS: Mapping[str, Across] = {"min": "min", "max": "max", "mostrecent": "last"}
"""How prometheus_client's `multiprocess_mode` reads here, `live` left out; every other mode is a sum."""

_log = logging.getLogger("telemetry")


class Collector(Protocol):
    """What prometheus_client calls a collector; a registry is one."""

    def collect(self) -> Iterable[Any]:
        """Return metric families."""


class Foreign(Series):
    """A series that somebody else counts; what has been counted elsewhere is subtracted."""

    __slots__ = ("_base", "_grows", "_values")

    def __init__(self, text: str, lock: Lock, *, grows: bool, size: int) -> None:
        super().__init__(text, lock)
        self._grows = grows
        self._values = [0.0] * size
        self._base = [0.0] * size

    def put(self, values: list[float]) -> None:
        """Take what a collector says; a total that fell began anew."""
        if self._grows and any(now < base for now, base in zip(values, self._base, strict=True)):
            self._base = [0.0] * len(values)
        self._values = values

    def numbers(self) -> list[float]:
        """Return what was counted since it was last counted elsewhere."""
        return [now - base for now, base in zip(self._values, self._base, strict=True)]

    def take_back(self, numbers: list[float]) -> None:
        """Subtract a total."""
        if self._grows:
            self._base = [base + less for base, less in zip(self._base, numbers, strict=True)]

    def reset(self) -> None:
        """Start from nothing: what a forked child inherits, its parent delivers."""
        if self._grows:
            self._base = list(self._values)


class Bridge:
    """The families of ``collectors``, read whenever ours are; ``taken`` says which names are ours."""

    def __init__(
        self, collectors: Iterable[Collector], taken: Callable[[str], bool], dropped: Callable[[], None]
    ) -> None:
        self._collectors = tuple(collectors)
        self._taken = taken
        self._dropped = dropped
        self._lock = RLock()
        self._families: dict[str, Family] = {}
        self._room = MAX_SERIES
        self._failing = False

    def names(self) -> list[str]:
        """Return the names of what has been read."""
        return list(self._families)

    def families(self) -> list[Family]:
        """Return what the collectors say now; one that fails is left out, and named once."""
        with self._lock:
            seen: set[str] = set()
            for collector in self._collectors:
                self._read(collector, seen)
            return list(self._families.values())

    def reset(self) -> None:
        """Start every series from nothing."""
        for family in self._families.values():
            family.reset()

    def _read(self, collector: Collector, seen: set[str]) -> None:
        try:
            for family in collector.collect():
                for metric, series in _tables(family, getattr(collector, "_names_to_collectors", {})):
                    if metric.name not in seen and not self._taken(metric.name):
                        seen.add(metric.name)
                        self._put(metric, series)
        except Exception:  # noqa: BLE001 - a foreign collector may raise anything, and our own counts must arrive
            if not self._failing:
                _log.warning("a collector of prometheus_client cannot be read; what it said last stands", exc_info=True)
            self._failing = True
        else:
            self._failing = False

    def _put(self, metric: Metric, found: Mapping[str, list[float]]) -> None:
        family = self._families.get(metric.name)
        if family is None or family.metric != metric:
            family = self._families[metric.name] = Family(metric, self._lock)
        for text, values in found.items():
            series = family.by_text.get(text)
            if series is None:
                if self._room <= 0:
                    self._dropped()
                    continue
                self._room -= 1
                grows = metric.kind != "gauge"
                series = family.by_text[text] = Foreign(text, self._lock, grows=grows, size=len(values))
            if isinstance(series, Foreign):
                series.put(values)


Table = tuple[Metric, dict[str, list[float]]]


def _tables(family: Any, collectors: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the metrics of one family of prometheus_client, each series with `family.width` numbers."""
    if family.type == "histogram":
        yield from _histogram(family)
        return
    if family.type == "summary":
        count = _values(family, f"{family.name}_count")
        total = _values(family, f"{family.name}_sum")
        yield (
            _metric(family.name, "summary", family),
            {text: [count[text][0], total.get(text, [0.0])[0]] for text in count},
        )
        return
    kind = "counter" if family.type == "counter" else "gauge"
    mode = str(getattr(collectors.get(family.name), "_multiprocess_mode", "")).removeprefix("live")
    for name in dict.fromkeys(sample.name for sample in family.samples if not sample.name.endswith("_created")):
        values = _values(family, name)
        if kind == "gauge":
            now = time.time()
            values = {text: [value[0], now] for text, value in values.items()}
        once = name.endswith(("_info", "_start_time_seconds"))  # the same in every worker, or near it
        yield _metric(name, kind, family, "max" if once else ACROSS.get(mode, "sum")), values


def _histogram(family: Any) -> Iterator[Table]:
    edges: dict[str, list[tuple[float, float]]] = {}
    for sample in family.samples:
        if sample.name == f"{family.name}_bucket":
            edges.setdefault(_text(sample.labels, cut=True), []).append((float(sample.labels["le"]), sample.value))
    sums = _values(family, f"{family.name}_sum", cut=True)
    found: dict[str, list[float]] = {}
    buckets: tuple[float, ...] = ()
    for text, pairs in edges.items():
        pairs.sort()
        buckets = tuple(edge for edge, _ in pairs[:-1])
        counts = [count for _, count in pairs]
        found[text] = [now - before for now, before in zip(counts, [0.0, *counts], strict=False)]
        found[text].append(sums.get(text, [0.0])[0])
    if buckets:
        yield _metric(family.name, "histogram", family, buckets=buckets), found


def _metric(name: str, kind: Any, family: Any, across: Across = "sum", buckets: tuple[float, ...] = ()) -> Metric:
    names = sorted({label for sample in family.samples for label in sample.labels} - {"le", "quantile"})
    return Metric(name, kind, family.documentation, tuple(Label(one, "") for one in names), "", buckets, "", across)


def _values(family: Any, name: str, *, cut: bool = False) -> dict[str, list[float]]:
    return {_text(sample.labels, cut=cut): [float(sample.value)] for sample in family.samples if sample.name == name}


def _text(labels: Mapping[str, str], *, cut: bool = False) -> str:
    """Return labels as the exposition writes them; ``cut`` puts a newline where `le` belongs."""
    pairs = sorted((name, f'{name}="{escape(value)}"') for name, value in labels.items() if name != "le")
    if not cut:
        return ",".join(text for _, text in pairs)
    before = ",".join(text for name, text in pairs if name < "le")
    return before + "\n" + ",".join(text for name, text in pairs if name > "le")
