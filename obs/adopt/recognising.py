"""Which families of a scrape are the standard HTTP series under other names? The answer is a [names] of stack.toml."""

import json
from collections.abc import Iterable, Iterator, Mapping

from obs.adopt.exposition import Family
from obs.stack.names import OPENTELEMETRY, merged
from obs.stack.settings import Names
from watchkeeper.contract.labels import METHOD, ROUTE, STATUS
from watchkeeper.contract.metrics import (
    HTTP,
    REQUEST_DURATION,
    REQUEST_SIZE,
    REQUESTS,
    REQUESTS_IN_PROGRESS,
    RESPONSE_SIZE,
)

LABELS = {
    METHOD.name: ("method", "http_request_method", "http_method", "verb"),
    ROUTE.name: ("route", "http_route", "uri", "handler", "endpoint", "path", "operation"),
    STATUS.name: ("status", "http_response_status_code", "code", "status_code", "http_status_code"),
}
"""What clients call the labels of the standard series, the likeliest first."""

OPTIONAL = {
    REQUESTS_IN_PROGRESS.name: "http_server_active_requests",
    REQUEST_SIZE.name: "http_server_request_body_size_bytes",
    RESPONSE_SIZE.name: "http_server_response_body_size_bytes",
}
"""What OpenTelemetry's conventions do not demand."""

BUSY = ("in_progress", "in_flight", "inflight", "active")


def recognised(families: Mapping[str, Family]) -> Names | None:
    """Return the names under which a scrape has the standard HTTP series; None where it has them, or none of them."""
    if REQUESTS.name in families or not families:
        return None
    return _opentelemetry(families) or _alike(families)


def _opentelemetry(families: Mapping[str, Family]) -> Names | None:
    duration = OPENTELEMETRY.metrics[REQUEST_DURATION.name]
    if duration not in families or families[duration].type != "histogram":
        return None
    there = {standard: name for standard, name in OPTIONAL.items() if name in families}
    named = {**OPENTELEMETRY.metrics, **there}
    edges = {
        standard: found for standard, found in _edges(families, named) if found != OPENTELEMETRY.buckets.get(standard)
    }
    return Names(preset="opentelemetry", metrics=there, buckets=edges)


def _alike(families: Mapping[str, Family]) -> Names | None:
    """Return names guessed from what clients usually say: requests are counted by status, and timed in seconds."""
    asked = [family for name, family in families.items() if "request" in name and not name.startswith("promhttp_")]
    timed = [one for one in asked if one.type in {"histogram", "summary"} and one.name.endswith("_seconds")]
    duration = _best(timed)
    counter = _best([one for one in asked if one.type == "counter" and _called(one, STATUS.name)])
    if counter is None and (duration is None or not _called(duration, STATUS.name)):
        return None
    source = counter or duration
    assert source is not None  # noqa: S101 - one of them is, or there was an answer above
    metrics = {
        REQUESTS.name: counter.name if counter else f"{source.name}_count",
        REQUEST_DURATION.name: duration.name if duration and duration.type == "histogram" else "",
        REQUESTS_IN_PROGRESS.name: _first(one for one in asked if one.type == "gauge" and _says(one, BUSY)),
        REQUEST_SIZE.name: _first(one for one in asked if _is_size(one, "request_size")),
        RESPONSE_SIZE.name: _first(one for one in families.values() if _is_size(one, "response_size")),
    }
    labels = {ours: theirs for ours in LABELS if (theirs := _called(source, ours)) not in ("", ours)}
    return Names(metrics=metrics, labels=labels, buckets=dict(_edges(families, metrics)))


def _edges(families: Mapping[str, Family], metrics: Mapping[str, str]) -> Iterator[tuple[str, tuple[float, ...]]]:
    standard = {one.name: one.buckets for one in HTTP}
    for ours, theirs in metrics.items():
        found = tuple(sorted(families[theirs].edges)) if theirs in families else ()
        if found and found != standard[ours]:
            yield ours, found


def _best(candidates: list[Family]) -> Family | None:
    """Return the family with most of the labels; of equals the one with the shortest name."""
    score = {one.name: sum(bool(_called(one, ours)) for ours in LABELS) for one in candidates}
    return min(
        (one for one in candidates if score[one.name]), key=lambda one: (-score[one.name], len(one.name)), default=None
    )


def _called(family: Family, label: str) -> str:
    return next((name for name in LABELS[label] if name in family.labels), "")


def _says(family: Family, words: Iterable[str]) -> bool:
    return any(word in family.name for word in words)


def _is_size(family: Family, word: str) -> bool:
    return family.type == "histogram" and family.name.endswith("_bytes") and word in family.name


def _first(families: Iterable[Family]) -> str:
    return next((family.name for family in families), "")


def toml(names: Names) -> str:
    """Return names as the table of stack.toml."""
    lines = ["[names]", f'preset = "{names.preset}"'] if names.preset else []
    for table, values in (("metrics", names.metrics), ("labels", names.labels)):
        lines += (
            [f"[names.{table}]", *(f"{ours} = {json.dumps(theirs)}" for ours, theirs in values.items())]
            if values
            else []
        )
    if names.buckets:
        edges = (f"{ours} = [{', '.join(f'{edge:g}' for edge in found)}]" for ours, found in names.buckets.items())
        lines += ["[names.buckets]", *edges]
    return "\n".join(lines)


def families_of(names: Names) -> set[str]:
    """Return the families that stand for standard series under these names."""
    called = {theirs for theirs in merged(names).metrics.values() if theirs}
    return called | {name.removesuffix("_count") for name in called}
