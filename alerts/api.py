"""What wakes someone for the API, and what proves that it does?"""

from alerts.model import Alert, PanelRef, Severity, clears, fires, silent
from stack import Stack
from telemetry import promql
from telemetry.labels import INSTANCE, JOB, LE, METHOD, ROUTE, STATUS
from telemetry.metrics import REQUEST_DURATION, REQUESTS

RUNBOOK = "api.md"


def requests(stack: Stack, status: str, route: str = "/v1/rooms") -> str:
    """Return the selector of one series of requests, for a case."""
    job, instance = JOB.eq(stack.targets.api.job), INSTANCE.eq(stack.targets.api.address)
    return promql.select(REQUESTS, job, instance, METHOD.eq("GET"), ROUTE.eq(route), STATUS.eq(status))


def timed(stack: Stack, *, within: str, over: str) -> dict[str, str]:
    """Return the series of a case in which requests are answered ``within`` the latency threshold, or ``over`` it."""
    job, instance = JOB.eq(stack.targets.api.job), INSTANCE.eq(stack.targets.api.address)
    labels = (job, instance, METHOD.eq("GET"), ROUTE.eq("/v1/rooms"))
    edge = stack.slo.latency.threshold_seconds
    edges = [edge, REQUEST_DURATION.buckets[-1]]
    series = {
        promql.select(REQUEST_DURATION.bucket, *labels, promql.le(REQUEST_DURATION, upper)): samples
        for upper, samples in zip(edges, (within, over), strict=True)
    }
    everything = promql.select(REQUEST_DURATION.bucket, *labels, LE.eq("+Inf"))
    return {
        **series,
        everything: over,
        promql.select(REQUEST_DURATION.count, *labels): over,
        requests(stack, "200"): over,
    }


def error_ratio_high(stack: Stack) -> Alert:
    """More requests fail than anyone should have to bear, whatever the month's budget says."""
    job = JOB.eq(stack.targets.api.job)
    limit = stack.thresholds.api_error_ratio
    floor = stack.thresholds.api_min_requests_per_second
    failed = promql.total(promql.rate(REQUESTS, job, STATUS.re("5.."), over="5m"), by=(JOB,))
    every = promql.total(promql.rate(REQUESTS, job, over="5m"), by=(JOB,))
    ok, bad = requests(stack, "200"), requests(stack, "500")
    return Alert(
        name="ApiErrorRatioHigh",
        expr=f"{promql.ratio(failed, every)} > {limit:g} and {every} > {floor:g}",
        hold="5m",
        keep_firing_for="5m",
        severity=Severity.PAGE,
        summary=f"More than {limit:.0%} of API requests fail.",
        description="{{ $value | humanizePercentage }} of requests were answered 5xx over the last five minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Error ratio"),
        slo="availability",
        cases=(
            fires(
                "one request in ten fails",
                at="15m",
                series={ok: "0+540x20", bad: "0+60x20"},
                where=(job,),
                says="10% of requests were answered 5xx over the last five minutes.",
            ),
            fires(
                "a status never seen before is a failure too",
                at="15m",
                series={ok: "0+540x20", requests(stack, "511"): "0+60x20"},
                where=(job,),
                says="10% of requests were answered 5xx over the last five minutes.",
            ),
            fires(
                "one of many routes fails altogether",
                at="15m",
                series={ok: "0+540x20", requests(stack, "500", "/v1/rooms/{id}"): "0+60x20"},
                where=(job,),
                says="10% of requests were answered 5xx over the last five minutes.",
            ),
            silent("one request in a hundred fails", at="15m", series={ok: "0+594x20", bad: "0+6x20"}),
            silent("callers send what they should not", at="15m", series={requests(stack, "404"): "0+600x20"}),
            silent("no traffic", at="15m", series={ok: "100x20", bad: "10x20"}),
            silent("one error in ten requests at night", at="15m", series={ok: "0x7 9x12", bad: "0x7 1x12"}),
            silent("a deploy resets the counters", at="10m", series={ok: "0+540x6 0+540x10", bad: "50x6 0x10"}),
            silent(
                "two scrapes are missed", at="15m", series={ok: "0+540x8 _x2 5400+540x10", bad: "0+1x8 _x2 10+1x10"}
            ),
            clears("errors stop", fired="15m", at="35m", series={ok: "0+540x40", bad: "0+60x15 900x25"}),
            clears(
                "the target vanishes while it fires",
                fired="15m",
                at="40m",
                series={ok: "0+540x15 stale", bad: "0+60x15 stale"},
            ),
        ),
    )


def p95_over_slo(stack: Stack) -> Alert:
    """The slowest requests within the promised share take longer than promised."""
    job = JOB.eq(stack.targets.api.job)
    promise = stack.slo.latency
    floor = stack.thresholds.api_min_requests_per_second
    p95 = promql.quantile(promise.objective, REQUEST_DURATION, job, over="5m", by=(JOB,))
    every = promql.total(promql.rate(REQUEST_DURATION.count, job, over="5m"), by=(JOB,))
    slow = timed(stack, within="0+300x40", over="0+600x40")
    return Alert(
        name="ApiLatencyP95OverSlo",
        expr=f"{p95} > {promise.threshold_seconds:g} and {every} > {floor:g}",
        hold="5m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"{promise.objective:.0%} of API requests no longer finish within {promise.threshold_seconds:g} s.",
        description="p95 is {{ $value | humanizeDuration }} over the last five minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Latency"),
        slo="latency",
        cases=(
            fires(
                "half of the requests are slow",
                at="15m",
                series=slow,
                where=(job,),
                says="p95 is 9.48s over the last five minutes.",
            ),
            silent("one request in fifty is slow", at="15m", series=timed(stack, within="0+588x20", over="0+600x20")),
            silent("no traffic", at="15m", series=timed(stack, within="300x20", over="600x20")),
            silent("one slow request at night", at="15m", series=timed(stack, within="0x20", over="0x7 1x12")),
            clears(
                "requests are fast again",
                fired="15m",
                at="40m",
                series=timed(stack, within="0+300x15 4500+600x25", over="0+600x40"),
            ),
        ),
    )


ALERTS = (error_ratio_high, p95_over_slo)
