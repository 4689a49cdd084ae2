"""What workers of different versions and different measurements come to together."""

import pytest

from watchkeeper.contract.labels import QUEUE
from watchkeeper.contract.metrics import Across, Metric
from watchkeeper.counts.family import Totals
from watchkeeper.counts.merge import merge

OLD = Metric("wait_seconds", "histogram", "Old.", (QUEUE,), "seconds", (0.1, 0.5, 2.5))
NEW = Metric("wait_seconds", "histogram", "New.", (QUEUE,), "seconds", (0.1, 1.5, 2.5))


def test_older_buckets_are_sorted_into_newer_ones() -> None:
    """During a deploy that moves a bucket edge the newer definition counts, and nothing is lost or counted twice."""
    old = {"wait_seconds": Totals(OLD, ["\nq"], [1.0, 2.0, 3.0, 4.0, 20.0])}
    new = {"wait_seconds": Totals(NEW, ["\nq"], [1.0, 0.0, 0.0, 1.0, 9.0])}

    total = merge([old, new])["wait_seconds"]

    assert total.metric is NEW
    assert total.numbers == [2.0, 2.0, 3.0, 5.0, 29.0]


def test_series_met_in_another_order_are_added_by_name() -> None:
    """Workers need not know the same series, nor in the same order."""
    metric = Metric("jobs_total", "counter", "Jobs.", (QUEUE,))
    tables = [
        {"jobs_total": Totals(metric, ["a", "b"], [1.0, 2.0])},
        {"jobs_total": Totals(metric, ["b", "c"], [10.0, 20.0])},
        {"jobs_total": Totals(metric, ["c"], [100.0])},
    ]

    total = merge(tables)["jobs_total"]

    assert dict(zip(total.texts, total.numbers, strict=True)) == {"a": 1, "b": 12, "c": 120}
    assert tables[0]["jobs_total"].numbers == [1.0, 2.0]  # what is merged is left as it was


@pytest.mark.parametrize(("across", "expected"), [("sum", 12.0), ("max", 7.0), ("min", 5.0), ("last", 5.0)], ids=str)
def test_gauges_combine_as_declared(across: Across, expected: float) -> None:
    """In-progress requests add up; the depth of a queue is what was measured last."""
    metric = Metric("level", "gauge", "Level.", (QUEUE,), across=across)
    tables = [{"level": Totals(metric, ["q"], [5.0, 200.0])}, {"level": Totals(metric, ["q"], [7.0, 100.0])}]

    assert merge(tables)["level"].numbers == [expected]


def test_a_metric_that_changed_its_kind_counts_as_the_newest() -> None:
    """A counter and a gauge of one name are not added."""
    counter = Metric("level_total", "counter", "Level.", (QUEUE,))
    gauge = Metric("level_total", "gauge", "Level.", (QUEUE,))
    tables = [{"level_total": Totals(counter, ["q"], [5.0])}, {"level_total": Totals(gauge, ["q"], [7.0, 1.0])}]

    assert merge(tables)["level_total"].numbers == [7.0]
