"""Which series exist, with which labels, and what may be asked of each?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from obs.nearest import nearest
from watchkeeper.contract.labels import LE, QUANTILE, TARGET, Label
from watchkeeper.contract.metrics import Metric


@dataclass(frozen=True, slots=True)
class Series:
    """A name that can be selected: a metric, or one part of the histogram or summary ``family``."""

    metric: Metric
    family: Metric
    labels: dict[str, Label]

    def values(self, label: str) -> tuple[str, ...]:
        """Return the values a label of the series may take; empty where the service decides at run time."""
        if label == LE.name and self.family.buckets:
            return (*(repr(float(edge)) for edge in self.family.buckets), "+Inf")
        return self.labels[label].values


Values = Mapping[str, tuple[str, ...]]
"""Labels of a series, and every value each may take."""


class Contract:
    """
    Every series by its name: what the service exposes, what exporters do, what rules record.

    ``decided`` maps a family's name to the labels whose values the stack decides, such as the job it is scraped by.
    """

    def __init__(self, metrics: Iterable[Metric], decided: Mapping[str, Values] | None = None) -> None:
        known = decided or {}
        self.families = {metric.name: metric for metric in metrics}
        self.series = {
            series.metric.name: series
            for family in self.families.values()
            for series in _parts(family, known.get(family.name, {}))
        }

    def missing(self, name: str) -> str:
        """Return what to write instead of a name that no series has."""
        if name in self.families:
            return f"it is a {self.families[name].kind}; there is: {', '.join(self._of(self.families[name]))}"
        return nearest(name, self.series, "declare it in metrics/, or read another one")

    def _of(self, family: Metric) -> Iterator[str]:
        return (name for name, series in self.series.items() if series.family is family)


def _parts(family: Metric, decided: Values) -> Iterator[Series]:
    if family.kind == "histogram":
        parts: tuple[Metric, ...] = (family.bucket, family.count, family.sum)
    elif family.kind == "summary":
        quantiles = Metric(family.name, "gauge", family.help, (*family.labels, QUANTILE), family.unit)
        parts = (quantiles, family.count, family.sum)
    else:
        parts = (family,)
    # A colon marks a recorded series: it carries what its rule leaves, and nothing of the target.
    added = () if ":" in family.name else TARGET
    for part in parts:
        labels = {label.name: label for label in (*part.labels, *added)}
        bounded = {name: replace(labels[name], values=values) for name, values in decided.items() if name in labels}
        yield Series(part, family, labels | bounded)
