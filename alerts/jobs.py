"""What wakes someone for the background jobs, and what proves that it does?"""

import math

from alerts.api import just_now
from obs import durations
from obs.alerting import Alert, PanelRef, Severity, Silence, clears, histories, pages, silent, tickets, told
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
from watchkeeper.contract.scraping import UP

RUNBOOK = "jobs.md"

FAILURE_RATIO = Threshold("job_failure_ratio", 0.1, "share of failing jobs that makes a ticket", below=1)
QUEUE_LATENCY_SECONDS = Threshold(
    "job_queue_latency_seconds",
    30.5,
    "wait before a job starts; an edge of the histogram's buckets",
    edges=JOB_QUEUE_LATENCY.buckets,
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
    far, minute = min(2.5 * limit, (1 + limit) / 2), max(4 / limit, 40)
    says = f"{100 * far:.4g}% of the jobs in queue email fail."
    runs, many, half, few = (f"{minute * share:.12g}" for share in (1, far, far / 2, limit / 4))
    return Alert(
        name="JobFailureRatioHigh",
        expr=f"{promql.above(failed, every, limit)} and {failed} > {SPIKE_FAILURES}",
        hold="1m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"More than {100 * limit:g}% of a queue's jobs fail.",
        description=f"{{{{ $value | humanizePercentage }}}} of the jobs in queue {told(QUEUE)} fail.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Failure ratio"),
        cases=(
            tickets(
                "far more jobs fail than are bearable",
                at="10m",
                by="2m",
                series={done: f"0+{runs}x15", timeout: f"0+{many}x15"},
                where=(EMAIL,),
                says=says,
            ),
            tickets(
                "two kinds of error together",
                at="10m",
                by="2m",
                series={done: f"0+{runs}x15", timeout: f"0+{half}x15", refused: f"0+{half}x15"},
                where=(EMAIL,),
                says=says,
            ),
            silent("a few jobs fail", series={done: f"0+{runs}x15", timeout: f"0+{few}x15"}),
            silent("one failure in a quiet queue", series={done: "0x5 2x10", timeout: "0x5 1x10"}),
            silent("no jobs", series={done: "40x15", timeout: "10x15"}),
            silent(
                "workers restart from zero",
                series={done: f"0+{runs}x5 0+{runs}x10", timeout: f"0+{few}x5 0+{few}x10"},
            ),
            clears(
                "jobs succeed again",
                at="18m",
                series={done: f"0+{runs}x30", timeout: f"0+{many}x10 {10 * minute * far:.12g}x20"},
            ),
        ),
    )


def queue_latency_high(stack: Stack) -> Alert:
    """Due jobs wait too long for a worker."""
    job = JOB.eq(stack.targets.jobs.job)
    limit = QUEUE_LATENCY_SECONDS.of(stack)
    p95 = promql.quantile(0.95, JOB_QUEUE_LATENCY, job, over=just_now(stack), by=(QUEUE,))

    minutes = int(durations.seconds(just_now(stack)) // 60)
    last = promql.edges(JOB_QUEUE_LATENCY)[-1]
    # Beyond the last edge nothing is measured: a quantile there is that edge itself
    exceeds = ">" if limit < last else ">="
    # Of six in a hundred one lies below the quantile, on its way from the edge to the last one
    reading = limit + (last - limit) / 6

    def waits(within: str, all_of_them: str) -> dict[str, str]:
        samples = {last: all_of_them, limit: within}
        buckets = {histories.edge(edge): each for edge, each in samples.items()}
        buckets[LE.eq("+Inf")] = all_of_them
        return {one(stack, JOB_QUEUE_LATENCY.bucket, edge): each for edge, each in buckets.items()}

    return Alert(
        name="JobQueueLatencyHigh",
        expr=f"{p95} {exceeds} {limit:g}",
        hold="7m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"Jobs wait longer than {limit:g} s for a worker.",
        description=f"One job in twenty waits over {{{{ $value | humanizeDuration }}}} in queue {told(QUEUE)}.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Queue latency"),
        cases=(
            tickets(
                "six jobs in a hundred wait",
                at="15m",
                by="8m",
                series=waits("0+94x20", "0+100x20"),
                where=(EMAIL,),
                says=f"One job in twenty waits over {histories.duration(reading)} in queue email.",
            ),
            silent("one job in fifty waits", series=waits("0+49x20", "0+50x20")),
            silent("forty reports at once", series=waits("0+60x9 540x3 540+60x20", "0+60x34")),
            silent("no jobs", series=waits("30x20", "60x20")),
            clears("workers catch up", at=f"{20 + minutes}m", series=waits("0+30x15 450+60x25", "0+60x40")),
        ),
    )


def queue_stalled(stack: Stack) -> Alert:
    """Nothing has taken the oldest job of a queue for far too long."""
    limit = STALLED_SECONDS.of(stack)
    job = JOB.eq(stack.targets.jobs.job)
    oldest = promql.aggregate("max", promql.select(JOBS_OLDEST_WAITING, job), by=(QUEUE,))
    age, minutes = one(stack, JOBS_OLDEST_WAITING), math.ceil(limit / 60)
    fired = minutes + 15
    return Alert(
        name="JobQueueStalled",
        expr=f"{oldest} > {limit:g}",
        hold="3m",
        severity=Severity.PAGE,
        summary="A queue has stalled: its oldest job is not taken.",
        description=f"The oldest job in queue {told(QUEUE)} has waited {{{{ $value | humanizeDuration }}}}.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Oldest waiting"),
        cases=(
            pages(
                "nothing takes from the queue",
                at=f"{fired}m",
                by=f"{int(limit // 60) + 4}m",
                series={age: f"0+60x{fired + 10}"},
                where=(EMAIL,),
                says=f"The oldest job in queue email has waited {histories.duration(60 * fired)}.",
            ),
            silent("jobs are taken in time", series={age: f"{limit / 3:.12g}x{fired + 10}"}),
            silent("it is taken just in time", series={age: f"0+60x{minutes + 1} 0x10"}),
            silent("the queue is empty", series={age: "0x40"}),
            clears("a worker comes back", at=f"{fired + 1}m", series={age: f"0+60x{fired} 0x10"}),
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
        description=f"{{{{ $value }}}} jobs wait in queue {told(QUEUE)}, and no worker takes from it.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Workers"),
        silences=(Silence(("jobs",), (QUEUE,)),),
        cases=(
            pages(
                "the last worker dies",
                at="15m",
                by="11m",
                series={due: "7x20", alive: "1x5 stale"},
                where=(EMAIL,),
                says="7 jobs wait in queue email, and no worker takes from it.",
            ),
            pages(
                "workers say zero",
                at="15m",
                by="11m",
                series={due: "7x20", alive: "1x5 0x15"},
                where=(EMAIL,),
                says="7 jobs wait in queue email, and no worker takes from it.",
            ),
            silent("a worker is busy", series={due: "7x20", alive: "1x20"}),
            silent("the last worker restarts", series={due: "7x20", alive: "1x5 0x3 1x12"}),
            silent("nothing waits, nobody works", series={due: "0x20", alive: "0x20"}),
            clears("a worker starts", at="16m", series={due: "7x25", alive: "0x15 1x10"}),
        ),
    )


def workers_gone(stack: Stack) -> Alert:
    """A queue that only its workers measure has lost the last one: nobody can say whether jobs wait."""
    job = JOB.eq(stack.targets.jobs.job)
    workers = promql.select(JOB_WORKERS, job)
    had = promql.aggregate("max", f"max_over_time({workers}[1h])", by=(QUEUE,))
    measured = promql.total(promql.select(JOBS_WAITING, job), by=(QUEUE,))
    scraped = promql.aggregate("max", promql.select(UP, job))
    due, alive = one(stack, JOBS_WAITING), one(stack, JOB_WORKERS)
    answers = histories.one(stack.targets.jobs, UP)
    return Alert(
        name="JobWorkersGone",
        expr=f"{had} > 0 unless {promql.total(workers, by=(QUEUE,))} > 0 unless {measured} and on () {scraped} == 1",
        hold="10m",
        severity=Severity.PAGE,
        summary="A queue has lost its last worker, and nobody measures it any more.",
        description=f"Queue {told(QUEUE)} had a worker within the hour, and has none now.",
        runbook=RUNBOOK,
        panel=PanelRef("jobs", "Fewest workers"),
        cases=(
            pages(
                "the last worker dies",
                at="30m",
                by="21m",
                series={answers: "1x100", alive: "2x10 stale", due: "3x10 stale"},
                where=(EMAIL,),
                says="Queue email had a worker within the hour, and has none now.",
            ),
            silent("another process measures the queue", series={answers: "1x100", alive: "2x10 stale", due: "3x100"}),
            silent(
                "its workers are deployed",
                series={answers: "1x110", alive: "2x10 stale _x7 2x90", due: "3x10 stale _x7 3x90"},
            ),
            silent(
                "its target is lost from the configuration, which is another alert",
                series={answers: "1x10 stale", alive: "2x10 stale", due: "3x10 stale"},
            ),
            silent(
                "its target does not answer, which is another alert",
                series={answers: "1x10 0x90", alive: "2x10 stale", due: "3x10 stale"},
            ),
            silent("it never had one", series={answers: "1x100", alive: "0x10 stale", due: "3x10 stale"}),
            clears(
                "a worker starts", at="32m", series={answers: "1x130", alive: "2x10 stale _x20 2x90", due: "3x10 stale"}
            ),
        ),
    )


ALERTS = (failure_ratio_high, queue_latency_high, queue_stalled, workers_missing, workers_gone)
