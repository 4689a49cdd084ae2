"""How do totals become bytes in the store, and bytes totals again?"""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from telemetry.family import Totals
from telemetry.labels import Label
from telemetry.metrics import Metric
from telemetry.series import Exemplar

DEFINITIONS = "definitions"
EXEMPLARS = "exemplars"
ExemplarKey = tuple[str, str, int]
"""Metric name, text of the series, bucket number."""


def pack_definitions(metrics: Iterable[Metric]) -> bytes:
    """Return what a reader must know to add and to expose series of metrics it has never heard of."""
    return _squeeze(
        [
            [
                metric.name,
                metric.kind,
                metric.help,
                [label.name for label in metric.labels],
                metric.buckets,
                metric.across,
            ]
            for metric in metrics
        ]
    )


def unpack_definitions(data: bytes) -> dict[str, Metric]:
    """Return the metrics by name."""
    return {
        name: Metric(name, kind, text, tuple(Label(label, "") for label in labels), "", tuple(buckets), "", across)
        for name, kind, text, labels, buckets, across in _expand(data)
    }


def pack_exemplars(exemplars: Mapping[ExemplarKey, Exemplar]) -> bytes:
    """Return the exemplars of one instance."""
    return _squeeze([[*key, one.trace_id, one.value, one.timestamp] for key, one in exemplars.items()])


def unpack_exemplars(data: bytes | None) -> dict[ExemplarKey, Exemplar]:
    """Return the exemplars of one instance."""
    if data is None:
        return {}
    return {(name, text, bucket): Exemplar(*exemplar) for name, text, bucket, *exemplar in _expand(data)}


def pack(totals: Totals) -> dict[str, bytes]:
    """Return the fields of one metric: `NAME/series`, `NAME/numbers` and, for distinct members, `NAME/members`."""
    name = totals.metric.name
    fields = {
        # Texts join with newlines, which only a histogram's has: one each, where `le` belongs.
        f"{name}/series": zlib.compress("\n".join(totals.texts).encode(), 1),
        f"{name}/numbers": struct.pack(f"<{len(totals.numbers)}d", *totals.numbers),
    }
    if totals.metric.across == "distinct":
        fields[f"{name}/members"] = _squeeze(totals.members)
    return fields


def unpack(metric: Metric, fields: Mapping[str, bytes], texts: "Texts") -> Totals:
    """Return the totals of one metric from its fields."""
    data = fields.get(f"{metric.name}/numbers", b"")
    numbers = list(struct.unpack(f"<{len(data) // 8}d", data))
    if not numbers:
        return Totals(metric, [], [])
    members = _expand(fields[f"{metric.name}/members"]) if metric.across == "distinct" else []
    return Totals(metric, texts.of(metric, fields[f"{metric.name}/series"]), numbers, members)


def unpack_table(fields: Mapping[str, bytes], texts: "Texts") -> dict[str, Totals]:
    """Return the totals of every metric among the fields of one instance."""
    if DEFINITIONS not in fields:
        return {}
    metrics = unpack_definitions(fields[DEFINITIONS])
    return {name: unpack(metric, fields, texts) for name, metric in metrics.items()}


class Texts:
    """The series tables met during one reading; workers that know the same series share one list."""

    def __init__(self) -> None:
        self._tables: dict[bytes, list[str]] = {}

    def of(self, metric: Metric, data: bytes) -> list[str]:
        """Return the texts of a packed table, the same list for the same bytes."""
        known = self._tables.get(data)
        if known is None:
            lines = zlib.decompress(data).decode().split("\n")
            if metric.kind == "histogram":
                lines = ["\n".join(pair) for pair in zip(lines[::2], lines[1::2], strict=True)]
            known = self._tables[data] = lines
        return known


def _squeeze(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def _expand(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
