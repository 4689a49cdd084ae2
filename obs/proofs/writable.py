"""Could the source of a case's series ever write them?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from obs.alerting import Case
from obs.alerting.samples import Sample, expand
from obs.query import expr
from obs.query.expr import Selector
from watchkeeper.contract.labels import LE, TARGET
from watchkeeper.contract.metrics import Metric

EVERYTHING = "+Inf"
HIGHEST = {"ratio": 1.0, "percent": 100.0}
"""The most that a gauge of a unit can say."""

Labels = tuple[tuple[str, str], ...]


def families(metrics: Sequence[Metric]) -> dict[str, Metric]:
    """Return every series that metrics write, by its name: of a histogram its buckets and its count, too."""
    known = {metric.name: metric for metric in metrics}
    for metric in metrics:
        if metric.kind in ("histogram", "summary"):
            parts = (metric.count, metric.sum, *((metric.bucket,) if metric.buckets else ()))
            known |= {part.name: part for part in parts}
    return known


def faults(case: Case, known: Mapping[str, Metric]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a case's series, each with what its source writes; series of no known metric pass."""
    buckets: dict[tuple[str, Labels], dict[str, list[Sample]]] = defaultdict(dict)
    for text, values in case.series.items():
        selector = expr.parse(text).selectors[0]
        metric = known.get(selector.name)
        if metric is None:
            continue
        yield from _labels(text, selector, metric)
        history = expand(values)
        yield from _values(text, metric, [one for one in history if isinstance(one, float)])
        base = selector.name.removesuffix("_bucket").removesuffix("_count")
        if known.get(base, metric).kind == "histogram" and base != selector.name:
            labels = {one.label: one.value for one in selector.conditions}
            edge = labels.pop(LE.name, "count")
            buckets[base, tuple(sorted(labels.items()))][edge] = history
    for (name, _), edges in buckets.items():
        yield from _histogram(name, edges)


def _labels(text: str, selector: Selector, metric: Metric) -> Iterator[tuple[str, str]]:
    declared = {label.name: label for label in (*metric.labels, *TARGET)}
    for one in selector.conditions:
        if one.label not in declared:
            yield f"{text}: the series has no label '{one.label}'", f"it has {', '.join(declared)}"
        elif declared[one.label].values and one.value not in declared[one.label].values:
            yield f"{text}: label '{one.label}' is never '{one.value}'", "take a value that its source writes"


def _values(text: str, metric: Metric, values: Sequence[float]) -> Iterator[tuple[str, str]]:
    if metric.kind == "counter" and any(value < 0 for value in values):
        yield f"{text}: a counter is never below zero", "count from 0"
    highest = HIGHEST.get(metric.unit)
    if metric.kind == "gauge" and highest and any(not 0 <= value <= highest for value in values):
        yield f"{text}: a {metric.unit} is from 0 to {highest:g}", "stay within"


def _histogram(name: str, edges: Mapping[str, list[Sample]]) -> Iterator[tuple[str, str]]:
    """Yield what makes a histogram impossible: an edge holds whatever a lower one does, and +Inf is the count."""
    rising = sorted((edge for edge in edges if edge not in (EVERYTHING, "count")), key=float)
    chain = [*rising, *(edge for edge in (EVERYTHING, "count") if edge in edges)]
    for low, high in pairwise(chain):
        for below, above in zip(edges[low], edges[high], strict=False):
            if not (isinstance(below, float) and isinstance(above, float)):
                continue
            if below > above or (low == EVERYTHING and below != above):
                relation = "another than" if low == EVERYTHING else "more than"
                yield f"{name}: le={low} holds {relation} {high}: {below:g}, {above:g}", "no histogram does"
                return
