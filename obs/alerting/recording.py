"""Which series are computed once and read often, by promises and by panels over long ranges?"""

from obs.alerting.model import Recording
from obs.query import expr, promql
from obs.stack import Stack
from obs.stack.names import speaking, spoken
from watchkeeper.contract.labels import JOB, STATUS
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS, Metric

WINDOW = "5m"

REQUEST_RATE = Metric("job:http_requests:rate5m", "gauge", "Requests per second.", (JOB,))
FAILED_REQUEST_RATE = Metric("job:http_requests_failed:rate5m", "gauge", "Requests per second answered 5xx.", (JOB,))
SLOW_REQUEST_RATE = Metric(
    "job:http_requests_slow:rate5m", "gauge", "Requests per second over the latency threshold.", (JOB,)
)

RECORDED = (REQUEST_RATE, FAILED_REQUEST_RATE, SLOW_REQUEST_RATE)


def recordings(stack: Stack) -> tuple[Recording, ...]:
    """Return the recording rules, each before the ones that read it, but for those that ask for what is not there."""
    gone = spoken(stack).absent
    with speaking(stack):
        return tuple(rule for rule in _recordings(stack) if not gone & set(expr.names(rule.expr)))


def unanswered(stack: Stack) -> frozenset[str]:
    """Return the standard and the recorded series that this stack does not have."""
    gone = spoken(stack).absent
    if not gone:
        return gone
    there = {rule.metric.name for rule in recordings(stack)}
    return gone | {metric.name for metric in RECORDED if metric.name not in there}


def _recordings(stack: Stack) -> tuple[Recording, ...]:
    api = JOB.eq(stack.targets.api.job)
    requests = promql.total(promql.rate(REQUESTS, api, over=WINDOW), by=(JOB,))
    failed = promql.total(promql.rate(REQUESTS, api, STATUS.re("5.."), over=WINDOW), by=(JOB,))
    timed = promql.total(promql.rate(REQUEST_DURATION.count, api, over=WINDOW), by=(JOB,))
    bucket = promql.le(REQUEST_DURATION, stack.slo.latency.threshold_seconds)
    in_time = promql.total(promql.rate(REQUEST_DURATION.bucket, api, bucket, over=WINDOW), by=(JOB,))
    return (
        Recording(REQUEST_RATE, requests),
        # Without a single failure there is no 5xx series: zero then, so that a promise kept is a number.
        Recording(FAILED_REQUEST_RATE, f"{failed} or 0 * {requests}"),
        Recording(SLOW_REQUEST_RATE, f"{timed} - {in_time}"),
    )
