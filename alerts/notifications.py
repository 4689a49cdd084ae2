"""What tells us that alerts don't reach anybody, and what proves that it does?"""

from alerts.prometheus import reload_failed
from alerts.targets import RUNBOOK
from metrics import alertmanager, prometheus
from metrics.alertmanager import INTEGRATION
from obs.alerting import Alert, PanelRef, Severity, clears, pages, silent, tickets
from obs.alerting.histories import at
from obs.query import promql
from obs.stack import Stack
from watchkeeper.contract.labels import INSTANCE, JOB, Matcher

FAILURE_RATIO = 0.01
"""As the Alertmanager mixin has it: https://github.com/prometheus/alertmanager/tree/main/doc/alertmanager-mixin."""


def not_connected(stack: Stack) -> Alert:
    """Alerts have nowhere to go."""
    stack.targets.require("alertmanager")
    target = stack.targets.prometheus
    found = promql.select(prometheus.ALERTMANAGERS, *at(target))
    return Alert(
        name="PrometheusNotConnectedToAlertmanagers",
        expr=f"max_over_time({promql.select(prometheus.ALERTMANAGERS, JOB.eq(target.job))}[5m]) == 0",
        hold="10m",
        severity=Severity.TICKET,
        summary="Prometheus knows no Alertmanager: nobody is paged.",
        description="Prometheus {{ $labels.instance }} has known no Alertmanager for ten minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Alertmanagers"),
        cases=(
            tickets(
                "Alertmanager is lost from the configuration",
                at="30m",
                by="20m",
                series={found: "1x5 0x40"},
                where=at(target),
                says=f"Prometheus {target.address} has known no Alertmanager for ten minutes.",
            ),
            tickets(
                "a scrape fails meanwhile",
                at="30m",
                by="20m",
                series={found: "1x5 0x15 stale 0x40"},
                where=at(target),
                says=f"Prometheus {target.address} has known no Alertmanager for ten minutes.",
            ),
            silent("one of two goes", series={found: "2x5 1x40"}),
            silent("Alertmanager moves within a quarter of an hour", series={found: "1x15 0x12 1x40"}),
            clears("it is back", at="31m", series={found: "0x30 1x10"}),
        ),
    )


def notifications_dropped(stack: Stack) -> Alert:
    """Alerts fired, and Prometheus could hand them to no Alertmanager."""
    stack.targets.require("alertmanager")
    target = stack.targets.prometheus
    dropped = promql.select(prometheus.ALERTS_DROPPED, *at(target))
    rate = promql.rate(prometheus.ALERTS_DROPPED, JOB.eq(target.job), over="5m")
    return Alert(
        name="PrometheusNotificationsDropped",
        expr=f"{promql.total(rate, by=(INSTANCE, JOB))} > 0",
        hold="10m",
        severity=Severity.TICKET,
        summary="Prometheus drops alerts: Alertmanager does not take them.",
        description="Prometheus {{ $labels.instance }} has dropped alerts for ten minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Alerts dropped"),
        cases=(
            tickets(
                "Alertmanager does not answer",
                at="30m",
                by="16m",
                series={dropped: "0x5 3+3x40"},
                where=at(target),
                says=f"Prometheus {target.address} has dropped alerts for ten minutes.",
            ),
            silent("some were lost long ago", series={dropped: "12x40"}),
            silent("Alertmanager restarts", series={dropped: "0x10 3x40"}),
            clears("Alertmanager answers again", at="34m", series={dropped: "0+3x30 90x10"}),
        ),
    )


def failures(*where: Matcher, over: str) -> tuple[str, str]:
    """Return failed and all notifications per second, by integration."""
    by = (INSTANCE, JOB, INTEGRATION)
    failed = promql.total(promql.rate(alertmanager.NOTIFICATIONS_FAILED, *where, over=over), by=by)
    return failed, promql.total(promql.rate(alertmanager.NOTIFICATIONS, *where, over=over), by=by)


def notifications_failed(stack: Stack) -> Alert:
    """Alertmanager has alerts and can't deliver them; another integration may still get through."""
    target = stack.targets.alertmanager
    webhook = INTEGRATION.eq("webhook")
    tried = promql.select(alertmanager.NOTIFICATIONS, *at(target), webhook)
    failed = promql.select(alertmanager.NOTIFICATIONS_FAILED, *at(target), webhook)
    pagerduty = INTEGRATION.eq("pagerduty")
    paged = promql.select(alertmanager.NOTIFICATIONS, *at(target), pagerduty)
    unpaged = promql.select(alertmanager.NOTIFICATIONS_FAILED, *at(target), pagerduty)
    return Alert(
        name="AlertmanagerFailedToSendAlerts",
        expr=promql.above(*failures(JOB.eq(target.job), over="5m"), FAILURE_RATIO),
        hold="5m",
        severity=Severity.PAGE,
        summary="Notifications don't reach their receiver.",
        description="{{ $value | humanizePercentage }} of the notifications by {{ $labels.integration }} fail.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Notifications failed"),
        cases=(
            pages(
                "one webhook in twenty is refused",
                at="20m",
                by="6m",
                series={tried: "0+20x30", failed: "0+1x30"},
                where=(*at(target), webhook),
                says="5% of the notifications by webhook fail.",
            ),
            pages(
                "the pager refuses everything",
                at="20m",
                by="6m",
                series={paged: "0+1x30", unpaged: "0+1x30"},
                where=(*at(target), pagerduty),
                says="100% of the notifications by pagerduty fail.",
            ),
            silent("nothing is sent", series={tried: "9x30", failed: "4x30"}),
            silent("one in two hundred fails", series={tried: "0+200x30", failed: "0+1x30"}),
            silent("a single one fails", series={tried: "0+2x30", failed: "0x16 1x14"}),
            clears("the webhook is back", at="24m", series={tried: "0+2x40", failed: "0+1x20 20x20"}),
        ),
    )


def pages_refused(*where: Matcher) -> str:
    """Return how many pages of the last hour the pager did not take."""
    failed = promql.increase(alertmanager.NOTIFICATIONS_FAILED, *where, INTEGRATION.eq("pagerduty"), over="1h")
    return promql.total(failed, by=(INSTANCE, JOB))


def pager_failing(stack: Stack) -> Alert:
    """PagerDuty did not take a page: it is told through the other channel, however rare it is."""
    target = stack.targets.alertmanager
    pagerduty = INTEGRATION.eq("pagerduty")
    unpaged = promql.select(alertmanager.NOTIFICATIONS_FAILED, *at(target), pagerduty)
    mailed = promql.select(alertmanager.NOTIFICATIONS_FAILED, *at(target), INTEGRATION.eq("webhook"))
    return Alert(
        name="AlertmanagerPagerFailing",
        expr=f"{pages_refused(JOB.eq(target.job))} > 0",
        hold="0s",
        severity=Severity.TICKET,
        summary="A page did not reach the pager.",
        description='{{ $value | printf "%.0f" }} notifications of the last hour did not reach PagerDuty.',
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Pages refused"),
        cases=(
            tickets(
                "three an hour are refused",
                at="70m",
                by="20m",
                series={unpaged: "0x19 1x19 2x19 3x60"},
                where=at(target),
                says="3 notifications of the last hour did not reach PagerDuty.",
            ),
            silent("the webhook refuses some", series={mailed: "0+1x60", unpaged: "4x60"}),
            clears("the last one is an hour ago", at="79m", series={unpaged: "0x19 1x90"}),
        ),
    )


def alertmanager_bad_config(stack: Stack) -> Alert:
    """Routes changed on disk, and Alertmanager does not have them."""
    reload_ok = alertmanager.RELOAD_OK
    return reload_failed("AlertmanagerFailedReload", reload_ok, "Alertmanager", stack.targets.alertmanager)


ALERTS = (not_connected, notifications_dropped, notifications_failed, pager_failing, alertmanager_bad_config)
