"""What does the whole service count now, over all its workers, and can the sums be trusted?"""

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.contract.metrics import LAST_FLUSH, SERIES, WORKERS
from watchkeeper.counts.family import Totals, lines_per_series
from watchkeeper.counts.merge import Table, merge
from watchkeeper.counts.series import Exemplar, ExemplarKey
from watchkeeper.recorder import Recorder
from watchkeeper.store.protocol import Contents, Store, StoreError
from watchkeeper.store.wire import EXEMPLARS, Texts, unpack_exemplars, unpack_table


@dataclass(frozen=True, slots=True)
class Whole:
    """Every total of the service, one `Totals` per metric in the order they are declared, and the exemplars."""

    families: list[Totals]
    exemplars: dict[ExemplarKey, Exemplar]


def gather(recorder: Recorder, *, timeout: float = 3.0) -> Whole:
    """
    Return the totals of all workers, what this process counted included.

    Raise StoreError where they would not be whole: the store does not answer, does not take what this process
    counted, or lost data that not every worker has delivered again. To Prometheus a sum that is too small is a
    restart of the counter, and the next whole one an outburst of traffic that never was; a gap is honest.
    """
    if recorder.store is None:
        own = {family.metric.name: family.totals()[1] for family in recorder.families()}
        return _whole(recorder, [own], workers=1, last=time.time(), exemplars=recorder.exemplars.peek())
    return _shared(recorder, recorder.store, timeout)


def _shared(recorder: Recorder, store: Store, timeout: float) -> Whole:
    recorder.flush(timeout)
    contents = store.read()
    if contents.restoring:
        raise StoreError("the store lost data and is being restored by the workers; the next scrape will be whole")
    try:
        return _sum(recorder, contents)
    except (KeyError, ValueError, zlib.error) as error:
        raise StoreError(f"the store holds what this version cannot read: {type(error).__name__}: {error}") from error


def _sum(recorder: Recorder, contents: Contents) -> Whole:
    alive = [instance for instance in contents.instances.values() if instance.alive]
    exemplars: dict[ExemplarKey, Exemplar] = {}
    for instance in alive:
        for key, one in unpack_exemplars(instance.fields.get(EXEMPLARS)).items():
            if key not in exemplars or exemplars[key].timestamp < one.timestamp:
                exemplars[key] = one
    last = min((instance.seen for instance in alive), default=contents.now)
    return _whole(recorder, _tables(contents), workers=len(alive), last=last, exemplars=exemplars)


def _tables(contents: Contents) -> list[Table]:
    """Return the totals of the dead, then of every instance, the youngest last: its definitions win."""
    texts = Texts()
    tables: list[Table] = [unpack_table(contents.dead, texts)]
    for instance in sorted(contents.instances.values(), key=lambda one: (one.alive, -one.sequence)):
        table = unpack_table(instance.fields, texts)
        if not instance.alive:
            table = {name: totals for name, totals in table.items() if totals.metric.kind != "gauge"}
        tables.append(table)
    return tables


def _whole(
    recorder: Recorder,
    tables: Sequence[Table],
    *,
    workers: int,
    last: float,
    exemplars: dict[ExemplarKey, Exemplar],
) -> Whole:
    merged = merge(tables)
    for metric, value in ((WORKERS, float(workers)), (LAST_FLUSH, last), (SERIES, 0.0)):
        if metric.name in merged:
            merged[metric.name] = Totals(metric, [""], [value])
    if SERIES.name in merged:
        merged[SERIES.name].numbers = [
            float(sum(len(one.texts) * lines_per_series(one.metric) for one in merged.values()))
        ]
    declared = recorder.order()
    order = [*(name for name in declared if name in merged), *sorted(merged.keys() - declared)]
    return Whole([merged[name] for name in order], exemplars)
