"""What tells us that we no longer watch, and what proves that it does?"""

from collections.abc import Sequence

from obs.alerting import Alert, PanelRef, Severity, Told, clears, fires, pages, silent, tickets
from obs.query import promql
from obs.stack import Stack
from obs.stack.settings import STACK, Target
from watchkeeper.contract.labels import INSTANCE, JOB, Matcher
from watchkeeper.contract.scraping import UP

RUNBOOK = "stack.md"
TARGETS = PanelRef("stack", "Targets up")

AFTERWARDS = "15m"
"""How long the alert of a cause outlasts it: what it silences reads the last minutes, and would page."""


def watched(stack: Stack) -> tuple[Target, ...]:
    """Return what people depend on: to be blind to it is as bad as an outage."""
    return tuple(target for role, target in stack.targets.items() if role not in STACK)


def watching(stack: Stack) -> tuple[Target, ...]:
    """Return what does the watching."""
    stack.targets.require("prometheus")
    return tuple(target for role, target in stack.targets.items() if role in STACK)


def unreachable(*where: Matcher) -> str:
    """
    Return the condition that a target does not answer, or came and went three times in ten minutes.

    Whoever crashes in a loop is up now and then, and so never fails for as long as a hold.
    """
    up = promql.select(UP, *where)
    return f"{up} == 0 or changes({up}[10m]) > 5"


def up(target: Target) -> str:
    """Return the selector of the target's `up`, for a case."""
    return promql.select(UP, INSTANCE.eq(target.address), JOB.eq(target.job))


def vanished(targets: Sequence[Target]) -> str:
    """Return one series, with its job, for every job of which Prometheus knows no target at all."""
    return " or ".join(f"absent({promql.select(UP, JOB.eq(target.job))})" for target in targets)


def _missing(name: str, severity: Severity, told: Told, targets: Sequence[Target], summary: str) -> Alert:
    gone = targets[0]
    scraped = {up(target): "1x40" for target in targets}
    return Alert(
        name=name,
        expr=vanished(targets),
        hold="10m",
        severity=severity,
        summary=summary,
        description="Prometheus has known no target of job {{ $labels.job }} for ten minutes.",
        runbook=RUNBOOK,
        panel=TARGETS,
        cases=(
            *(
                told(
                    f"{lost.job} is lost from the configuration",
                    at="30m",
                    by="16m",
                    series=scraped | {up(lost): "1x5 stale"},
                    where=(JOB.eq(lost.job),),
                    says=f"Prometheus has known no target of job {lost.job} for ten minutes.",
                )
                for lost in targets
            ),
            told(
                "discovery finds nothing from the start",
                at="30m",
                by="10m",
                series=scraped | {up(gone): "_x40"},
                where=(JOB.eq(gone.job),),
                says=f"Prometheus has known no target of job {gone.job} for ten minutes.",
            ),
            silent("the target is down, which is another alert", series=scraped | {up(gone): "0x40"}),
            silent("discovery fails for six minutes", series=scraped | {up(gone): "1x5 stale _x5 1x30"}),
            silent(
                "one replica of two goes",
                series=scraped
                | {
                    up(gone): "1x5 stale",
                    promql.select(UP, INSTANCE.eq("replica:1"), JOB.eq(gone.job)): "1x40",
                },
            ),
            clears("the job is back", at="31m", series=scraped | {up(gone): "_x31 1x10"}),
        ),
    )


def service_target_missing(stack: Stack) -> Alert:
    """A job of the service has no targets: none of its alerts can fire."""
    return _missing(
        "ServiceTargetMissing",
        Severity.PAGE,
        pages,
        watched(stack),
        "Prometheus no longer knows a target of the service: its alerts can't fire.",
    )


def stack_target_missing(stack: Stack) -> Alert:
    """A job of the observability stack has no targets."""
    return _missing(
        "StackTargetMissing",
        Severity.TICKET,
        tickets,
        watching(stack),
        "Prometheus no longer knows a target of the observability stack.",
    )


def stack_target_down(stack: Stack) -> Alert:
    """A part of the observability stack does not answer."""
    jobs = JOB.re("|".join(target.job for target in watching(stack)))
    dead, *others = reversed(watching(stack))
    return Alert(
        name="StackTargetDown",
        expr=unreachable(jobs),
        hold="5m",
        severity=Severity.TICKET,
        summary="A part of the observability stack does not answer.",
        description="{{ $labels.job }} at {{ $labels.instance }} fails its scrapes.",
        runbook=RUNBOOK,
        panel=TARGETS,
        cases=(
            tickets(
                "one of them dies",
                at="10m",
                by="8m",
                series={up(dead): "1x2 0x20", **{up(other): "1x20" for other in others}},
                where=(INSTANCE.eq(dead.address), JOB.eq(dead.job)),
                says=f"{dead.job} at {dead.address} fails its scrapes.",
            ),
            tickets(
                "it crashes in a loop",
                at="30m",
                by="17m",
                series={up(dead): "1x5 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1"},
                where=(INSTANCE.eq(dead.address), JOB.eq(dead.job)),
                says=f"{dead.job} at {dead.address} fails its scrapes.",
            ),
            silent("it starts twice in an hour", series={up(dead): "1x5 0 1x8 0 1x30"}),
            silent("it was gone for four minutes", series={up(dead): "1x5 0x3 1x30"}),
            silent("two scrapes in a row fail", series={up(dead): "1x4 0x1 1x5"}),
            silent("the API is down, which is another alert", series={up(stack.targets.api): "0x20"}),
            clears("it answers again", at="11m", series={up(dead): "0x10 1x5"}),
            clears("it is taken out of the configuration", at="11m", series={up(dead): "0x10 stale"}),
        ),
    )


def watchdog(stack: Stack) -> Alert:
    """Always fires: when it stops arriving, alerts no longer reach anybody."""
    prometheus = stack.targets.prometheus
    alive = promql.aggregate("group", f"{promql.select(UP, JOB.eq(prometheus.job))} == 1")
    return Alert(
        name="Watchdog",
        # Not vector(1): with a full disk that goes on, while no sample is stored and no other alert can fire.
        expr=alive,
        hold="0s",
        severity=Severity.NONE,
        summary="Alerts reach their receiver.",
        description="This alert always fires. Whoever receives it must raise the alarm when it stops coming.",
        runbook=RUNBOOK,
        panel=TARGETS,
        cases=(
            fires(
                "everything else is down",
                at="10m",
                by="0s",
                series={up(prometheus): "1x20", up(stack.targets.api): "0x20"},
            ),
            fires("a day later", at="1d", by="0s", series={up(prometheus): "1x1440"}),
            silent("Prometheus can't scrape itself", series={up(prometheus): "0x20"}),
            clears("samples can no longer be stored", at="15m", series={up(prometheus): "1x10 _x10"}),
        ),
    )


ALERTS = (service_target_missing, stack_target_missing, stack_target_down, watchdog)
