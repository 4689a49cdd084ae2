"""What tells us that rules are not evaluated or samples not kept, and what proves that it does?"""

from alerts.targets import RUNBOOK
from metrics import prometheus
from metrics.prometheus import RULE_GROUP
from obs.alerting import Alert, PanelRef, Severity, clears, silent, tickets
from obs.alerting.histories import at
from obs.query import promql
from obs.stack import Stack
from obs.stack.settings import Target
from watchkeeper.contract.labels import JOB
from watchkeeper.contract.metrics import Metric

# Names, windows and holds are those of
# https://github.com/prometheus/prometheus/tree/main/documentation/prometheus-mixin


def reload_failed(name: str, metric: Metric, program: str, target: Target) -> Alert:
    """Return the alert that ``program``, whose ``metric`` is 1 after a good reload, refused its configuration."""
    reloaded = promql.select(metric, *at(target))
    return Alert(
        name=name,
        # The best of five minutes: a failed scrape alone must not clear the alert.
        expr=f"max_over_time({promql.select(metric, JOB.eq(target.job))}[5m]) == 0",
        hold="10m",
        severity=Severity.TICKET,
        summary=f"{program} refuses its new configuration and runs on with the old one.",
        description=f"{program} {{{{ $labels.instance }}}} has run on its old configuration for ten minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Configuration loaded"),
        cases=(
            tickets(
                "a configuration with a mistake is deployed",
                at="30m",
                by="20m",
                series={reloaded: "1x5 0x40"},
                where=at(target),
                says=f"{program} {target.address} has run on its old configuration for ten minutes.",
            ),
            tickets(
                "a scrape fails meanwhile",
                at="30m",
                by="20m",
                series={reloaded: "1x5 0x15 stale 0x40"},
                where=at(target),
                says=f"{program} {target.address} has run on its old configuration for ten minutes.",
            ),
            silent("it is corrected within a quarter of an hour", series={reloaded: "1x15 0x12 1x40"}),
            clears("it is corrected", at="31m", series={reloaded: "0x30 1x10"}),
        ),
    )


def bad_config(stack: Stack) -> Alert:
    """Rules and targets changed on disk, and Prometheus does not have them."""
    return reload_failed("PrometheusBadConfig", prometheus.RELOAD_OK, "Prometheus", stack.targets.prometheus)


def rule_failures(stack: Stack) -> Alert:
    """A rule ends in an error: an alert may be blind, a recorded series stop."""
    target = stack.targets.prometheus
    group, fresh = (
        RULE_GROUP.eq("/etc/prometheus/rules/api.yml;api"),
        RULE_GROUP.eq("/etc/prometheus/rules/new.yml;new"),
    )
    failures = promql.select(prometheus.RULE_FAILURES, *at(target), group)
    return Alert(
        name="PrometheusRuleFailures",
        expr=f"{promql.increase(prometheus.RULE_FAILURES, JOB.eq(target.job), over='5m')} > 0",
        hold="15m",
        severity=Severity.TICKET,
        summary="Prometheus fails to evaluate a rule.",
        description='{{ $value | printf "%.0f" }} evaluations of {{ $labels.rule_group }} failed within five minutes.',
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Rule failures"),
        cases=(
            tickets(
                "a join finds two partners",
                at="30m",
                by="21m",
                series={failures: "0x5 2+2x40"},
                where=(*at(target), group),
                says="10 evaluations of /etc/prometheus/rules/api.yml;api failed within five minutes.",
            ),
            tickets(
                "a group that is new fails from its start",
                at="30m",
                by="21m",
                series={promql.select(prometheus.RULE_FAILURES, *at(target), fresh): "_x5 0+2x40"},
                where=(*at(target), fresh),
                says="10 evaluations of /etc/prometheus/rules/new.yml;new failed within five minutes.",
            ),
            silent("it failed long ago", series={failures: "7x40"}),
            silent("one evaluation fails", series={failures: "0x20 1x20"}),
            clears("the rule is fixed", at="34m", series={failures: "0+2x30 60x20"}),
            clears("the rule is removed", at="34m", series={failures: "0+2x30 stale"}),
        ),
    )


def missing_rule_evaluations(stack: Stack) -> Alert:
    """A rule group takes longer than its interval: alerts come late, recorded series have gaps."""
    target = stack.targets.prometheus
    group = RULE_GROUP.eq("/etc/prometheus/rules/api.yml;api")
    missed = promql.select(prometheus.RULE_ITERATIONS_MISSED, *at(target), group)
    return Alert(
        name="PrometheusMissingRuleEvaluations",
        expr=f"{promql.increase(prometheus.RULE_ITERATIONS_MISSED, JOB.eq(target.job), over='5m')} > 0",
        hold="15m",
        severity=Severity.TICKET,
        summary="Prometheus leaves out rule evaluations because they take too long.",
        description="{{ $labels.rule_group }} takes longer than its interval.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Rule evaluations missed"),
        cases=(
            tickets(
                "a rule reads too many series",
                at="30m",
                by="21m",
                series={missed: "0x5 1+1x40"},
                where=(*at(target), group),
                says="/etc/prometheus/rules/api.yml;api takes longer than its interval.",
            ),
            silent("the machine was busy for a moment", series={missed: "0x20 3x20"}),
            clears("the rule is made cheaper", at="34m", series={missed: "0+1x30 30x20"}),
        ),
    )


def compactions_failing(stack: Stack) -> Alert:
    """Blocks are not merged: disk and memory grow, queries slow down."""
    target = stack.targets.prometheus
    failed = promql.select(prometheus.COMPACTIONS_FAILED, *at(target))
    return Alert(
        name="PrometheusTSDBCompactionsFailing",
        expr=f"{promql.increase(prometheus.COMPACTIONS_FAILED, JOB.eq(target.job), over='3h')} > 0",
        hold="4h",
        severity=Severity.TICKET,
        summary="Prometheus fails to compact its blocks.",
        description="Compactions of Prometheus {{ $labels.instance }} have failed for four hours.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Storage failures"),
        cases=(
            tickets(
                "the disk is full",
                at="10h",
                by="5h10m",
                every="10m",
                series={failed: "0x6 1+1x60"},
                where=at(target),
                says=f"Compactions of Prometheus {target.address} have failed for four hours.",
            ),
            silent("one compaction fails", every="10m", series={failed: "0x30 1x40"}),
            clears("the disk has room again", at="12h50m", every="10m", series={failed: "0+1x60 60x40"}),
        ),
    )


def wal_failing(stack: Stack) -> Alert:
    """Samples don't reach the write-ahead log: a restart loses them."""
    target = stack.targets.prometheus
    job = JOB.eq(target.job)
    writes = promql.select(prometheus.WAL_WRITES_FAILED, *at(target))
    corruptions = promql.select(prometheus.WAL_CORRUPTIONS, *at(target))
    failed, damaged = (
        promql.increase(metric, job, over="1h") for metric in (prometheus.WAL_WRITES_FAILED, prometheus.WAL_CORRUPTIONS)
    )
    return Alert(
        name="PrometheusWALFailing",
        expr=f"{failed} > 0 or {damaged} > 0",
        hold="5m",
        severity=Severity.TICKET,
        summary="Prometheus' write-ahead log is damaged or can't be written.",
        description="Prometheus {{ $labels.instance }} failed to write or read its write-ahead log within an hour.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Storage failures"),
        cases=(
            tickets(
                "the disk refuses writes",
                at="30m",
                by="11m",
                series={writes: "0x5 1+1x40", corruptions: "0x45"},
                where=at(target),
                says=f"Prometheus {target.address} failed to write or read its write-ahead log within an hour.",
            ),
            tickets(
                "damage is found at start",
                at="30m",
                by="11m",
                series={writes: "0x45", corruptions: "0x5 1x40"},
                where=at(target),
                says=f"Prometheus {target.address} failed to write or read its write-ahead log within an hour.",
            ),
            silent("all is well", series={writes: "0x45", corruptions: "0x45"}),
            silent("it was damaged yesterday", series={writes: "4x45", corruptions: "1x45"}),
            clears("an hour passes without damage", at="1h5m", series={corruptions: "0x5 1x180"}),
        ),
    )


ALERTS = (bad_config, rule_failures, missing_rule_evaluations, compactions_failing, wal_failing)
