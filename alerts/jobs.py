"""What wakes someone for the background jobs, and what proves that it does?"""

from obs.alerting import histories
from obs.alerting.model import Alert, PanelRef, Severity, clears, fires, silent
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import ERROR, JOB, LE, QUEUE, Matcher
from watchkeeper.contract.metrics import (
    JOB_QUEUE_LATENCY,
    JOB_WORKERS,
    JOBS_FAILED,
    JOBS_OLDEST_WAITING,
    JOBS_PROCESSED,
    JOBS_WAITING,
    Metric,
)

RUNBOOK = "jobs.md"

FAILURE_RATIO = Threshold("job_failure_ratio", 0.1, "share of failing jobs that makes a ticket", below=1)
QUEUE_LATENCY_SECONDS = Threshold(
    "job_queue_latency_seconds", 30.5, "wait before a job starts; an edge of the histogram's buckets"
)
STALLED_SECONDS = Threshold(
    "job_stalled_seconds", 900, "age of the oldest waiting job at which the queue counts as stalled"
)
EMAIL = QUEUE.eq("email")

SPIKE_FAILURES = 3
"""Failures in five minutes from which a ratio counts: below, one retry is half the traffic of a quiet queue."""


def one(stack: Stack, metric: Metric, *where: Matcher) -> str:
    """Return the selector of one series of the queue `email`, for a case."""
    return histories.one(stack.targets.jobs, metric, EMAIL, *where)


def failure_ratio_high(stack: Stack) -> Alert:
    """Jobs of one queue fail in numbers."""
    job = JOB.eq(stack.targets.jobs.job)
    limit = FAILURE_RATIO.of(stack)
    failed = promql.total(promql.increase(JOBS_FAILED, job, over="5m"), by=(QUEUE,))
    every = promql.total(promql.increase(JOBS_PROCESSED, job, over="5m"), by=(QUEUE,))
    done, timeout = one(stack, JOBS_PROCESSED), one(stack, JOBS_FAILED, ERROR.eq("TimeoutError"))
    refused = one(stack, JOBS_FAILED, ERROR.eq("ConnectionError"))
    return Alert(
        name="JobFailureRatioHigh",
        expr=f"{promql.ratio(failed, every)} > {limit:g} and {failed} > {SPIKE_FAILURES}",
        hold="1m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"More than {limit:.0%} of a queue's jobs fail.",
        description="{{ $value | humanizePercentage }} of the jobs in queue {{ $labels.queue }} fail.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Failure ratio"),
        cases=(
            fires(
                "one job in four fails",
                at="10m",
                series={done: "0+40x15", timeout: "0+10x15"},
                where=(EMAIL,),
                says="25% of the jobs in queue email fail.",
            ),
            fires(
                "two kinds of error together",
                at="10m",
                series={done: "0+40x15", timeout: "0+5x15", refused: "0+5x15"},
                where=(EMAIL,),
                says="25% of the jobs in queue email fail.",
            ),
            silent("one job in forty fails", at="10m", series={done: "0+40x15", timeout: "0+1x15"}),
            silent("one failure in a quiet queue", at="10m", series={done: "0x5 2x10", timeout: "0x5 1x10"}),
            silent("failures of this very minute", at="6m", series={done: "0+40x15", timeout: "0x5 40x10"}),
            silent("no jobs", at="10m", series={done: "40x15", timeout: "10x15"}),
            silent("workers restart from zero", at="10m", series={done: "0+40x5 0+40x10", timeout: "0+1x5 0+1x10"}),
            clears("jobs succeed again", fired="10m", at="25m", series={done: "0+40x30", timeout: "0+10x10 100x20"}),
        ),
    )


def queue_latency_high(stack: Stack) -> Alert:
    """Due jobs wait too long for a worker."""
    job = JOB.eq(stack.targets.jobs.job)
    limit = QUEUE_LATENCY_SECONDS.of(stack)
    p95 = promql.quantile(0.95, JOB_QUEUE_LATENCY, job, over="5m", by=(QUEUE,))

    def waits(within: str, all_of_them: str) -> dict[str, str]:
        last = JOB_QUEUE_LATENCY.buckets[-1]
        edges = (promql.le(JOB_QUEUE_LATENCY, limit), promql.le(JOB_QUEUE_LATENCY, last), LE.eq("+Inf"))
        samples = (within, all_of_them, all_of_them)
        return {one(stack, JOB_QUEUE_LATENCY.bucket, edge): each for edge, each in zip(edges, samples, strict=True)}

    return Alert(
        name="JobQueueLatencyHigh",
        expr=f"{p95} > {limit:g}",
        hold="5m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"Jobs wait longer than {limit:g} s for a worker.",
        description="One job in twenty waits over {{ $value | humanizeDuration }} in queue {{ $labels.queue }}.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Queue latency"),
        cases=(
            fires(
                "six jobs in a hundred wait",
                at="15m",
                series=waits("0+94x20", "0+100x20"),
                where=(EMAIL,),
                says="One job in twenty waits over 2m 55s in queue email.",
            ),
            silent("one job in fifty waits", at="15m", series=waits("0+49x20", "0+50x20")),
            silent("four bad minutes", at="13m", series=waits("0+60x9 600x6", "0+60x15")),
            silent("no jobs", at="15m", series=waits("30x20", "60x20")),
            clears("workers catch up", fired="15m", at="35m", series=waits("0+30x15 450+60x25", "0+60x40")),
        ),
    )


def queue_stalled(stack: Stack) -> Alert:
    """Nothing has taken the oldest job of a queue for far too long."""
    limit = STALLED_SECONDS.of(stack)
    job = JOB.eq(stack.targets.jobs.job)
    oldest = promql.aggregate("max", promql.select(JOBS_OLDEST_WAITING, job), by=(QUEUE,))
    age = one(stack, JOBS_OLDEST_WAITING)
    return Alert(
        name="JobQueueStalled",
        expr=f"{oldest} > {limit:g}",
        hold="5m",
        severity=Severity.PAGE,
        summary="A queue has stalled: its oldest job is not taken.",
        description="The oldest job in queue {{ $labels.queue }} has waited {{ $value | humanizeDuration }}.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Oldest waiting"),
        cases=(
            fires(
                "nothing takes from the queue",
                at="30m",
                series={age: "0+60x40"},
                where=(EMAIL,),
                says="The oldest job in queue email has waited 30m 0s.",
            ),
            silent("jobs are taken after five minutes", at="30m", series={age: "300x40"}),
            silent("it is taken just in time", at="20m", series={age: "0+60x18 0x10"}),
            silent("the queue is empty", at="30m", series={age: "0x40"}),
            clears("a worker comes back", fired="30m", at="35m", series={age: "0+60x30 0x10"}),
        ),
    )


def workers_missing(stack: Stack) -> Alert:
    """Jobs wait, and no live worker takes from their queue."""
    job = JOB.eq(stack.targets.jobs.job)
    waiting = promql.total(promql.select(JOBS_WAITING, job), by=(QUEUE,))
    workers = promql.total(promql.select(JOB_WORKERS, job), by=(QUEUE,))
    due, alive = one(stack, JOBS_WAITING), one(stack, JOB_WORKERS)
    return Alert(
        name="JobWorkersMissing",
        # A dead worker's gauge vanishes, so its absence counts like zero: hence unless, not == 0.
        expr=f"{waiting} > 0 unless {workers} > 0",
        hold="5m",
        severity=Severity.PAGE,
        summary="Jobs are waiting and no worker is alive to take them.",
        description="{{ $value }} jobs wait in queue {{ $labels.queue }}, and no worker takes from it.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Workers"),
        cases=(
            fires(
                "the last worker dies",
                at="15m",
                series={due: "7x20", alive: "1x5 stale"},
                where=(EMAIL,),
                says="7 jobs wait in queue email, and no worker takes from it.",
            ),
            fires(
                "workers say zero",
                at="15m",
                series={due: "7x20", alive: "1x5 0x15"},
                where=(EMAIL,),
                says="7 jobs wait in queue email, and no worker takes from it.",
            ),
            silent("a worker is busy", at="15m", series={due: "7x20", alive: "1x20"}),
            silent("the last worker restarts", at="15m", series={due: "7x20", alive: "1x5 0x3 1x12"}),
            silent("nothing waits, nobody works", at="15m", series={due: "0x20", alive: "0x20"}),
            clears("a worker starts", fired="15m", at="20m", series={due: "7x25", alive: "0x15 1x10"}),
        ),
    )


ALERTS = (failure_ratio_high, queue_latency_high, queue_stalled, workers_missing)
