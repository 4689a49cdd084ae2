"""Jobs: are they done, are they done right, and how long do they wait?"""

from alerts.jobs import FAILURE_RATIO, QUEUE_LATENCY_SECONDS, STALLED_SECONDS
from obs.boards import panels
from obs.boards.board import Dashboard, board, variable
from obs.boards.panels import NOW, RATE, Panel, Query, at_least, at_most, legend, scope
from obs.query.promql import aggregate, quantile, rate, ratio, select, total
from obs.stack import Stack
from watchkeeper.contract.labels import ERROR, JOB, QUEUE, Matcher
from watchkeeper.contract.metrics import (
    JOB_DURATION,
    JOB_QUEUE_LATENCY,
    JOB_WORKERS,
    JOBS_ACTIVE,
    JOBS_DELAYED,
    JOBS_FAILED,
    JOBS_OLDEST_WAITING,
    JOBS_PROCESSED,
    JOBS_RETRIED,
    JOBS_WAITING,
)


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of the background jobs, which share the API's scrape target."""
    here = (*scope(stack.targets.jobs), QUEUE.re("$queue"))
    return board(
        stack,
        slug="jobs",
        title="Jobs",
        why="Throughput, failures, waiting time and depth of every queue.",
        jobs=(stack.targets.jobs.job,),
        runbook="jobs.md",
        variables=(variable("queue", JOBS_PROCESSED, QUEUE, JOB.eq(stack.targets.jobs.job), words="Queue"),),
        rows={
            "Now": now(stack),
            "Work done": [
                panels.series(
                    "Processed and failed",
                    Query(total(rate(JOBS_PROCESSED, *here, over=RATE), by=(QUEUE,)), f"{legend(QUEUE)} processed"),
                    Query(total(rate(JOBS_FAILED, *here, over=RATE), by=(QUEUE,)), f"{legend(QUEUE)} failed"),
                    why="Failed closing in on processed: nothing succeeds any more. Read the errors panel.",
                ),
                panels.share(
                    "Failure ratio",
                    total(rate(JOBS_FAILED, *here, over=RATE), by=(QUEUE,)),
                    total(rate(JOBS_PROCESSED, *here, over=RATE), by=(QUEUE,)),
                    by=(QUEUE,),
                    steps=at_most(FAILURE_RATIO.of(stack)),
                    why="Over the line a ticket is opened. One queue alone is its code; all of them is a dependency.",
                ),
                panels.traffic(
                    "Failures by error",
                    JOBS_FAILED,
                    *here,
                    by=(ERROR,),
                    stacked=True,
                    empty="no failure seen",
                    why="The class of the exception: timeouts point below, everything else at the newest deploy.",
                ),
            ],
            "Waiting": [
                panels.latency(
                    "Queue latency",
                    JOB_QUEUE_LATENCY,
                    *here,
                    steps=at_most(QUEUE_LATENCY_SECONDS.of(stack)),
                    why="How long a due job waits for a worker. Over the line: add workers or stop the flood.",
                ),
                panels.series(
                    "Depth",
                    Query(total(select(JOBS_WAITING, *here), by=(QUEUE,)), f"{legend(QUEUE)} waiting"),
                    Query(total(select(JOBS_ACTIVE, *here), by=(QUEUE,)), f"{legend(QUEUE)} active"),
                    Query(total(select(JOBS_DELAYED, *here), by=(QUEUE,)), f"{legend(QUEUE)} delayed"),
                    why="Waiting grows while active is flat: too few workers, or all of them stuck.",
                ),
                panels.level(
                    "Oldest waiting",
                    JOBS_OLDEST_WAITING,
                    *here,
                    by=(QUEUE,),
                    operator="max",
                    steps=at_most(STALLED_SECONDS.of(stack)),
                    why="Rises one second a second when nothing takes from the queue. Over the line someone is paged.",
                ),
            ],
            "Workers": [
                panels.traffic(
                    "Retries",
                    JOBS_RETRIED,
                    *here,
                    by=(QUEUE,),
                    why="Retries that grow while failures stay flat are a dependency that flaps: work is done twice.",
                ),
                panels.latency(
                    "Run time",
                    JOB_DURATION,
                    *here,
                    why="Longer runs with the same input: look at the database before adding workers.",
                ),
                panels.series(
                    "Workers",
                    Query(workers(*here), legend(QUEUE)),
                    steps=at_least(1),
                    why="0: jobs wait and nobody takes them. A step down without a deploy is a crash: read their log.",
                ),
            ],
        },
    )


def now(stack: Stack) -> list[Panel]:
    """Return whether jobs are done, right and in time."""
    chosen = QUEUE.re("$queue")
    here = (*scope(stack.targets.jobs), chosen)
    return [
        failing(stack, chosen),
        panels.number(
            "Queue latency p95",
            quantile(0.95, JOB_QUEUE_LATENCY, *here, over=NOW),
            steps=at_most(QUEUE_LATENCY_SECONDS.of(stack)),
            why="How long a due job waits. Red: add workers or stop the flood.",
        ),
        oldest(stack, chosen),
        panels.number("Waiting", total(select(JOBS_WAITING, *here)), why="Jobs due and not yet taken."),
        panels.number(
            "Fewest workers",
            aggregate("min", workers(*here)),
            steps=at_least(1),
            why="Of the queue that has fewest. 0: jobs wait and nobody takes them.",
        ),
        panels.number(
            "Runs", total(rate(JOBS_PROCESSED, *here, over=NOW)), why="0: nothing to do, or nobody to do it."
        ),
    ]


def workers(*here: Matcher) -> str:
    """Return how many take jobs from each queue: 0, and not nothing, where jobs wait and nobody does."""
    waiting = total(select(JOBS_WAITING, *here), by=(QUEUE,))
    return f"{total(select(JOB_WORKERS, *here), by=(QUEUE,))} or 0 * {waiting}"


def failing(stack: Stack, *queues: Matcher) -> Panel:
    """Return the share of jobs that fail."""
    here = (*scope(stack.targets.jobs), *queues)
    return panels.number(
        "Jobs failing",
        ratio(total(rate(JOBS_FAILED, *here, over=NOW)), total(rate(JOBS_PROCESSED, *here, over=NOW))),
        steps=at_most(FAILURE_RATIO.of(stack)),
        why="Red: a queue's code or what it depends on is broken. No data: nothing takes from the queues.",
    )


def runs(stack: Stack) -> Panel:
    """Return what the workers do, and which queue fails."""
    here = scope(stack.targets.jobs)
    return panels.series(
        "Job runs",
        Query(total(rate(JOBS_PROCESSED, *here, over=RATE)), "processed"),
        Query(total(rate(JOBS_FAILED, *here, over=RATE), by=(QUEUE,)), f"{legend(QUEUE)} failed"),
        why="Failures of one queue are its code; of all of them a dependency. No line: the workers are gone.",
    )


def oldest(stack: Stack, *queues: Matcher) -> Panel:
    """Return how long a job waits."""
    return panels.number(
        "Oldest waiting job",
        aggregate("max", select(JOBS_OLDEST_WAITING, *scope(stack.targets.jobs), *queues)),
        steps=at_most(STALLED_SECONDS.of(stack)),
        why="Red: a queue has stalled.",
    )


OVERVIEW = {"Now": (failing,), "Since when": (runs,), "Room left": (oldest,)}
