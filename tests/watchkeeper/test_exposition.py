"""Our writer is faster than prometheus_client's, and writes the same bytes."""

import time
from collections.abc import Iterator
from unittest import mock

import prometheus_client as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import exposition as openmetrics

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric
from watchkeeper.counts.exposition import OPENMETRICS, TEXT, choose_format, expose
from watchkeeper.counts.series import series_text
from watchkeeper.recorder import Recorder
from watchkeeper.scrape import gather

HELP = 'What\\ever "it"\nmeans.'
LABELS = (Label("zone", ""), Label("app", ""))
COUNTER = Metric("things_total", "counter", HELP, LABELS)
GAUGE = Metric("level", "gauge", HELP, LABELS)
HISTOGRAM = Metric("wait_seconds", "histogram", HELP, LABELS, buckets=(0.1, 1.0, 2.5, 1e6))
BARE = Metric("bare_seconds", "histogram", HELP, buckets=(0.5,))

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)

values = st.tuples(st.text(max_size=8), st.text(max_size=8))
amounts = st.floats(0, 1e18) | st.integers(0, 10_000_000).map(float)
finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.fixture(autouse=True)
def without_created() -> Iterator[None]:
    """Leave out `_created` series, as we do."""
    reference.disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in prometheus_client
    yield
    reference.enable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in prometheus_client


@given(
    counted=st.dictionaries(values, amounts, max_size=6),
    levels=st.dictionaries(values, st.floats(), max_size=6),
    observed=st.lists(st.tuples(values, finite, st.sampled_from(["", TRACE_ID, 'a"b\\c'])), max_size=12),
    bare=st.lists(finite, max_size=3),
)
def test_same_bytes_as_the_reference(
    counted: dict[tuple[str, str], float],
    levels: dict[tuple[str, str], float],
    observed: list[tuple[tuple[str, str], float, str]],
    bare: list[float],
) -> None:
    """Whatever is counted, text and OpenMetrics equal prometheus_client's output byte for byte."""
    registry = reference.CollectorRegistry()
    names = [label.name for label in LABELS]
    counter = reference.Counter("things", HELP, names, registry=registry)
    gauge = reference.Gauge("level", HELP, names, registry=registry)
    histogram = reference.Histogram("wait_seconds", HELP, names, registry=registry, buckets=HISTOGRAM.buckets)
    unlabelled = reference.Histogram("bare_seconds", HELP, registry=registry, buckets=BARE.buckets)
    recorder = Recorder([COUNTER, GAUGE, HISTOGRAM, BARE])
    recorder.histogram(BARE)
    for kind, used in ((counter, counted), (gauge, levels), (histogram, [labels for labels, _, _ in observed])):
        for labels in sorted(used, key=lambda labels: series_text(COUNTER, labels)):
            kind.labels(*labels)  # it writes series as they were met, we sort them

    with mock.patch.object(time, "time", return_value=1790000000.123):
        for labels, amount in counted.items():
            counter.labels(*labels).inc(amount)
            recorder.add(COUNTER, labels, amount)
        for labels, level in levels.items():
            gauge.labels(*labels).set(level)
            recorder.set(GAUGE, labels, level)
        for labels, value, trace in observed:
            histogram.labels(*labels).observe(value, {"trace_id": trace} if trace else None)
            recorder.observe(HISTOGRAM, labels, value, trace or None)
        for value in bare:
            unlabelled.observe(value)
            recorder.observe(BARE, (), value)

    whole = gather(recorder)
    mine = [totals for totals in whole.families if not totals.metric.name.startswith("telemetry_")]
    assert expose(mine, TEXT, whole.exemplars) == reference.generate_latest(registry)
    assert expose(mine, OPENMETRICS, whole.exemplars) == openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # untyped there


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml", TEXT),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain;version=0.0.4;q=0.1", TEXT),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.2", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
        (
            PROMETHEUS_3,
            OPENMETRICS,
        ),
    ],
)
def test_format_by_accept(accept: str, expected: str) -> None:
    """Prometheus gets OpenMetrics; who did not ask for it gets the plain format 0.0.4."""
    assert choose_format(accept) == expected
