"""What do we promise, how much of the error budget is spent, and how fast does it burn?"""

from dataclasses import dataclass
from datetime import timedelta

from obs.alerting.model import AlertError
from obs.alerting.recording import FAILED_REQUEST_RATE, REQUEST_RATE, SLOW_REQUEST_RATE
from obs.query import promql
from obs.stack import Stack
from obs.stack.names import speaking
from watchkeeper.contract.labels import JOB, Matcher
from watchkeeper.contract.metrics import REQUEST_DURATION, Metric


@dataclass(frozen=True, slots=True)
class BurnWindow:
    """Alert when ``spent`` (share of the whole budget) goes within ``long``, and still goes within ``short``."""

    long: str
    short: str
    spent: float

    def factor(self, days: int) -> float:
        """Return how many times faster than allowed the budget of a window of ``days`` burns then."""
        return self.spent * timedelta(days=days) / HOURS[self.long]


HOURS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "1d": timedelta(days=1), "3d": timedelta(days=3)}

# Multiwindow, multi-burn-rate: https://sre.google/workbook/alerting-on-slos/, table 5-8
PAGE_WINDOWS = (BurnWindow("1h", "5m", 0.02), BurnWindow("6h", "30m", 0.05))
TICKET_WINDOWS = (BurnWindow("1d", "2h", 0.1), BurnWindow("3d", "6h", 0.1))


@dataclass(frozen=True, slots=True)
class Slo:
    """
    One promise: of all events (``total``) at most ``1 - objective`` are ``bad``, over a rolling window of ``days``.

    Both are recorded rates per second. Windows are summed before they are divided, so every event weighs the same:
    the average of ratios would let one failure at night count like a thousand at noon.
    """

    name: str
    title: str
    objective: float
    days: int
    bad: Metric
    total: Metric
    where: Matcher

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

    def event_rate(self, over: str) -> str:
        """Return events per second, averaged over a window."""
        averaged = f"avg_over_time({promql.select(self.total, self.where)}[{over}])"
        return promql.aggregate("sum", averaged, by=(JOB,))

    def budget_left(self) -> str:
        """Return the share of the error budget that is left: 1 untouched, 0 spent, below 0 broken."""
        return f"1 - ({self.error_ratio(self.window)}) / {self.budget:g}"

    def burns(self, windows: tuple[BurnWindow, ...], *, floor: float) -> str:
        """
        Return the condition that the budget burns too fast in one of ``windows``, long and short at once.

        ``floor`` is the events per second below which a ratio says little: one failure in ten at night is no outage.
        """
        return " or ".join(self._burn(window, floor) for window in windows)

    def _burn(self, window: BurnWindow, floor: float) -> str:
        limit = f"{window.factor(self.days) * self.budget:.4g}"
        conditions = (
            f"{self.error_ratio(window.long)} > {limit}",
            f"{self.error_ratio(window.short)} > {limit}",
            f"{self.event_rate(window.long)} > {floor:g}",
        )
        return f"({' and '.join(conditions)})"

    def _sum(self, metric: Metric, over: str) -> str:
        return promql.aggregate("sum", f"sum_over_time({promql.select(metric, self.where)}[{over}])", by=(JOB,))


def availability(stack: Stack) -> Slo:
    """Return the promise that requests do not fail by our fault: 5xx over all."""
    return Slo(
        "availability",
        "Availability",
        stack.slo.availability.objective,
        int(stack.slo.window[:-1]),
        FAILED_REQUEST_RATE,
        REQUEST_RATE,
        JOB.eq(stack.targets.api.job),
    )


def latency(stack: Stack) -> Slo:
    """Return the promise that requests are answered in time; raise ValueError off a bucket edge."""
    with speaking(stack):
        promql.le(REQUEST_DURATION, stack.slo.latency.threshold_seconds)
    return Slo(
        "latency",
        "Latency",
        stack.slo.latency.objective,
        int(stack.slo.window[:-1]),
        SLOW_REQUEST_RATE,
        REQUEST_RATE,
        JOB.eq(stack.targets.api.job),
    )
