"""What tells us that the service's own numbers can't be trusted, and what proves that it does?"""

from obs.alerting import Alert, PanelRef, Severity, clears, silent, tickets, told
from obs.alerting.histories import one
from obs.query import promql
from obs.stack import Stack
from watchkeeper.contract.labels import DROP_REASON, JOB, RESULT
from watchkeeper.contract.metrics import DROPPED, FLUSHES, LAST_FLUSH

RUNBOOK = "telemetry.md"
STALE_SECONDS = 120
"""A worker flushes every second, and is given up for dead after one minute: twice that is no hiccup."""

FAILING_RATIO = 0.1
"""One flush in ten that fails is no lost packet; a failed one is repeated, so nothing is lost yet."""


def flushes_failing(stack: Stack) -> Alert:
    """Workers can't deliver their counts to the shared store."""
    job = JOB.eq(stack.targets.telemetry.job)
    failed = promql.total(promql.rate(FLUSHES, job, RESULT.eq("error"), over="5m"), by=(JOB,))
    every = promql.total(promql.rate(FLUSHES, job, over="5m"), by=(JOB,))
    good, bad = (one(stack.targets.telemetry, FLUSHES, RESULT.eq(result)) for result in ("ok", "error"))
    return Alert(
        name="TelemetryFlushesFailing",
        expr=promql.above(failed, every, FAILING_RATIO),
        hold="10m",
        severity=Severity.TICKET,
        summary="The service's workers often fail to deliver their counts to the shared store.",
        description="{{ $value | humanizePercentage }} of flushes fail; counts arrive late, and dashboards lag.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Flushes"),
        cases=(
            tickets(
                "every third flush fails",
                at="20m",
                by="11m",
                series={good: "0+40x25", bad: "0+20x25"},
                where=(job,),
                says="33.33% of flushes fail; counts arrive late, and dashboards lag.",
            ),
            silent("one flush in thirty fails", series={good: "0+58x25", bad: "0+2x25"}),
            silent("the store restarts", series={good: "0+60x8 _x3 480+60x14", bad: "0x8 _x3 60x14"}),
            silent("five bad minutes", series={good: "0+60x5 300+30x5 480+60x15", bad: "0x5 30+30x5 180x15"}),
            clears("the store is well again", at="24m", series={good: "0+40x40", bad: "0+20x20 400x20"}),
        ),
    )


def stale(stack: Stack) -> Alert:
    """A worker lives and has not delivered for long: its counts are held in its memory."""
    job = JOB.eq(stack.targets.telemetry.job)
    last = one(stack.targets.telemetry, LAST_FLUSH)
    oldest = promql.aggregate("min", promql.select(LAST_FLUSH, job), by=(JOB,))
    return Alert(
        name="TelemetryStale",
        expr=f"time() - {oldest} > {STALE_SECONDS}",
        hold="5m",
        severity=Severity.TICKET,
        summary="A worker of the service has not delivered its counts for minutes.",
        description="The worker furthest behind delivered {{ $value | humanizeDuration }} ago.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Last flush"),
        cases=(
            tickets(
                "a worker hangs",
                at="20m",
                by="13m",
                series={last: "0+60x5 300x20"},
                where=(job,),
                says="The worker furthest behind delivered 15m 0s ago.",
            ),
            silent("every worker delivers", series={last: "0+60x25 stale"}),
            silent("it hangs for six minutes and is given up", series={last: "0+60x5 300x6 720+60x15 stale"}),
            silent("every worker is half a minute behind", series={last: "-30+60x25 stale"}),
            clears("the worker is gone", at="22m", series={last: "0+60x5 300x15 1260+60x10 stale"}),
        ),
    )


def updates_dropped(stack: Stack) -> Alert:
    """Something is not counted at all, to keep memory bounded."""
    job = JOB.eq(stack.targets.telemetry.job)
    dropped = promql.total(promql.increase(DROPPED, job, over="15m"), by=(JOB, DROP_REASON))
    too_many = one(stack.targets.telemetry, DROPPED, DROP_REASON.eq("series_limit"))
    return Alert(
        name="TelemetryUpdatesDropped",
        expr=f"{dropped} > 0",
        hold="0s",
        severity=Severity.TICKET,
        summary="The service does not count everything that happens.",
        description=f"{{{{ $value | humanize }}}} updates were dropped in 15 minutes: {told(DROP_REASON)}.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Updates dropped"),
        cases=(
            tickets(
                "a route takes its label from what callers send",
                at="30m",
                by="1m",
                series={too_many: "0+4x40"},
                where=(job, DROP_REASON.eq("series_limit")),
                says="60 updates were dropped in 15 minutes: series_limit.",
            ),
            silent("nothing is dropped", series={too_many: "7x40"}),
            clears("the label is bounded", at="44m", series={too_many: "0+4x30 120x30"}),
        ),
    )


ALERTS = (flushes_failing, stale, updates_dropped)
