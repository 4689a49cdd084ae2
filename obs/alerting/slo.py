"""What do we promise, how much of the error budget is spent, and how fast does it burn?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from obs.alerting.model import AlertError
from obs.alerting.recording import FAILED_REQUEST_RATE, REQUEST_RATE, SLOW_REQUEST_RATE
from obs.query import promql
from obs.stack import Stack
from obs.stack.names import speaking
from watchkeeper.contract.labels import JOB, STATUS, Matcher
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS, Metric


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """
    Alert when ``spent`` (share of the whole budget) goes within ``long``, and still goes within ``short``.

    ``events`` times the `Slo.least` bad events must have been counted within ``long``: a ratio of few says little.
    ``counted`` asks the counters themselves: a recorded rate tells of the five minutes before it, and so later.
    ``now`` is a last window, shorter still, in which the budget must go too: without it a page may begin long after
    the fault has ended.
    """

    long: str
    short: str
    spent: float
    events: float = 3
    counted: bool = False
    now: str = ""

    def factor(self, days: int) -> float:
        """Return how many times faster than allowed the budget of a window of ``days`` burns then."""
        return self.spent * timedelta(days=days) / HOURS[self.long]


HOURS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "1d": timedelta(days=1), "3d": timedelta(days=3)}

# Multiwindow, multi-burn-rate: https://sre.google/workbook/alerting-on-slos/, table 5-8
PAGE_WINDOWS = (BurnWindow("1h", "5m", 0.02, events=1, counted=True), BurnWindow("6h", "30m", 0.05, now="5m"))
TICKET_WINDOWS = (BurnWindow("1d", "2h", 0.1), BurnWindow("3d", "6h", 0.1))


LEAST_FAILURES, LEAST_SLOW = 10, 100
"""Bad events in an hour below which nobody is woken: a handful of errors at night, or reports."""


@dataclass(frozen=True, slots=True)
class Slo:
    """
    One promise: of all events (``total``) at most ``1 - objective`` are ``bad``, over a rolling window of ``days``.

    Both are recorded rates per second. Windows are summed before they are divided, so every event weighs the same:
    the average of ratios would let one failure at night count like a thousand at noon. ``count_bad`` and
    ``count_all`` return the expression that counts the events of a window from the counters themselves. ``least`` is
    how many bad events in an hour are worth a page.
    """

    name: str
    title: str
    objective: float
    days: int
    bad: Metric
    total: Metric
    where: Matcher
    count_bad: Callable[[str], str]
    count_all: Callable[[str], str]
    least: int

    def __post_init__(self) -> None:
        """Refuse an objective so low that the fastest burn can't be reached; raise AlertError."""
        factor = PAGE_WINDOWS[0].factor(self.days)
        if factor * self.budget >= 1:
            raise AlertError(
                f"slo.{self.name}.objective = {self.objective:g}: {factor:g} times its budget of {self.budget:g} "
                f"is more than every event, so the page could never fire; take more than {1 - 1 / factor:.3f}"
            )

    @property
    def budget(self) -> float:
        """The share of events that may be bad, 0 to 1."""
        return round(1 - self.objective, 9)

    @property
    def window(self) -> str:
        """The rolling window, as PromQL writes it."""
        return f"{self.days}d"

    def error_ratio(self, over: str) -> str:
        """Return the share of bad events in a window; no answer without traffic."""
        return promql.ratio(self._sum(self.bad, over), self._sum(self.total, over))

    def bad_rate(self, over: str) -> str:
        """Return bad events per second, averaged over a window."""
        averaged = f"avg_over_time({promql.select(self.bad, self.where)}[{over}])"
        return promql.aggregate("sum", averaged, by=(JOB,))

    def budget_left(self) -> str:
        """Return the share of the error budget that is left: 1 untouched, 0 spent, below 0 broken."""
        return f"1 - ({self.error_ratio(self.window)}) / {self.budget:g}"

    def burns(self, windows: tuple[BurnWindow, ...]) -> str:
        """Return the condition that the budget burns too fast in one of ``windows``, long and short at once."""
        return " or ".join(self._burn(window) for window in windows)

    def _burn(self, window: BurnWindow) -> str:
        limit = float(f"{window.factor(self.days) * self.budget:.4g}")
        counted, least = self._counted_above, window.events * self.least
        if window.counted:
            conditions = [counted(window.long, limit), counted(window.short, limit)]
            conditions += [f"{self.count_bad(window.long)} > {least:g}"]
        else:
            conditions = [f"{self.error_ratio(over)} > {limit:g}" for over in (window.long, window.short)]
            length = HOURS[window.long].total_seconds()
            conditions += [f"{self.bad_rate(window.long)} * {length:g} > {least:g}"]
        if window.now:
            conditions += [counted(window.now, limit)]
        return f"({' and '.join(conditions)})"

    def _counted_above(self, over: str, limit: float) -> str:
        return promql.above(self.count_bad(over), self.count_all(over), limit)

    def _sum(self, metric: Metric, over: str) -> str:
        return promql.aggregate("sum", f"sum_over_time({promql.select(metric, self.where)}[{over}])", by=(JOB,))


def availability(stack: Stack) -> Slo:
    """Return the promise that requests do not fail by our fault: 5xx over all."""
    job = JOB.eq(stack.targets.api.job)
    return Slo(
        "availability",
        "Availability",
        stack.slo.availability.objective,
        int(stack.slo.window[:-1]),
        FAILED_REQUEST_RATE,
        REQUEST_RATE,
        job,
        lambda over: _counted(REQUESTS, job, STATUS.re("5.."), over=over),
        lambda over: _counted(REQUESTS, job, over=over),
        LEAST_FAILURES,
    )


def latency(stack: Stack) -> Slo:
    """Return the promise that requests are answered in time; raise ValueError off a bucket edge."""
    with speaking(stack):
        edge = promql.le(REQUEST_DURATION, stack.slo.latency.threshold_seconds)
    job = JOB.eq(stack.targets.api.job)

    def timed(over: str) -> str:
        return _counted(REQUEST_DURATION.count, job, over=over)

    return Slo(
        "latency",
        "Latency",
        stack.slo.latency.objective,
        int(stack.slo.window[:-1]),
        SLOW_REQUEST_RATE,
        REQUEST_RATE,
        job,
        lambda over: f"{timed(over)} - {_counted(REQUEST_DURATION.bucket, job, edge, over=over)}",
        timed,
        LEAST_SLOW,
    )


def _counted(metric: Metric, *where: Matcher, over: str) -> str:
    return promql.total(promql.increase(metric, *where, over=over), by=(JOB,))
