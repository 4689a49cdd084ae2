"""Does each injected fault reach the right person, once, and is its end told as well?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import requests

from e2e.alarms import background, fires, quiet, told
from e2e.report import Page, Report
from e2e.running import Running, wait_for_redis
from e2e.traffic import BREAKABLE
from obs.alerting import rules
from obs.config.alertmanager import PAGER, TICKETS
from obs.programs.waiting import NeverHappenedError, until
from obs.stack import Stack

PART = "faults"
TOLD_SECONDS = 60
ENDED_SECONDS = 120

Act = Callable[[Running], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is broken, how, how it is mended, and which alert must then arrive where."""

    words: str
    alert: str
    receiver: str
    inject: Act
    mend: Act
    needs: tuple[str, ...] = ()


def switch(**faults: float) -> Act:
    """Return the act that switches faults of the reference API on, and all others off."""

    def act(run: Running) -> None:
        everything = {"error_ratio": 0.0, "latency_seconds": 0.0, "failing_jobs": 0.0, **faults}
        requests.put(f"{run.api}/_faults", json=everything, timeout=10).raise_for_status()

    return act


def kill(name: str) -> Act:
    """Return the act that kills a process as a crash would."""
    return lambda run: run.processes[name].kill()


def start(name: str) -> Act:
    """Return the act that starts a process again."""
    return lambda run: run.processes[name].start()


def start_redis(run: Running) -> None:
    """Start Redis again on its data, and the worker, which ends without it, as its restart policy would."""
    run.processes["redis"].start()
    wait_for_redis(run.here)
    run.processes["worker"].restart_if_ended()


HEALTHY = switch()

CRASHES = (
    Fault(
        "Redis exporter killed",
        "RedisExporterDown",
        TICKETS,
        kill("redis_exporter"),
        start("redis_exporter"),
        ("redis_exporter",),
    ),
    Fault("API killed", "ApiDown", PAGER, kill("api"), start("api")),
    Fault("Redis killed", "RedisDown", PAGER, kill("redis"), start_redis, ("redis_exporter",)),
    Fault("job worker killed", "JobWorkersMissing", PAGER, kill("worker"), start("worker")),
)
DEGRADATIONS = (
    Fault("every job fails", "JobFailureRatioHigh", TICKETS, switch(failing_jobs=1.0), HEALTHY),
    Fault("half of the requests take 0.4 s", "ApiLatencyP95OverSlo", TICKETS, switch(latency_seconds=0.4), HEALTHY),
    Fault("5 % of the requests fail", "ApiErrorRatioHigh", PAGER, switch(error_ratio=0.05 / BREAKABLE), HEALTHY),
)
"""In an order in which none leaves traces, in windows of hours, that another would be blamed for."""

BURNT = {"ApiAvailabilityBudgetSlowBurn", "ApiLatencyBudgetSlowBurn"}
"""Tickets that may follow: what was broken is a large part of the few minutes the budgets' windows then hold."""


def check(run: Running, report: Report, faults: Sequence[Fault]) -> None:
    """Inject each fault into a quiet stack, and report who was told."""
    for fault in faults:
        if missing := run.programs.lacks("prometheus", *fault.needs):
            report.not_run(PART, fault.words, missing)
            continue
        try:
            report.step(f"{fault.words}: waiting for silence")
            quiet(run)
            if missing := run.programs.lacks("alertmanager"):
                _fire(run, report, fault)
                report.not_run(PART, f"{fault.words}: somebody is told", missing)
            else:
                _tell(run, report, fault)
        except (NeverHappenedError, requests.RequestException) as error:
            report.failed(PART, fault.words, str(error))


def nothing_else(run: Running, report: Report) -> None:
    """Report whether anybody was told, at any time of the run, of anything that was not broken on purpose."""
    words = "nobody is told of anything else"
    if missing := run.programs.lacks("prometheus", "alertmanager"):
        report.not_run(PART, words, missing)
        return
    expected = {fault.alert for fault in (*CRASHES, *DEGRADATIONS)} | {name for name, _ in background(run)} | BURNT
    surprises = [f"{found.alert} at '{found.receiver}'" for found in run.sink.since(0) if found.alert not in expected]
    if surprises:
        report.failed(PART, words, ", ".join(dict.fromkeys(surprises)))
    else:
        report.passed(PART, words, f"{len(run.sink.since(0))} notifications, all of them explained")


def _fire(run: Running, report: Report, fault: Fault) -> None:
    """Show as much as there is without an Alertmanager: the alert fires, and stops."""
    report.step(f"{fault.words}: waiting for {fault.alert}")
    broken = time.monotonic()
    fault.inject(run)
    try:
        until(fault.alert, lambda: fires(run, fault.alert), within=TOLD_SECONDS)
        after = time.monotonic() - broken
    finally:
        fault.mend(run)
    until(f"the end of {fault.alert}", lambda: not fires(run, fault.alert), within=ENDED_SECONDS)
    report.passed(PART, fault.words, f"{fault.alert} fires after {after:.1f} s, and ends")


def _tell(run: Running, report: Report, fault: Fault) -> None:
    """Show that the right person is told, once, and of the end as well."""
    report.step(f"{fault.words}: waiting for {fault.alert}")
    broken = time.monotonic()
    fault.inject(run)
    try:
        first = until(fault.alert, lambda: told(run, broken, fault.alert, firing=True), within=TOLD_SECONDS)[0]
    finally:
        mended = time.monotonic()
        fault.mend(run)
    report.step(f"{fault.words}: waiting for the end of {fault.alert}")
    last = until(
        f"the end of {fault.alert}", lambda: told(run, broken, fault.alert, firing=False), within=ENDED_SECONDS
    )[0]
    complaints = list(_complaints(run, fault, broken))
    severity = severities(run.stack)[fault.alert]
    page = Page(fault.words, fault.alert, severity, first.receiver, first.at - broken, last.at - mended)
    report.pages.append(page)
    if complaints:
        report.failed(PART, fault.words, "; ".join(complaints))
    else:
        words = f"{fault.alert} at {page.receiver} after {page.told_after:.1f} s, ended after {page.ended_after:.1f} s"
        report.passed(PART, fault.words, words)


def _complaints(run: Running, fault: Fault, since: float) -> list[str]:
    found = []
    firings = told(run, since, fault.alert, firing=True)
    if len(firings) != 1:
        found.append(f"{fault.alert} was told {len(firings)} times")
    found += [
        f"{fault.alert} arrived at '{arrival.receiver}', not at '{fault.receiver}'"
        for arrival in firings
        if arrival.receiver != fault.receiver
    ]
    expected = {fault.alert, *(name for name, _ in background(run))}
    others = [arrival for arrival in run.sink.since(since) if arrival.alert not in expected and arrival.firing]
    found += [f"{arrival.alert} arrived at '{arrival.receiver}' as well" for arrival in others]
    return found


def severities(stack: Stack) -> dict[str, str]:
    """Return the severity of every alert, by name."""
    return {alert.name: alert.severity.value for group in rules.groups(stack) for alert in group.alerts}
