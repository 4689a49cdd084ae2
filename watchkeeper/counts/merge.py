"""What do the totals of several workers come to together?"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from operator import add

from watchkeeper.contract.metrics import Metric
from watchkeeper.counts.family import Totals, width, yield_turn

SLICE = 2000
"""Series added before other threads get their turn."""

Table = Mapping[str, Totals]
"""The totals of one worker by metric name."""


def merge(tables: Iterable[Table]) -> dict[str, Totals]:
    """
    Return one total per series over all ``tables``; a gauge comes out as one number per series.

    Where workers of two versions define a metric differently, the definition of the last table counts: its help,
    and its buckets, into which older observations are sorted by the upper edge of theirs. A metric that changed its
    kind counts as the last table has it, and what was counted as the other kind is left out.
    """
    gathered: dict[str, list[Totals]] = {}
    for table in tables:
        for name, totals in table.items():
            gathered.setdefault(name, []).append(totals)
    return {name: _combine(parts) for name, parts in gathered.items()}


def _combine(parts: list[Totals]) -> Totals:
    metric = parts[-1].metric
    alike = [part for part in parts if part.metric.kind == metric.kind and part.metric.across == metric.across]
    if metric.kind == "gauge":
        return _distinct(metric, alike) if metric.across == "distinct" else _gauges(metric, alike)
    total = Totals(metric, [], [])
    for part in alike:
        _accumulate(total, rebucket(part, metric.buckets) if part.metric.buckets != metric.buckets else part)
    return total


def _accumulate(total: Totals, part: Totals) -> None:
    if not total.texts:
        total.texts, total.numbers = part.texts, part.numbers
    elif total.texts is part.texts or total.texts == part.texts:
        total.numbers = list(map(add, total.numbers, part.numbers))
    else:
        _accumulate_by_text(total, part)


def _accumulate_by_text(total: Totals, part: Totals) -> None:
    size = width(total.metric)
    total.texts, total.numbers = list(total.texts), list(total.numbers)
    place = {text: number * size for number, text in enumerate(total.texts)}
    numbers = total.numbers
    for number, text in enumerate(part.texts):
        if number % SLICE == SLICE - 1:
            yield_turn()
        theirs = part.numbers[number * size : (number + 1) * size]
        start = place.get(text)
        if start is None:
            total.texts.append(text)
            numbers += theirs
        elif size == 1:
            numbers[start] += theirs[0]
        else:
            numbers[start : start + size] = map(add, numbers[start : start + size], theirs)


def rebucket(totals: Totals, edges: tuple[float, ...]) -> Totals:
    """Return a histogram's totals in other buckets: each old bucket falls where its upper edge does."""
    old, size = totals.metric.buckets, width(totals.metric)
    target = [bisect_left(edges, edge) for edge in old] + [len(edges)]
    numbers: list[float] = []
    for start in range(0, len(totals.numbers), size):
        counts = [0.0] * (len(edges) + 1)
        for bucket, count in zip(target, totals.numbers[start : start + size - 1], strict=True):
            counts[bucket] += count
        numbers += [*counts, totals.numbers[start + size - 1]]
    return Totals(totals.metric, totals.texts, numbers)


def _newer(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one, other, key=lambda measured: measured[1])


_ACROSS: dict[str, Callable[[tuple[float, float], tuple[float, float]], tuple[float, float]]] = {
    "sum": lambda one, other: (one[0] + other[0], 0.0),
    "max": max,
    "min": min,
    "last": _newer,
}


def _gauges(metric: Metric, parts: list[Totals]) -> Totals:
    combine = _ACROSS[metric.across]
    found: dict[str, tuple[float, float]] = {}
    for part in parts:
        for text, *measured in zip(part.texts, part.numbers[::2], part.numbers[1::2], strict=True):
            value = (measured[0], measured[1])
            found[text] = combine(found[text], value) if text in found else value
    return Totals(metric, list(found), [value for value, _ in found.values()])


def _distinct(metric: Metric, parts: list[Totals]) -> Totals:
    found: dict[str, set[int]] = {}
    for part in parts:
        for text, members in zip(part.texts, part.members, strict=True):
            found.setdefault(text, set()).update(members)
    return Totals(metric, list(found), [float(len(members)) for members in found.values()])
