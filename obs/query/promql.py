"""How a contract constant becomes PromQL, where writing it by hand goes wrong: metric and matchers in, text out."""

from collections.abc import Iterable

from obs.query import expr
from obs.stack import names
from watchkeeper.contract.labels import LE, TARGET, Label, Matcher
from watchkeeper.contract.metrics import Metric

COUNTING = {"rate", "irate", "increase"}

EXPONENT = 1e6
"""From here on Go, and so every exposition, writes floats with an exponent: https://pkg.go.dev/strconv#FormatFloat."""


def select(metric: Metric, *matchers: Matcher) -> str:
    """Return an instant selector, escaped; raise ValueError for a label the series does not carry."""
    real = names.metric(metric)
    for matcher in matchers:
        if matcher.label not in TARGET and matcher.label not in metric.labels:
            known = {label.name for label in (*metric.labels, *TARGET, *real.labels)}
            if known.isdisjoint((matcher.label.name, names.label(matcher.label).name)):
                raise ValueError(f"{real.name} has no label '{matcher.label.name}'; it has: {', '.join(sorted(known))}")
    inside = ", ".join(str(names.matcher(matcher)) for matcher in matchers)
    return f"{real.name}{{{inside}}}" if inside else real.name


def rate(metric: Metric, *matchers: Matcher, over: str) -> str:
    """Return the per-second rate over a window (`5m`, `$__rate_interval`); raise ValueError unless it is a counter."""
    return f"rate({_counter(metric, *matchers, function='rate')}[{over}])"


def increase(metric: Metric, *matchers: Matcher, over: str) -> str:
    """Return how much a counter grew over a window; raise ValueError unless it is a counter."""
    return f"increase({_counter(metric, *matchers, function='increase')}[{over}])"


def total(expr: str, *, by: Iterable[Label] = ()) -> str:
    """Return the sum of ``expr``, one series per combination of the labels ``by``."""
    return aggregate("sum", expr, by=by)


def aggregate(operator: str, expr: str, *, by: Iterable[Label] = ()) -> str:
    """Return ``operator by (labels) (expr)``; operator is sum, max, min, avg or count."""
    kept = ", ".join(called(label) for label in by)
    return f"{operator} by ({kept}) ({expr})" if kept else f"{operator}({expr})"


def called(label: Label) -> str:
    """Return the name of a label, as the service whose stack is built calls it."""
    return names.label(label).name


def edges(histogram: Metric) -> tuple[float, ...]:
    """Return the upper edges of a histogram's buckets without +Inf, as the service exposes them."""
    return names.metric(histogram).buckets


def ratio(part: str, whole: str) -> str:
    """
    Return ``part / whole`` where ``whole`` is above zero: no traffic is no answer, never NaN or +Inf.

    A counter of failures is born with the first one, so a ``part`` that counts reads 0 until then. A level that is
    missing is unknown: there is no answer.
    """
    counts = any(selector.function in COUNTING for selector in expr.parse(part).selectors)
    return _over(f"{part} or 0 * {whole}" if counts else part, whole)


def above(part: str, whole: str, limit: float) -> str:
    """Return the condition that ``part`` is more than ``limit`` of ``whole``, which a ``part`` that is 0 never is."""
    return f"{_over(part, whole)} > {limit:g}"


def top(most: int, expr: str) -> str:
    """Return the ``most`` series of ``expr`` that are highest at each moment."""
    return f"topk({most}, {expr})"


def _over(part: str, whole: str) -> str:
    return f"({part}) / ({whole} > 0)"


def quantile(q: float, histogram: Metric, *matchers: Matcher, over: str, by: Iterable[Label] = ()) -> str:
    """Return the estimated quantile ``q`` (0 to 1) of a histogram, in its unit; ``le`` is kept for the caller."""
    buckets = total(rate(histogram.bucket, *matchers, over=over), by=(LE, *by))
    return f"histogram_quantile({q:g}, {buckets})"


def share_within(histogram: Metric, edge: float, *matchers: Matcher, over: str, by: Iterable[Label] = ()) -> str:
    """
    Return the share (0 to 1) of observations at or below ``edge``.

    Exact, for it counts one bucket: raise ValueError when ``edge`` is not a bucket edge of ``histogram``.
    """
    labels = tuple(by)
    within = total(rate(histogram.bucket, *matchers, le(histogram, edge), over=over), by=labels)
    # A bucket is born with its histogram.
    return _over(within, total(rate(histogram.count, *matchers, over=over), by=labels))


def le(histogram: Metric, edge: float) -> Matcher:
    """Match one bucket; raise ValueError when the histogram has no such edge, or writes it with an exponent."""
    real = names.metric(histogram)
    if edge not in real.buckets:
        there = ", ".join(f"{bucket:g}" for bucket in real.buckets)
        raise ValueError(f"{real.name} has no bucket edge {edge:g}; it has: {there}")
    if edge >= EXPONENT:
        raise ValueError(f"{real.name}: the edge {edge:g} is exposed with an exponent; take one below a million")
    if real is not histogram and edge == int(edge):
        # Prometheus 2 keeps the edge as another client library wrote it: https://prometheus.io/docs/prometheus/3.0/migration/
        return LE.re(f"{edge:g}([.]0)?")
    return LE.eq(repr(float(edge)))


def _counter(metric: Metric, *matchers: Matcher, function: str) -> str:
    if metric.kind != "counter":
        raise ValueError(f"{function}({metric.name}): it is a {metric.kind}; {function} is for counters")
    return select(metric, *matchers)
