"""Observability stack: do we still see, do rules run, do alerts arrive, and is there room left?"""

from collections.abc import Sequence
from types import ModuleType

from alerts.logs_traces import LOKI_ERROR_RATIO, loki_errors
from alerts.notifications import FAILURE_RATIO, failures, pages_refused
from alerts.telemetry import STALE_SECONDS
from metrics import alertmanager, jaeger, loki, otelcol, prometheus, promtail
from metrics.alertmanager import ALERT_STATE, INTEGRATION, SILENCE_STATE
from metrics.loki import CALL_ROUTE
from metrics.prometheus import ALERTMANAGER, RULE_GROUP
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import GOOD, RATE, Column, Panel, Query, any_at_all, at_least, at_most, none_at_all, scope
from obs.boards.panels import UP as UP_DOWN
from obs.query.promql import aggregate, increase, rate, ratio, select, top, total
from obs.stack import Stack
from watchkeeper.contract import metrics, scraping
from watchkeeper.contract.labels import (
    DROP_REASON,
    ENVIRONMENT,
    INSTANCE,
    JOB,
    RESULT,
    VERSION,
    Matcher,
)
from watchkeeper.contract.scraping import UP

TARGET = (JOB, INSTANCE)


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of what does the watching."""
    return board(
        stack,
        slug="stack",
        title="Observability stack",
        why="Scrapes, rules, notifications, storage, logs and traces of the stack itself.",
        jobs=stack.targets.jobs_scraped,
        runbook="stack.md",
        rows={
            "Targets": scrapes(stack),
            "Are alerts told?": [told, loaded],
            "Are the service's own numbers true?": delivered,
            "What goes wrong elsewhere": [rules_failing, storage_failing, lines_sent, loki_failing, spans],
            "Scrapes and rules": [scrape_time, rules],
            "Notifications": [firing, notifications],
            "Storage and memory": [storage, memory],
            "Logs": [shipping, logs],
            "Instrumentation": instrumentation,
        },
        folded=("Scrapes and rules", "Notifications", "Storage and memory", "Logs", "Instrumentation"),
    )


def everything(stack: Stack) -> tuple[Matcher, ...]:
    """Match every target, narrowed to what the dashboard's variables select."""
    return JOB.re("|".join(stack.targets.jobs_scraped)), ENVIRONMENT.re("$environment"), INSTANCE.re("$instance")


def scrapes(stack: Stack) -> list[Panel]:
    """Return what Prometheus gets, from whom, and how long that takes."""
    here = everything(stack)
    return [
        panels.targets(
            "Targets up",
            stack.targets.jobs_scraped,
            *here,
            width=10,
            height=11,
            why="DOWN: not scraped. MISSING: Prometheus knows no target of that job any more.",
        ),
        panels.table(
            "Targets",
            {
                "Up": Column(aggregate("min", select(UP, *here), by=TARGET), "short", at_least(1), UP_DOWN),
                "Scrape time": Column(aggregate("max", select(scraping.SCRAPE_DURATION, *here), by=TARGET), "s"),
                "Samples": Column(aggregate("max", select(scraping.SCRAPE_SAMPLES, *here), by=TARGET), "short"),
                "New series": Column(aggregate("max", select(scraping.SERIES_ADDED, *here), by=TARGET), "short"),
            },
            width=14,
            height=11,
            why="What is down comes first. Many new series at every scrape: a label holds an id.",
        ),
    ]


def scrape_time(stack: Stack) -> list[Panel]:
    """Return how long scrapes take."""
    here = everything(stack)
    return [
        panels.level(
            "Scrape time",
            scraping.SCRAPE_DURATION,
            *here,
            by=(JOB,),
            operator="max",
            width=24,
            why="Near the scrape timeout a target is about to go missing: it exposes too much, or it is too busy.",
        ),
    ]


def rules_failing(stack: Stack) -> list[Panel]:
    """Return which rules fail, or are left out."""
    here = scope(stack.targets.prometheus)
    by = (RULE_GROUP,)
    return [
        panels.traffic(
            "Rule failures",
            prometheus.RULE_FAILURES,
            *here,
            by=by,
            steps=none_at_all(),
            why="Above zero opens a ticket: an alert of that group may be blind. Prometheus' rules page has the error.",
        ),
        panels.series(
            "Rule evaluations missed",
            Query(total(increase(prometheus.RULE_ITERATIONS_MISSED, *here, over=RATE), by=by), "{{rule_group}}"),
            steps=none_at_all(),
            why="Left out because the one before still ran: make the group's rules cheaper, or split it.",
        ),
    ]


def told(stack: Stack) -> list[Panel]:
    """Return whether alerts reach somebody."""
    server, manager = scope(stack.targets.prometheus), scope(stack.targets.alertmanager)
    return [
        panels.series(
            "Notifications failed",
            Query(ratio(*failures(*manager, over=RATE)), "{{integration}}"),
            steps=at_most(FAILURE_RATIO),
            width=6,
            height=9,
            why="Over the line someone is paged through what still works: the receiver or its secret is wrong.",
        ),
        panels.series(
            "Pages refused",
            Query(pages_refused(*manager), "{{instance}}"),
            unit="short",
            steps=none_at_all(),
            width=6,
            height=9,
            empty="no page was tried",
            why="Within the last hour. Above zero opens a ticket, told elsewhere: a page may have woken nobody.",
        ),
        panels.traffic(
            "Alerts dropped",
            prometheus.ALERTS_DROPPED,
            *server,
            by=(INSTANCE,),
            width=6,
            height=9,
            steps=none_at_all(),
            why="Above zero opens a ticket: those alerts reached nobody.",
        ),
        panels.level(
            "Alertmanagers",
            prometheus.ALERTMANAGERS,
            *server,
            by=(INSTANCE,),
            operator="min",
            steps=at_least(1),
            width=6,
            height=9,
            why="0: alerts have nowhere to go. Look at the alerting block of prometheus.yml.",
        ),
    ]


def storage_failing(stack: Stack) -> list[Panel]:
    """Return whether what is scraped is kept."""
    here = scope(stack.targets.prometheus)
    each = (INSTANCE,)
    return [
        panels.series(
            "Storage failures",
            *(
                Query(total(increase(metric, *here, over="1h"), by=each), f"{{{{instance}}}} {word}")
                for word, metric in (
                    ("compactions", prometheus.COMPACTIONS_FAILED),
                    ("log writes", prometheus.WAL_WRITES_FAILED),
                    ("log damage", prometheus.WAL_CORRUPTIONS),
                )
            ),
            steps=none_at_all(),
            why="Within the last hour. Above zero opens a ticket: look at the disk first.",
        ),
    ]


def shipped(stack: Stack) -> tuple[Sequence[Matcher], ModuleType]:
    """Return which series tell what sends log lines to Loki, and the module that names them."""
    if "otelcol" in stack.targets:
        return scope(stack.targets.otelcol), otelcol
    return scope(stack.targets.promtail), promtail


def lines_sent(stack: Stack) -> list[Panel]:
    """Return whether log lines are sent."""
    shipper, counted = shipped(stack)
    return [
        panels.together(
            "Log lines",
            {"sent": counted.LINES_SENT, "dropped": counted.LINES_DROPPED},
            *shipper,
            by=(INSTANCE,),
            why="Dropped above zero opens a ticket: those lines are gone. Sent at zero: the log files moved.",
        ),
        panels.traffic(
            "Lines sent",
            counted.LINES_SENT,
            *shipper,
            by=(INSTANCE,),
            steps=any_at_all(),
            why="At zero a ticket is opened: the log files moved, or Loki takes nothing.",
        ),
    ]


def loki_failing(stack: Stack) -> list[Panel]:
    """Return whether log lines are taken and found."""
    server = scope(stack.targets.loki)
    return [
        panels.series(
            "Loki errors",
            Query(ratio(*loki_errors(*server, over=RATE)), "{{route}}"),
            steps=at_most(LOKI_ERROR_RATIO),
            why="Over the line a ticket is opened. On push lines are delayed, on query they can't be found.",
        ),
        panels.series(
            "Loki trouble",
            Query(total(increase(loki.PANICS, *server, over="1h"), by=(INSTANCE,)), "{{instance}} crashes"),
            Query(total(increase(loki.DISK_FULL, *server, over="1h"), by=(INSTANCE,)), "{{instance}} disk full"),
            steps=none_at_all(),
            why="Within the last hour. Above zero opens a ticket: read Loki's log.",
        ),
    ]


def spans(stack: Stack) -> list[Panel]:
    """Return whether spans arrive and are stored."""
    here = scope(stack.targets.jaeger)
    return [
        panels.together(
            "Spans",
            {
                "accepted": jaeger.SPANS_ACCEPTED,
                "refused": jaeger.SPANS_REFUSED,
                "stored": jaeger.SPANS_STORED,
                "lost": jaeger.SPANS_LOST,
            },
            *here,
            by=(INSTANCE,),
            width=16,
            why="Refused or lost above zero opens a ticket. Accepted at zero: the API no longer exports.",
        ),
    ]


def delivered(stack: Stack) -> list[Panel]:
    """Return whether the service's own counts arrive."""
    here = scope(stack.targets.telemetry)
    now = panels.Query(f"time() - {aggregate('min', select(metrics.LAST_FLUSH, *here))}", "furthest behind")
    return [
        panels.traffic(
            "Flushes",
            metrics.FLUSHES,
            *here,
            by=(RESULT,),
            why="Errors: the store refuses counts. Nothing is lost yet, a failed flush is repeated.",
        ),
        panels.series(
            "Last flush",
            now,
            steps=at_most(STALE_SECONDS),
            why="Over the line a worker lives and does not deliver: it is stuck in a request or a job.",
        ),
        panels.traffic(
            "Updates dropped",
            metrics.DROPPED,
            *here,
            by=(DROP_REASON,),
            steps=none_at_all(),
            empty="no drop seen",
            why="Anything above zero: a label takes too many values, or the store was away for too long.",
        ),
    ]


def rules(stack: Stack) -> list[Panel]:
    """Return whether rules are evaluated, and in time."""
    here = scope(stack.targets.prometheus)
    by = (RULE_GROUP,)
    return [
        panels.traffic(
            "Rule evaluations", prometheus.RULE_EVALUATIONS, *here, by=by, why="A line that ends: a lost group."
        ),
        panels.series(
            "Rule evaluation time",
            Query(aggregate("max", select(prometheus.RULE_DURATION, *here), by=by), "{{rule_group}}"),
            why="Beyond the group's interval evaluations are left out, and alerts come late.",
        ),
    ]


def firing(stack: Stack) -> Panel:
    """Return what pages at this moment."""
    why = "What somebody is woken for at this moment, the alert that lasts longest first."
    return panels.firing(stack.service.name, width=8, why=why)


def notifications(stack: Stack) -> list[Panel]:
    """Return whether alerts reach Alertmanager, and people."""
    server, manager = scope(stack.targets.prometheus), scope(stack.targets.alertmanager)
    return [
        panels.level(
            "Alerts in Alertmanager",
            alertmanager.ACTIVE_ALERTS,
            *manager,
            by=(ALERT_STATE,),
            why="'suppressed' is silenced or inhibited. A silence nobody remembers hides the next outage.",
        ),
        panels.level(
            "Active silences",
            alertmanager.SILENCES,
            *manager,
            SILENCE_STATE.eq("active"),
            why="Each should have an owner and an end. `amtool silence query` lists them.",
        ),
        panels.together(
            "Alerts sent",
            {"sent": prometheus.ALERTS_SENT, "failed": prometheus.ALERTS_SEND_ERRORS},
            *server,
            by=(ALERTMANAGER,),
            why="Failed follows an Alertmanager that is down or does not accept what it is sent.",
        ),
        panels.series(
            "Notifications",
            Query(
                top(5, total(rate(alertmanager.NOTIFICATIONS, *manager, over=RATE), by=(INTEGRATION,))),
                "{{integration}}",
            ),
            why="What people and machines were sent. A flood: group more, or fix the alert that flaps.",
        ),
    ]


def loaded(stack: Stack) -> Panel:
    """Return whether programs run with the configuration on disk."""
    stack.targets.require("prometheus")
    programs = {"prometheus": prometheus.RELOAD_OK, "alertmanager": alertmanager.RELOAD_OK}
    return panels.timeline(
        "Configuration loaded",
        *(
            Query(aggregate("min", select(ok, *scope(stack.targets[role])), by=TARGET), "{{job}} {{instance}}")
            for role, ok in programs.items()
            if role in stack.targets
        ),
        states=GOOD,
        width=24,
        height=6,
        why="FAILED: the file on disk has a mistake, and the old configuration runs on.",
    )


def storage(stack: Stack) -> list[Panel]:
    """Return what Prometheus holds, and what that costs."""
    here = scope(stack.targets.prometheus)
    each = (INSTANCE,)
    return [
        panels.traffic(
            "Samples stored",
            prometheus.SAMPLES_APPENDED,
            *here,
            by=each,
            why="A step up is a new exporter or a label gone wild; it costs disk for the whole retention.",
        ),
        panels.level(
            "Series in memory", prometheus.HEAD_SERIES, *here, by=each, why="Each costs memory: find the growth."
        ),
        panels.together(
            "Disk",
            {"blocks": prometheus.BLOCKS_SIZE, "limit": prometheus.RETENTION_SIZE},
            *here,
            by=each,
            why="At the limit the oldest data goes before its time. The write-ahead log comes on top.",
        ),
    ]


def memory(stack: Stack) -> Panel:
    """Return what each program holds."""
    stack.targets.require("prometheus")
    held = [select(prometheus.RESIDENT_MEMORY, *everything(stack))]
    if "jaeger" in stack.targets:
        held.append(select(jaeger.MEMORY, *scope(stack.targets.jaeger)))
    return panels.series(
        "Memory",
        *(Query(total(one, by=TARGET), "{{job}} {{instance}}") for one in held),
        width=16,
        why="Follows what a program holds. A climb without more series, lines or spans is a leak: restart, report.",
    )


def shipping(stack: Stack) -> list[Panel]:
    """Return whether log lines are sent."""
    shipper, counted = shipped(stack)
    return [
        panels.traffic(
            "Pushes to Loki",
            counted.SEND_DURATION.count,
            *shipper,
            by=(counted.ANSWER,),
            why=f"204 is taken. 429 is over the limit, 5xx Loki's fault, {counted.NO_ANSWER} no answer at all.",
        ),
    ]


def logs(stack: Stack) -> list[Panel]:
    """Return whether log lines arrive and can be found."""
    server = scope(stack.targets.loki)
    return [
        panels.level(
            "Log streams", loki.STREAMS, *server, by=(INSTANCE,), why="Climbing: a label holds an id. Drop it."
        ),
        panels.latency(
            "Loki response time",
            loki.REQUESTS,
            *server,
            by=(CALL_ROUTE,),
            quantiles=(0.95,),
            why="Slow queries span too much.",
        ),
    ]


def instrumentation(stack: Stack) -> list[Panel]:
    """Return whether the service's own counts are delivered, and what it runs."""
    here = scope(stack.targets.telemetry)
    return [
        panels.latency("Flush time", metrics.FLUSH_DURATION, *here, why="Slow: look at the store first."),
        panels.level(
            "Counting processes",
            metrics.WORKERS,
            *here,
            why="API and job workers; a step down without a deploy is a crash.",
        ),
        panels.level(
            "Series of the service", metrics.SERIES, *here, why="Growing without end: a label takes too many values."
        ),
        panels.table(
            "Running versions",
            {"processes": Column(total(select(metrics.INFO, *here), by=(VERSION,)), "short")},
            width=24,
            height=5,
            why="Two rows at once are a rolling deploy, or one that stopped half way.",
        ),
    ]
