"""
What does this service call the standard series and their labels?

Content is written in the standard names. `obs.query.promql`, through which every query is made, looks up here what a
service really exposes, while `speaking` holds for its stack.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from obs.nearest import nearest
from obs.stack.settings import EXPOSED, Datasource, Datasources, Names, Stack, Target, Targets, matches
from watchkeeper.contract.labels import LE, METHOD, QUANTILE, ROUTE, STATUS, TARGET, Label, Matcher
from watchkeeper.contract.metrics import (
    CONTRACT,
    REQUEST_DURATION,
    REQUEST_SIZE,
    REQUESTS,
    REQUESTS_IN_PROGRESS,
    RESPONSE_SIZE,
    Metric,
)

OPENTELEMETRY = Names(
    metrics={
        REQUESTS.name: "http_server_request_duration_seconds_count",
        REQUEST_DURATION.name: "http_server_request_duration_seconds",
        REQUESTS_IN_PROGRESS.name: "",
        REQUEST_SIZE.name: "",
        RESPONSE_SIZE.name: "",
    },
    labels={METHOD.name: "http_request_method", ROUTE.name: "http_route", STATUS.name: "http_response_status_code"},
    buckets={
        REQUEST_DURATION.name: (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    },
)
"""
OpenTelemetry's semantic conventions for HTTP servers, as Prometheus names them.

They demand the duration alone, and its edges: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/. What is
optional is absent until `names.metrics` names it.
"""

PRESETS = {"opentelemetry": OPENTELEMETRY}

METRIC_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
PARTS = ("_bucket", "_count", "_sum")
STANDARD = {metric.name: metric for metric in CONTRACT}
LABELS = {label.name: label for metric in CONTRACT for label in metric.labels}
RESERVED = {label.name for label in (*TARGET, LE, QUANTILE)}
DECIDED = {STATUS.name}
"""Labels whose values are the same whatever the label is called."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """
    The names of one service.

    ``metrics`` maps the name of every standard series that is called otherwise, parts of histograms included, to what
    is exposed; ``labels`` does the same for labels. ``absent`` are the standard series without a counterpart.
    """

    metrics: Mapping[str, Metric] = field(default_factory=dict)
    labels: Mapping[Label, Label] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()


STANDARD_NAMES = Spoken()
_SPOKEN: ContextVar[Spoken] = ContextVar("names", default=STANDARD_NAMES)


@contextmanager
def speaking(stack: Stack) -> Iterator[Spoken]:
    """Have queries made in the names of a stack's service."""
    token = _SPOKEN.set(spoken(stack))
    try:
        yield _SPOKEN.get()
    finally:
        _SPOKEN.reset(token)


def current() -> Spoken:
    """Return the names that hold now."""
    return _SPOKEN.get()


def metric(one: Metric) -> Metric:
    """Return what the service exposes for a standard series; any other is itself."""
    return _SPOKEN.get().metrics.get(one.name, one)


def label(one: Label) -> Label:
    """Return what the service calls a standard label; any other is itself."""
    called = _SPOKEN.get().labels
    return called.get(one, one) if called else one


def matcher(one: Matcher) -> Matcher:
    """Return a condition in the names of the service."""
    called = label(one.label)
    return one if called is one.label else replace(one, label=called)


def merged(names: Names) -> Names:
    """Return names with those of their preset, which their own go before."""
    below = PRESETS.get(names.preset, Names())
    return Names(
        metrics={**below.metrics, **names.metrics},
        labels={**below.labels, **names.labels},
        buckets={**below.buckets, **names.buckets},
    )


def complete(names: Names) -> Names:
    """Return names in which no series is absent: one without a counterpart has its standard name."""
    whole = merged(names)
    return replace(whole, metrics={standard: theirs or standard for standard, theirs in whole.metrics.items()})


def whole(stack: Stack, roles: Iterable[str]) -> Stack:
    """Return a stack that lacks no part, those of ``roles`` among them: what only it has, the other leaves out."""
    targets, sources = stack.targets, stack.datasources
    added = {
        role: Target(job=role, address=f"{role}:1") for role in (*Targets.KNOWN, *roles) if not _there(targets, role)
    }
    kinds = {kind: Datasource(uid=kind, url=f"http://{kind}:1") for kind in Datasources.KNOWN if kind not in sources}
    grafana = replace(stack.grafana, url=stack.grafana.url or "http://grafana:3000", folder=stack.grafana.folder or "-")
    return replace(
        stack,
        targets=Targets(targets | added),
        datasources=Datasources(sources | kinds),
        grafana=grafana,
        names=complete(stack.names),
    )


def _there(targets: Targets, role: str) -> bool:
    return role in targets or (role in EXPOSED and targets.has(role))


def spoken(stack: Stack) -> Spoken:
    """Return the names of a stack's service: one object for all stacks whose names are the same."""
    names = merged(stack.names)
    return _spoken(*(tuple(table.items()) for table in (names.metrics, names.labels, names.buckets)))


@lru_cache(maxsize=64)
def _spoken(*tables: tuple[tuple[str, Any], ...]) -> Spoken:
    if not any(tables):
        return STANDARD_NAMES
    metrics, renamed, buckets = map(dict, tables)
    names = Names(metrics=metrics, labels=renamed, buckets=buckets)
    labels = {LABELS[ours]: _renamed(LABELS[ours], theirs) for ours, theirs in names.labels.items()}
    found = {part: real for one in CONTRACT for part, real in _real(one, names, labels)}
    gone = {name for name, theirs in names.metrics.items() if not theirs}
    return Spoken(found, labels, frozenset(name for one in gone for name in _parts(STANDARD[one])))


def _real(one: Metric, names: Names, labels: Mapping[Label, Label]) -> Iterator[tuple[str, Metric]]:
    """Yield a standard series and the parts of it, each with what is exposed for it."""
    carried = one.labels
    if one == REQUEST_DURATION and names.metrics.get(REQUESTS.name) == f"{names.metrics.get(one.name)}_count":
        # Requests are counted by the histogram of their durations: it has every label of theirs.
        carried = REQUESTS.labels
    real = replace(
        one,
        name=names.metrics.get(one.name) or one.name,
        labels=tuple(labels.get(label, label) for label in carried),
        buckets=names.buckets.get(one.name, one.buckets),
    )
    yield one.name, real
    if one.kind == "histogram":
        yield from ((part.name, theirs) for part, theirs in zip(_split(one), _split(real), strict=True))


def _split(histogram: Metric) -> tuple[Metric, Metric, Metric]:
    return histogram.bucket, histogram.count, histogram.sum


def _parts(one: Metric) -> Iterator[str]:
    yield one.name
    if one.kind == "histogram":
        yield from (part.name for part in _split(one))


def _renamed(one: Label, name: str) -> Label:
    # Another name comes with other values (`get` for `GET`), but for status codes.
    return replace(one, name=name, values=one.values if one.name in DECIDED or name == one.name else ())


def complaints(stack: Stack) -> Iterator[str]:
    """Yield a sentence, opening with its key, for each name that can't be."""
    given = stack.names
    yield from _unknown("metrics", given.metrics, STANDARD, "a standard series")
    yield from _unknown("labels", given.labels, LABELS, "a label of the standard series")
    histograms = {name: one for name, one in STANDARD.items() if one.kind == "histogram"}
    yield from _unknown("buckets", given.buckets, histograms, "a standard histogram")
    for ours, theirs in given.metrics.items():
        if theirs and not matches(METRIC_NAME, theirs):
            yield f"names.metrics.{ours} = {theirs!r}: takes the name of a metric, or nothing where there is none"
        elif ours in histograms and theirs.endswith(PARTS):
            yield f"names.metrics.{ours} = {theirs!r}: takes the name of the histogram, without {'/'.join(PARTS)}"
    for ours, theirs in given.labels.items():
        if not matches(METRIC_NAME, theirs) or theirs.startswith("__") or theirs in RESERVED:
            yield f"names.labels.{ours} = {theirs!r}: takes the name of a label that the service sets"
    for ours, edges in given.buckets.items():
        if list(edges) != sorted(set(edges)) or not edges or edges[0] <= 0:
            yield f"names.buckets.{ours}: takes the edges of the buckets, rising, without +Inf"
    yield from _twins(merged(given))


def _unknown(table: str, given: Mapping[str, object], known: Mapping[str, object], what: str) -> Iterator[str]:
    for name in given:
        if name not in known:
            instead = nearest(name, known, f"there is: {', '.join(known)}")
            yield f"names.{table}.{name}: not {what}; {instead}"


def _twins(names: Names) -> Iterator[str]:
    for table, ours in (("metrics", names.metrics), ("labels", names.labels)):
        first: dict[str, str] = {}
        for standard, theirs in ours.items():
            twin = first.setdefault(theirs, standard) if theirs else standard
            if twin != standard:
                yield f"names.{table}.{standard} = {theirs!r}: names.{table}.{twin} has it too"
