"""How do totals become bytes in the store, and bytes totals again?"""

import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric
from watchkeeper.counts.family import Totals, yield_turn
from watchkeeper.counts.series import Exemplar, ExemplarKey

LARGE = 2000
"""Series of one metric, from where on reading it takes long enough for other threads to wait."""

DEFINITIONS = "definitions"
EXEMPLARS = "exemplars"


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


class Packer:
    """Turns totals into fields; a table of series that has not grown since is not packed again."""

    def __init__(self) -> None:
        self._tables: dict[str, tuple[list[str], bytes]] = {}

    def pack(self, totals: Totals) -> dict[str, bytes]:
        """Return the fields of one metric: `NAME/series`, `NAME/numbers` and, for distinct members, `NAME/members`."""
        name = totals.metric.name
        fields = {f"{name}/series": self._table(name, totals.texts), f"{name}/numbers": _pack_numbers(totals.numbers)}
        if totals.metric.across == "distinct":
            fields[f"{name}/members"] = _squeeze(totals.members)
        return fields

    def _table(self, name: str, texts: list[str]) -> bytes:
        known = self._tables.get(name)
        if known is None or known[0] is not texts:
            # Texts join with newlines, which only a histogram's has: one each, where `le` belongs.
            known = self._tables[name] = texts, zlib.compress("\n".join(texts).encode(), 1)
        return known[1]


def unpack(metric: Metric, fields: Mapping[str, bytes], texts: "Texts") -> Totals:
    """Return the totals of one metric from its fields."""
    numbers = _unpack_numbers(fields.get(f"{metric.name}/numbers", b""))
    if not numbers:
        return Totals(metric, [], [])
    members = _expand(fields[f"{metric.name}/members"]) if metric.across == "distinct" else []
    return Totals(metric, texts.of(metric, fields[f"{metric.name}/series"]), numbers, members)


def unpack_table(fields: Mapping[str, bytes], texts: "Texts") -> dict[str, Totals]:
    """Return the totals of every metric among the fields of one instance."""
    if DEFINITIONS not in fields:
        return {}
    metrics = unpack_definitions(fields[DEFINITIONS])
    table = {}
    for name, metric in metrics.items():
        table[name] = unpack(metric, fields, texts)
        if len(table[name].texts) > LARGE:
            yield_turn()
    return table


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


def _pack_numbers(numbers: list[float]) -> bytes:
    packed = array("d", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _unpack_numbers(data: bytes) -> list[float]:
    packed = array("d", data)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()


def _squeeze(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)


def _expand(data: bytes) -> Any:
    return json.loads(zlib.decompress(data))
