"""What wakes someone for a MongoDB replica set, and what proves that it does?"""

from alerts.api import OF_THE_API
from alerts.mongodb import RUNBOOK, one
from alerts.targets import AFTERWARDS
from metrics import mongodb
from metrics.mongodb import MEMBER, MEMBER_STATE, REPLICA_SET
from obs.alerting import Alert, PanelRef, Severity, Silence, clears, pages, silent, tickets
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import JOB, Matcher

LAG_SECONDS = Threshold("mongodb_replication_lag_seconds", 30, "how far a secondary may be behind")
SET = REPLICA_SET.eq("rs0")
FIRST, SECOND = MEMBER.eq("mongo-1:27017"), MEMBER.eq("mongo-2:27017")
PRIMARY, SECONDARY, ARBITER = (MEMBER_STATE.eq(state) for state in ("PRIMARY", "SECONDARY", "ARBITER"))
UNREACHABLE = MEMBER_STATE.eq("(not reachable/healthy)")
EPOCH_MS = 1_600_000_000_000


def lag(*where: Matcher) -> str:
    """
    Return how many seconds each secondary is behind its primary.

    Every member tells the progress of all, as far as it knows: the newest report of each counts.
    """
    optime = mongodb.MEMBER_OPTIME
    primary = promql.aggregate("max", promql.select(optime, *where, PRIMARY), by=(REPLICA_SET,))
    secondary = promql.aggregate("max", promql.select(optime, *where, SECONDARY), by=(REPLICA_SET, MEMBER))
    return f"({primary} - on ({REPLICA_SET.name}) group_right {secondary}) / 1000"


def replication_lag(stack: Stack) -> Alert:
    """A secondary falls behind: what it answers is old, and failing over to it loses writes."""
    limit = LAG_SECONDS.of(stack)
    first = one(stack, mongodb.MEMBER_OPTIME, SET, FIRST, PRIMARY)
    second = one(stack, mongodb.MEMBER_OPTIME, SET, SECOND, SECONDARY)
    own_view = one(stack, mongodb.MEMBER_OPTIME, SET, SECOND, SECONDARY, instance="member-2:9216")
    now, near, far = (f"{EPOCH_MS - 1000 * behind:.0f}" for behind in (0, limit / 2, limit * 2))
    return Alert(
        name="MongodbReplicationLag",
        expr=f"{lag(JOB.eq(stack.targets.mongodb.job))} > {limit:g}",
        hold="5m",
        severity=Severity.TICKET,
        summary=f"A MongoDB secondary is more than {limit:g} s behind.",
        description='{{ $labels.member_idx }}: {{ $value | printf "%.0f" }} s behind in {{ $labels.rs_nm }}.',
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Replication lag"),
        cases=(
            tickets(
                "a secondary falls behind",
                at="15m",
                by="5m",
                series={first: f"{now}+60000x20", second: f"{far}+60000x20"},
                where=(SET, SECOND),
                says=f"mongo-2:27017: {2 * limit:.0f} s behind in rs0.",
            ),
            silent(
                "three minutes of bulk writes",
                series={
                    first: f"{now}+60000x20",
                    second: f"{now}+60000x10 {EPOCH_MS + 660_000 - 2000 * limit:.0f}+60000x2"
                    f" {EPOCH_MS + 840_000}+60000x6",
                },
            ),
            silent("it keeps up", series={first: f"{now}+60000x20", second: f"{near}+60000x20"}),
            silent(
                "only the primary's view of it is old",
                series={first: f"{now}+60000x20", second: f"{far}+60000x20", own_view: f"{now}+60000x20"},
            ),
            silent(
                "there is no primary, which is another alert",
                series={one(stack, mongodb.MEMBER_OPTIME, SET, FIRST, SECONDARY): f"{now}x20", second: f"{far}x20"},
            ),
            silent(
                "an arbiter holds no data",
                series={first: f"{now}+60000x20", one(stack, mongodb.MEMBER_OPTIME, SET, SECOND, ARBITER): "0x20"},
            ),
            clears(
                "it catches up",
                at="16m",
                series={first: f"{now}+60000x30", second: f"{far}+60000x15 {EPOCH_MS + 16 * 60000}+60000x14"},
            ),
            clears(
                "it is removed from the set",
                at="16m",
                series={first: f"{now}+60000x30", second: f"{far}+60000x15 stale"},
            ),
        ),
    )


def member_unhealthy(stack: Stack) -> Alert:
    """The set has lost a member: one more, and it may lose its majority."""
    health = mongodb.MEMBER_HEALTH
    every = promql.select(health, JOB.eq(stack.targets.mongodb.job))
    alive, dead = one(stack, health, SET, SECOND, SECONDARY), one(stack, health, SET, SECOND, UNREACHABLE)
    return Alert(
        name="MongodbMemberUnhealthy",
        expr=f"{promql.aggregate('min', every, by=(REPLICA_SET, MEMBER))} == 0",
        hold="5m",
        severity=Severity.TICKET,
        summary="A member of a MongoDB replica set can't be reached by another.",
        description="{{ $labels.member_idx }} of {{ $labels.rs_nm }} can't be reached by another member.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Healthy members"),
        cases=(
            tickets(
                "a member dies, and its series changes labels",
                at="15m",
                by="10m",
                series={alive: "1x4 stale", dead: "_x5 0x20"},
                where=(SET, SECOND),
                says="mongo-2:27017 of rs0 can't be reached by another member.",
            ),
            tickets(
                "the network parts two members",
                at="15m",
                by="5m",
                series={
                    one(stack, health, SET, SECOND, SECONDARY, instance="member-3:9216"): "1x20",
                    dead: "0x20",
                },
                where=(SET, SECOND),
                says="mongo-2:27017 of rs0 can't be reached by another member.",
            ),
            silent("a member restarts", series={alive: "1x4 stale _ 1x10", dead: "_x5 0 stale"}),
            clears("it is back", at="16m", series={dead: "0x15 stale", alive: "_x16 1x10"}),
            clears("it is removed from the set", at="16m", series={dead: "0x15 stale"}),
        ),
    )


def primary_missing(stack: Stack) -> Alert:
    """Nobody in the set takes writes."""
    job, health = JOB.eq(stack.targets.mongodb.job), mongodb.MEMBER_HEALTH
    members = promql.aggregate("max", promql.select(health, job), by=(REPLICA_SET,))
    primaries = promql.aggregate("max", promql.select(health, job, PRIMARY), by=(REPLICA_SET,))
    primary, demoted = one(stack, health, SET, FIRST, PRIMARY), one(stack, health, SET, FIRST, SECONDARY)
    second, promoted = one(stack, health, SET, SECOND, SECONDARY), one(stack, health, SET, SECOND, PRIMARY)
    return Alert(
        name="MongodbPrimaryMissing",
        expr=f"{members} unless {primaries} == 1",
        hold="1m",
        keep_firing_for=AFTERWARDS,
        severity=Severity.PAGE,
        summary="A MongoDB replica set has no primary: nothing can be written.",
        description="No member of {{ $labels.rs_nm }} has been primary for a minute.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Healthy members"),
        silences=(Silence(OF_THE_API),),
        cases=(
            pages(
                "the majority is lost",
                at="10m",
                by="6m",
                series={primary: "1x4 stale", demoted: "_x5 1x20"},
                where=(SET,),
                says="No member of rs0 has been primary for a minute.",
            ),
            silent(
                "another member takes over",
                series={primary: "1x4 stale", second: "1x5 stale", promoted: "_x6 1x20", demoted: "_x5 1x20"},
            ),
            silent("all exporters vanish, which is another alert", series={primary: "1x4 stale"}),
            clears("a primary is elected", at="26m", series={second: "1x10 stale", promoted: "_x11 1x10"}),
        ),
    )


GROUP = "mongodb"
"""Its rules stand in the file of those about the server itself."""

ALERTS = (replication_lag, member_unhealthy, primary_missing)
