"""Which series do cases feed to rules: one of any metric, of requests, of their durations?"""

from obs.query import promql
from obs.stack import Stack, names
from obs.stack.settings import Target
from watchkeeper.contract.labels import INSTANCE, JOB, LE, METHOD, ROUTE, STATUS, Matcher
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS, Metric


def at(target: Target, instance: str = "") -> tuple[Matcher, ...]:
    """Match a scrape target by instance and job, or another ``instance`` of its job."""
    return INSTANCE.eq(instance or target.address), JOB.eq(target.job)


def one(target: Target, metric: Metric, *where: Matcher, instance: str = "") -> str:
    """Return the selector of one series of a scrape target, for a case."""
    return promql.select(metric, *at(target, instance), *where)


def requests(stack: Stack, status: str, route: str = "/v1/rooms") -> str:
    """Return the selector of one series of requests, for a case."""
    return one(stack.targets.api, REQUESTS, METHOD.eq("GET"), ROUTE.eq(route), STATUS.eq(status))


def edge(upper: float) -> Matcher:
    """Match the bucket up to ``upper``, for a case."""
    return LE.eq(repr(float(upper)))


def duration(seconds: float) -> str:
    """Return at least a millisecond as Prometheus' `humanizeDuration` writes it: `375ms`, `2.5s`, `1h 0m 0s`."""
    if seconds < 1:
        return f"{1000 * seconds:.4g}ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.4g}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    larger = f"{days}d {hours}h " if days else f"{hours}h " if hours else ""
    return f"{larger}{minutes}m {rest}s"


def timed(stack: Stack, *, within: str, over: str) -> dict[str, str]:
    """Return the series of a case in which requests are answered ``within`` the latency threshold, or ``over`` it."""
    # Where requests are counted by the histogram itself, its series carry the status too.
    counts = names.label(STATUS) in names.metric(REQUEST_DURATION).labels
    answered = (STATUS.eq("200"),) if counts else ()
    labels = (*at(stack.targets.api), METHOD.eq("GET"), ROUTE.eq("/v1/rooms"), *answered)
    promised = stack.slo.latency.threshold_seconds
    series = {
        promql.select(REQUEST_DURATION.bucket, *labels, edge(upper)): samples
        for upper, samples in {promql.edges(REQUEST_DURATION)[-1]: over, promised: within}.items()
    }
    everything = promql.select(REQUEST_DURATION.bucket, *labels, LE.eq("+Inf"))
    return {
        **series,
        everything: over,
        promql.select(REQUEST_DURATION.count, *labels): over,
        requests(stack, "200"): over,
    }
