"""What wakes someone for a MongoDB server, and what proves that it does?"""

from alerts.api import OF_THE_API
from alerts.targets import AFTERWARDS, unreachable
from metrics import mongodb
from metrics.mongodb import CLUSTER_ROLE, CONNECTION_TYPE, DATABASE, QUEUE_SIDE, REPLICA_SET_STATE, TICKET
from obs import durations
from obs.alerting import Alert, PanelRef, Severity, Silence, clears, histories, pages, silent, tickets
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import INSTANCE, JOB, Matcher
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import UP

RUNBOOK = "mongodb.md"

CONNECTIONS_RATIO = Threshold(
    "mongodb_connections_ratio", 0.8, "connections in use, of those the server allows", below=1
)
QUEUED_OPERATIONS = Threshold("mongodb_queued_operations", 50, "operations waiting for a lock")
EXHAUSTED_RATIO = 0.97
"""Connections in use of which the rest goes to whoever comes first: a pool that grows by one fails."""

FILLS_WITHIN = "2h"
"""A disk that is full so soon can't wait for the line at which a ticket is opened."""

DISK_FULL_RATIO = 0.85
"""Early enough to add a disk before mongod, which can't write its journal, shuts down."""


def one(stack: Stack, metric: Metric, *more: Matcher, instance: str = "") -> str:
    """Return the selector of one series from a MongoDB exporter, for a case."""
    return histories.one(stack.targets.mongodb, metric, *more, instance=instance)


def target(stack: Stack, instance: str = "") -> tuple[Matcher, ...]:
    """Match the exporter of ``stack.toml``, or another instance of its job."""
    return histories.at(stack.targets.mongodb, instance)


def highest(metric: Metric, *where: Matcher) -> str:
    """Return the highest value per server, whatever state of the replica set it was told in."""
    return promql.aggregate("max", promql.select(metric, *where), by=(INSTANCE, JOB))


def connections_ratio(*where: Matcher) -> str:
    """Return used connections over the limit, per server; no answer from a server that does not tell its limit."""
    used = highest(mongodb.CONNECTIONS, *where, CONNECTION_TYPE.eq("current"))
    free = highest(mongodb.CONNECTIONS, *where, CONNECTION_TYPE.eq("available"))
    return f"{used} / clamp_min({used} + {free}, 1)"


def disk_ratio(*where: Matcher) -> str:
    """Return the share of the data's file system in use, per server; every database tells the same."""
    return promql.ratio(highest(mongodb.DISK_USED, *where), highest(mongodb.DISK_SIZE, *where))


def disk_ahead(*where: Matcher) -> str:
    """Return the share of the data's file system in use FILLS_WITHIN from now, at the pace of the last half hour."""
    pace = f"{promql.select(mongodb.DISK_USED, *where)}[30m], {durations.seconds(FILLS_WITHIN):.0f}"
    return promql.ratio(
        promql.aggregate("max", f"predict_linear({pace})", by=(INSTANCE, JOB)), highest(mongodb.DISK_SIZE, *where)
    )


def exporter_down(stack: Stack) -> Alert:
    """Nothing is known of MongoDB: not that it works, not that it fails."""
    up = one(stack, UP)
    return Alert(
        name="MongodbExporterDown",
        expr=unreachable(JOB.eq(stack.targets.mongodb.job)),
        hold="5m",
        severity=Severity.TICKET,
        summary="The MongoDB exporter does not answer: MongoDB is not watched.",
        description="The MongoDB exporter {{ $labels.instance }} fails its scrapes.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Exporter up"),
        silences=(Silence(("mongodb",), (INSTANCE,)),),
        cases=(
            tickets(
                "the exporter dies",
                at="10m",
                by="8m",
                series={up: "1x2 0x20"},
                where=target(stack),
                says=f"The MongoDB exporter {stack.targets.mongodb.address} fails its scrapes.",
            ),
            silent("MongoDB is down behind a live exporter", series={up: "1x20", one(stack, mongodb.UP): "0x20"}),
            tickets(
                "the exporter crashes in a loop",
                at="30m",
                by="17m",
                series={up: "1x5 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1"},
                where=target(stack),
                says=f"The MongoDB exporter {stack.targets.mongodb.address} fails its scrapes.",
            ),
            silent("it starts twice in an hour", series={up: "1x5 0 1x8 0 1x30"}),
            silent("it was gone for four minutes", series={up: "1x5 0x3 1x30"}),
            silent("two scrapes in a row fail", series={up: "1x4 0x1 1x5"}),
            clears("the exporter answers again", at="13m", series={up: "0x12 1x10"}),
        ),
    )


def down(stack: Stack) -> Alert:
    """The exporter lives and says that MongoDB does not; its role label goes when the server goes."""
    alive, dead = one(stack, mongodb.UP, CLUSTER_ROLE.eq("mongod")), one(stack, mongodb.UP)
    refused = f"MongoDB behind {stack.targets.mongodb.address} has refused its exporter for a minute."
    return Alert(
        name="MongodbDown",
        expr=f"{highest(mongodb.UP, JOB.eq(stack.targets.mongodb.job))} == 0",
        hold="1m",
        keep_firing_for=AFTERWARDS,
        severity=Severity.PAGE,
        summary="MongoDB is down.",
        description="MongoDB behind {{ $labels.instance }} has refused its exporter for a minute.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "MongoDB up"),
        # The API can't answer without its database: who is up for the one need not be woken by the other.
        silences=(Silence(OF_THE_API), Silence(("mongodb",), (INSTANCE,))),
        cases=(
            pages(
                "MongoDB stops, and its series changes labels",
                at="10m",
                by="6m",
                series={alive: "1x4 stale", dead: "_x5 0x20"},
                where=target(stack),
                says=refused,
            ),
            pages(
                "MongoDB was down before we watched",
                at="3m",
                by="1m",
                series={dead: "0x20"},
                where=target(stack),
                says=refused,
            ),
            pages(
                "one member of three dies",
                at="10m",
                by="6m",
                series={
                    alive: "1x4 stale",
                    dead: "_x5 0x20",
                    one(stack, mongodb.UP, CLUSTER_ROLE.eq("mongod"), instance="member-2:9216"): "1x25",
                },
                where=target(stack),
                says=refused,
            ),
            pages(
                "an exporter that still tells the role of a dead server",
                at="10m",
                by="1m",
                series={one(stack, mongodb.UP, CLUSTER_ROLE.eq("mongos")): "0x20"},
                where=target(stack),
                says=refused,
            ),
            silent("MongoDB restarts within a minute", series={alive: "1x6 stale _ 1x10", dead: "_x7 0 stale"}),
            silent("the exporter vanishes, which is another alert", series={alive: "1x4 stale"}),
            clears(
                "MongoDB is back, and its series changes labels again",
                at="26m",
                series={dead: "0x10 stale", alive: "_x11 1x10"},
            ),
        ),
    )


def connections_high(stack: Stack) -> Alert:
    """Whoever needs a new connection soon fails."""
    limit = CONNECTIONS_RATIO.of(stack)
    used = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("current"))
    free = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("available"))
    address = stack.targets.mongodb.address
    much = f"{500 * (1 + limit):g}"
    rest = f"{500 * (1 - limit):g}"
    created = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("totalCreated"))
    secondary = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("current"), REPLICA_SET_STATE.eq("2"))
    return Alert(
        name="MongodbConnectionsHigh",
        expr=f"{connections_ratio(JOB.eq(stack.targets.mongodb.job))} > {limit:g}",
        hold="10m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"MongoDB has more than {limit:.0%} of its connections in use.",
        description="{{ $labels.instance }}: {{ $value | humanizePercentage }} of the connections allowed are in use.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Connections in use"),
        cases=(
            tickets(
                "a pool leaks",
                at="20m",
                by="11m",
                series={used: f"0 {much}x30", free: f"1000 {rest}x30", created: "90000x31"},
                where=target(stack),
                says=f"{address}: {50 * (1 + limit):.4g}% of the connections allowed are in use.",
            ),
            silent(
                "most connections are long closed",
                series={used: "10x30", free: "990x30", created: "90000x30"},
            ),
            silent("the server does not tell its limit", series={used: "10x30"}),
            silent(
                "exactly at the threshold",
                series={used: f"{1000 * limit:g}x30", free: f"{1000 - 1000 * limit:g}x30"},
            ),
            silent(
                "a burst of five minutes",
                series={used: f"0x8 {much}x4 0x20", free: f"1000x8 {rest}x4 1000x20"},
            ),
            silent(
                "a failover renames the series",
                series={used: "10x9 stale", secondary: "_x10 10x20", free: "990x30"},
            ),
            clears(
                "clients are restarted",
                at="26m",
                series={used: f"{much}x20 0x20", free: f"{rest}x20 1000x20"},
            ),
        ),
    )


def connections_exhausted(stack: Stack) -> Alert:
    """Whoever needs a new connection fails now."""
    used = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("current"))
    free = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("available"))
    created = one(stack, mongodb.CONNECTIONS, CONNECTION_TYPE.eq("totalCreated"))
    address = stack.targets.mongodb.address
    return Alert(
        name="MongodbConnectionsExhausted",
        expr=f"{connections_ratio(JOB.eq(stack.targets.mongodb.job))} > {EXHAUSTED_RATIO:g}",
        hold="2m",
        keep_firing_for="5m",
        severity=Severity.PAGE,
        summary="MongoDB has hardly any connection left.",
        description="{{ $labels.instance }}: {{ $value | humanizePercentage }} of the connections allowed are in use.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Connections in use"),
        cases=(
            pages(
                "a pool leaks to the end",
                at="20m",
                by="13m",
                series={used: "100x10 995x20", free: "900x10 5x20", created: "90000x30"},
                where=target(stack),
                says=f"{address}: 99.5% of the connections allowed are in use.",
            ),
            silent("nine tenths are in use, which is a ticket", series={used: "900x30", free: "100x30"}),
            silent("most are long closed", series={used: "10x30", free: "990x30", created: "90000x30"}),
            silent("all of them for a minute", series={used: "100x10 1000 100x20", free: "900x10 0 900x20"}),
            clears("clients are restarted", at="26m", series={used: "1000x20 100x20", free: "0x20 900x20"}),
        ),
    )


def operations_queued(stack: Stack) -> Alert:
    """Operations wait for a lock: something holds it, or more arrives than the server can do."""
    limit = QUEUED_OPERATIONS.of(stack)
    total = QUEUE_SIDE.eq("total")
    queue = one(stack, mongodb.QUEUED, total)
    waiting = promql.select(mongodb.QUEUED, JOB.eq(stack.targets.mongodb.job), total)
    return Alert(
        name="MongodbOperationsQueued",
        expr=f"{promql.total(waiting, by=(INSTANCE, JOB))} > {limit:g}",
        hold="5m",
        severity=Severity.TICKET,
        summary=f"More than {limit:g} operations wait in MongoDB.",
        description='{{ $value | printf "%.0f" }} operations wait in MongoDB behind {{ $labels.instance }}.',
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Queued operations"),
        cases=(
            tickets(
                "a lock is held",
                at="15m",
                by="8m",
                series={queue: f"0x2 {2 * limit:g}x20"},
                where=target(stack),
                says=f"{2 * limit:.0f} operations wait in MongoDB behind {stack.targets.mongodb.address}.",
            ),
            silent("a short wait", series={queue: f"0x10 {2 * limit:g}x2 0x20"}),
            silent(
                "readers and writers are not counted twice",
                series={queue: f"{limit:g}x20", one(stack, mongodb.QUEUED, QUEUE_SIDE.eq("readers")): f"{limit:g}x20"},
            ),
            clears("the lock is released", at="16m", series={queue: f"{2 * limit:g}x15 0x10"}),
        ),
    )


def tickets_exhausted(stack: Stack) -> Alert:
    """The storage engine admits nobody while operations wait: MongoDB is as good as stopped."""
    job, write = JOB.eq(stack.targets.mongodb.job), TICKET.eq("write")
    free = promql.aggregate("max", promql.select(mongodb.TICKETS_FREE, job), by=(INSTANCE, JOB, TICKET))
    tickets = one(stack, mongodb.TICKETS_FREE, write)
    queue = one(stack, mongodb.QUEUED, QUEUE_SIDE.eq("total"))
    return Alert(
        name="MongodbTicketsExhausted",
        expr=f"{free} == 0 and on ({INSTANCE.name}, {JOB.name}) {highest(mongodb.QUEUED, job)} > 0",
        hold="5m",
        severity=Severity.PAGE,
        summary="MongoDB's storage engine admits no more operations, and they queue.",
        description="{{ $labels.instance }}: MongoDB has no {{ $labels.txn_rw }} ticket free, and operations wait.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Free tickets"),
        cases=(
            pages(
                "writes stall",
                at="15m",
                by="6m",
                series={
                    tickets: "128 0x20",
                    one(stack, mongodb.TICKETS_FREE, TICKET.eq("read")): "128x20",
                    queue: "0 40x20",
                },
                where=(*target(stack), write),
                says=f"{stack.targets.mongodb.address}: MongoDB has no write ticket free, and operations wait.",
            ),
            silent("a stall of four minutes", series={tickets: "128x10 0x3 128x20", queue: "0x10 40x20"}),
            silent("mongod has shrunk its pool and nobody waits", series={tickets: "0x20", queue: "0x20"}),
            silent("operations wait for a lock, not for tickets", series={tickets: "100x20", queue: "40x20"}),
            clears("the disk catches up", at="16m", series={tickets: "0x15 60x10", queue: "40x15 0x10"}),
        ),
    )


def disk_full(stack: Stack) -> Alert:
    """MongoDB's disk fills up; when it is full, the server shuts down."""
    shop, used, size = DATABASE.eq("shop"), mongodb.DISK_USED, mongodb.DISK_SIZE
    return Alert(
        name="MongodbDiskFull",
        expr=f"{disk_ratio(JOB.eq(stack.targets.mongodb.job))} > {DISK_FULL_RATIO:g}",
        hold="15m",
        severity=Severity.TICKET,
        summary=f"MongoDB's disk is more than {DISK_FULL_RATIO:.0%} full.",
        description="The disk of MongoDB behind {{ $labels.instance }} is {{ $value | humanizePercentage }} full.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Disk in use"),
        cases=(
            tickets(
                "data grows; two databases share the disk",
                at="30m",
                by="15m",
                series={
                    one(stack, used, shop): "90x40",
                    one(stack, size, shop): "100x40",
                    one(stack, used, DATABASE.eq("admin")): "90x40",
                    one(stack, size, DATABASE.eq("admin")): "100x40",
                },
                where=target(stack),
                says=f"The disk of MongoDB behind {stack.targets.mongodb.address} is 90% full.",
            ),
            silent(
                "its size is not known",
                series={one(stack, used, shop): "90x40", one(stack, size, shop): "0x40"},
            ),
            silent("half full", series={one(stack, used, shop): "50x40", one(stack, size, shop): "100x40"}),
            silent(
                "an export comes and goes",
                series={one(stack, used, shop): "50x20 90x8 50x20", one(stack, size, shop): "100x50"},
            ),
            clears(
                "the disk is enlarged",
                at="31m",
                series={one(stack, used, shop): "90x40", one(stack, size, shop): "100x30 200x10"},
            ),
        ),
    )


def disk_filling(stack: Stack) -> Alert:
    """At the pace of the last half hour MongoDB's disk is full within hours."""
    shop, used, size = DATABASE.eq("shop"), mongodb.DISK_USED, mongodb.DISK_SIZE
    job = JOB.eq(stack.targets.mongodb.job)
    return Alert(
        name="MongodbDiskFilling",
        expr=f"{disk_ahead(job)} > 1",
        hold="10m",
        severity=Severity.TICKET,
        summary=f"MongoDB's disk is full within {FILLS_WITHIN} at this pace.",
        description="The disk of MongoDB behind {{ $labels.instance }} fills up within hours.",
        runbook=RUNBOOK,
        panel=PanelRef("mongodb", "Disk in use"),
        cases=(
            tickets(
                "a collection runs away",
                at="60m",
                by="51m",
                series={one(stack, used, shop): "55x30 56+1x30", one(stack, size, shop): "100x61"},
                where=target(stack),
                says=f"The disk of MongoDB behind {stack.targets.mongodb.address} fills up within hours.",
            ),
            silent(
                "it grows by a percent a day",
                series={one(stack, used, shop): "80+0.0007x120", one(stack, size, shop): "100x120"},
            ),
            silent(
                "a small one grows fast from nothing",
                series={one(stack, used, shop): "1x30 1.5+0.5x20 11.5x60", one(stack, size, shop): "100x120"},
            ),
            silent(
                "its size is not known",
                series={one(stack, used, shop): "55x30 56+1x30", one(stack, size, shop): "0x61"},
            ),
            clears(
                "the collection is dropped",
                at="66m",
                series={one(stack, used, shop): "55x30 56+1x30 55x60", one(stack, size, shop): "100x121"},
            ),
        ),
    )


ALERTS = (
    exporter_down,
    down,
    connections_high,
    connections_exhausted,
    operations_queued,
    tickets_exhausted,
    disk_full,
    disk_filling,
)
