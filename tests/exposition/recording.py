"""What did an exporter really expose, and where does the contract say something else?"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from obs.adopt import exposition
from obs.adopt.exposition import Family
from watchkeeper.contract.labels import LE, TARGET, Label
from watchkeeper.contract.metrics import Metric

RECORDINGS = Path(__file__).parent / "recordings"


Recording = Mapping[str, Family]


def read(*files: str) -> dict[str, Family]:
    """Return the families of several recordings of one version: a primary and its replica complete each other."""
    families: dict[str, Family] = {}
    for file in files:
        for name, family in exposition.read((RECORDINGS / file).read_text(encoding="utf-8")).items():
            known = families.setdefault(name, family)
            known.edges |= family.edges
            for label, values in family.labels.items():
                known.labels.setdefault(label, set()).update(values)
    return families


def complaints(metric: Metric, versions: Mapping[str, Recording]) -> Iterator[str]:
    """Yield every way in which the contract's metric differs from what every recorded version exposes."""
    families = {}
    for version, recording in versions.items():
        if metric.name in recording:
            families[version] = recording[metric.name]
        else:
            near = ", ".join(get_close_matches(metric.name, recording)) or "nothing like it"
            yield f"{metric.name}: {version} does not expose it; it has: {near}"
    expected = metric.exposed or metric.kind
    for version, family in families.items():
        if family.type != expected:
            yield f"{metric.name}: the contract says {expected}, {version} exposes {family.type}"
        yield from _label_complaints(metric, version, family)
        yield from _bucket_complaints(metric, version, family)
    everywhere = [set(family.labels) for family in families.values()]
    known = {label.name for label in (*metric.labels, *TARGET, LE)}
    for name in sorted(set.intersection(*everywhere) - known if everywhere else ()):
        yield f"{metric.name}: the contract leaves out label '{name}', which every recording has"


def _label_complaints(metric: Metric, version: str, family: Family) -> Iterator[str]:
    for label in metric.labels:
        if label.name not in family.labels:
            has = ", ".join(sorted(family.labels)) or "none"
            yield f"{metric.name}: {version} has no label '{label.name}'; it has: {has}"
        for value in _surprises(label, family):
            yield f"{metric.name}: label '{label.name}' is {value!r} in {version}; the contract allows: {label.values}"


def _surprises(label: Label, family: Family) -> list[str]:
    return sorted(family.labels.get(label.name, set()) - set(label.values)) if label.values else []


def _bucket_complaints(metric: Metric, version: str, family: Family) -> Iterator[str]:
    edges = tuple(sorted(family.edges))
    if edges != metric.buckets:
        yield f"{metric.name}: the contract's bucket edges are {metric.buckets}, {version} has {edges}"
