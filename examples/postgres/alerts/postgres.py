"""What wakes someone for PostgreSQL, and what proves that it does?"""

from metrics.postgres import (
    APPLICATION_NAME,
    DATNAME,
    PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF,
    PG_SETTINGS_MAX_CONNECTIONS,
    PG_STAT_ACTIVITY_COUNT,
    PG_STAT_ACTIVITY_MAX_TX_DURATION,
    PG_STAT_DATABASE_DEADLOCKS,
    PG_STAT_REPLICATION_PG_WAL_LSN_DIFF,
    PG_UP,
    SLOT_NAME,
    STATE,
)

from alerts.targets import unreachable
from obs.alerting import Alert, PanelRef, Severity, Silence, clears, histories, pages, silent, tickets
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import INSTANCE, JOB, Matcher
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import UP

RUNBOOK = "postgres.md"

CONNECTIONS_RATIO = Threshold("postgres_connections_ratio", 0.8, "connections open, of max_connections", below=1)
IDLE_SECONDS = Threshold("postgres_idle_transaction_seconds", 300, "time a session may idle in a transaction")
DEADLOCKS_PER_HOUR = Threshold("postgres_deadlocks_per_hour", 5, "transactions given up for a deadlock")
LAG_BYTES = Threshold("postgres_replication_lag_bytes", 100e6, "log that a replica has not replayed")
WAL_KEPT_BYTES = Threshold("postgres_wal_kept_bytes", 10e9, "log that is kept on disk for a slot")

IDLE = STATE.re("idle in transaction.*")
EACH = (INSTANCE, JOB)


def one(stack: Stack, metric: Metric, *more: Matcher) -> str:
    """Return the selector of one series of the exporter, for a case."""
    return histories.one(stack.targets.postgres, metric, *more)


def target(stack: Stack) -> tuple[Matcher, ...]:
    """Match the exporter of ``stack.toml``."""
    return histories.at(stack.targets.postgres)


def connections_ratio(*where: Matcher) -> str:
    """Return the share of max_connections that is open, by server."""
    opened = promql.aggregate("sum", promql.select(PG_STAT_ACTIVITY_COUNT, *where), by=EACH)
    return promql.ratio(opened, promql.aggregate("max", promql.select(PG_SETTINGS_MAX_CONNECTIONS, *where), by=EACH))


def exporter_down(stack: Stack) -> Alert:
    """Nothing is known of PostgreSQL: not that it works, not that it fails."""
    up = one(stack, UP)
    told = f"The PostgreSQL exporter {stack.targets.postgres.address} fails its scrapes."
    return Alert(
        name="PostgresExporterDown",
        expr=unreachable(JOB.eq(stack.targets.postgres.job)),
        hold="5m",
        severity=Severity.TICKET,
        summary="The PostgreSQL exporter does not answer: PostgreSQL is not watched.",
        description="The PostgreSQL exporter {{ $labels.instance }} fails its scrapes.",
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "Exporter up"),
        silences=(Silence(("postgres",), (INSTANCE,)),),
        cases=(
            tickets("the exporter dies", at="10m", by="8m", series={up: "1x2 0x20"}, where=target(stack), says=told),
            tickets(
                "the exporter crashes in a loop",
                at="30m",
                by="17m",
                series={up: "1x5 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1"},
                where=target(stack),
                says=told,
            ),
            silent("it starts twice in an hour", series={up: "1x5 0 1x8 0 1x30"}),
            silent("it was gone for four minutes", series={up: "1x5 0x3 1x30"}),
            silent("two scrapes in a row fail", series={up: "1x4 0x1 1x5"}),
            clears("the exporter answers again", at="13m", series={up: "0x12 1x10"}),
        ),
    )


def down(stack: Stack) -> Alert:
    """The exporter lives and says that PostgreSQL does not."""
    up = one(stack, PG_UP)
    refused = f"PostgreSQL behind {stack.targets.postgres.address} has refused its exporter for a minute."
    return Alert(
        name="PostgresDown",
        expr=f"{promql.select(PG_UP, JOB.eq(stack.targets.postgres.job))} == 0",
        hold="1m",
        severity=Severity.PAGE,
        summary="PostgreSQL is down.",
        description="PostgreSQL behind {{ $labels.instance }} has refused its exporter for a minute.",
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "PostgreSQL up"),
        silences=(Silence(("postgres",), (INSTANCE,)),),
        cases=(
            pages("PostgreSQL stops", at="10m", by="6m", series={up: "1x4 0x10"}, where=target(stack), says=refused),
            silent("it restarts within a minute", series={up: "1x7 0 1x10"}),
            silent("the exporter vanishes, which is another alert", series={up: "1x4 stale"}),
            clears("PostgreSQL is back", at="11m", series={up: "0x10 1x5"}),
        ),
    )


def connections_full(stack: Stack) -> Alert:
    """Clients will soon be refused: a pool leaks, or there are more of them than the server takes."""
    limit = CONNECTIONS_RATIO.of(stack)
    many, few = 100 * (1 + limit) / 2, 100 * limit / 2
    most = one(stack, PG_SETTINGS_MAX_CONNECTIONS)
    active, idle = (
        one(stack, PG_STAT_ACTIVITY_COUNT, DATNAME.eq("rooms"), STATE.eq(state)) for state in ("active", "idle")
    )
    return Alert(
        name="PostgresConnectionsFull",
        expr=f"{connections_ratio(JOB.eq(stack.targets.postgres.job))} > {limit:g}",
        hold="5m",
        severity=Severity.TICKET,
        summary=f"PostgreSQL uses more than {limit:.0%} of its connections.",
        description="{{ $value | humanizePercentage }} of the connections of {{ $labels.instance }} are open.",
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "Connections used"),
        cases=(
            tickets(
                "idle sessions pile up beside the working ones",
                at="10m",
                by="5m",
                series={most: "100x20", active: f"{few:g}x20", idle: f"{many - few:g}x20"},
                where=target(stack),
                says=f"{many:.4g}% of the connections of {stack.targets.postgres.address} are open.",
            ),
            silent("half as many", series={most: "100x20", active: f"{few:g}x20", idle: "0x20"}),
            silent("a burst of three minutes", series={most: "100x30", active: f"0x10 {many:g}x2 0x20"}),
            silent("the limit is not known", series={most: "0x20", active: f"{many:g}x20"}),
            silent("a larger server", series={most: "1000x20", active: f"{many:g}x20"}),
            clears("the pool is closed", at="11m", series={most: "100x20", active: f"{many:g}x10 1x10"}),
        ),
    )


def transaction_idle(stack: Stack) -> Alert:
    """A session has begun a transaction and does nothing: its locks stay, and vacuum cleans nothing younger."""
    limit = IDLE_SECONDS.of(stack)
    lasts = promql.select(PG_STAT_ACTIVITY_MAX_TX_DURATION, JOB.eq(stack.targets.postgres.job), IDLE)
    idle, busy = (
        one(stack, PG_STAT_ACTIVITY_MAX_TX_DURATION, DATNAME.eq("rooms"), STATE.eq(state))
        for state in ("idle in transaction", "active")
    )
    database = (*target(stack), DATNAME.eq("rooms"))
    told = f"A session of rooms idles in a transaction for {histories.duration(30 * limit)}."
    return Alert(
        name="PostgresTransactionIdle",
        expr=f"{promql.aggregate('max', lasts, by=(*EACH, DATNAME))} > {limit:g}",
        hold="1m",
        severity=Severity.TICKET,
        summary="A session of PostgreSQL idles in a transaction.",
        description="A session of {{ $labels.datname }} idles in a transaction for {{ $value | humanizeDuration }}.",
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "Longest transaction"),
        cases=(
            tickets("a worker hangs", at="30m", by="3m", series={idle: f"0+{limit:g}x40"}, where=database, says=told),
            tickets(
                "its transaction was aborted",
                at="30m",
                by="3m",
                series={idle.replace("in transaction", "in transaction (aborted)"): f"0+{limit:g}x40"},
                where=database,
                says=told,
            ),
            silent("a long query works", series={busy: f"0+{limit:g}x40"}),
            silent("transactions are short", series={idle: f"{limit / 2:g}x40"}),
            silent("one is over the limit for one scrape", series={idle: f"0x10 {2 * limit:g} 0x10"}),
            clears("it is ended", at="11m", series={idle: f"{2 * limit:g}x10 0x10"}),
        ),
    )


def deadlocks(stack: Stack) -> Alert:
    """Transactions wait for each other in a circle, and PostgreSQL gives one of them up, again and again."""
    limit = DEADLOCKS_PER_HOUR.of(stack)
    happened = promql.increase(PG_STAT_DATABASE_DEADLOCKS, JOB.eq(stack.targets.postgres.job), over="1h")
    counted = one(stack, PG_STAT_DATABASE_DEADLOCKS, DATNAME.eq("rooms"))
    often, seldom = limit / 10, limit / 120
    return Alert(
        name="PostgresDeadlocks",
        expr=f"{promql.aggregate('sum', happened, by=(*EACH, DATNAME))} > {limit:g}",
        hold="5m",
        severity=Severity.TICKET,
        summary="PostgreSQL ends deadlocks again and again.",
        description='{{ $value | printf "%.0f" }} deadlocks in {{ $labels.datname }} within an hour.',
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "Deadlocks"),
        cases=(
            tickets(
                "two jobs lock in opposite orders",
                at="90m",
                by="15m",
                series={counted: f"0+{often:g}x100"},
                where=(*target(stack), DATNAME.eq("rooms")),
                says=f"{60 * often:.0f} deadlocks in rooms within an hour.",
            ),
            silent("one now and then", series={counted: f"0+{seldom:g}x100"}),
            silent("a restart resets the counter", series={counted: f"{100 * limit:g}x80 0x20"}),
            clears("the order is mended", at="2h20m", series={counted: f"0+{often:g}x90 {90 * often:g}x100"}),
        ),
    )


def replica_lags(stack: Stack) -> Alert:
    """A replica falls behind: what it answers grows old, and failing over to it loses what it has not replayed."""
    limit = LAG_BYTES.of(stack)
    behind = promql.select(PG_STAT_REPLICATION_PG_WAL_LSN_DIFF, JOB.eq(stack.targets.postgres.job))
    # Every connection of a replica is a series of its own: `slot_name` is the pid of its sender.
    lag = one(stack, PG_STAT_REPLICATION_PG_WAL_LSN_DIFF, APPLICATION_NAME.eq("walreceiver"), SLOT_NAME.eq("26088"))
    return Alert(
        name="PostgresReplicaLags",
        expr=f"{promql.aggregate('min', behind, by=(*EACH, APPLICATION_NAME))} > {limit:g}",
        hold="10m",
        severity=Severity.TICKET,
        summary="A replica of PostgreSQL falls behind.",
        description=f"{{{{ $labels.application_name }}}} has been more than {limit / 1e6:g} MB behind for ten minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "Replication lag"),
        cases=(
            tickets(
                "the replica's disk is slow",
                at="30m",
                by="10m",
                series={lag: f"{2 * limit:g}x40"},
                where=(*target(stack), APPLICATION_NAME.eq("walreceiver")),
                says=f"walreceiver has been more than {limit / 1e6:g} MB behind for ten minutes.",
            ),
            silent("a bulk load of eight minutes", series={lag: f"0x10 {2 * limit:g}x7 0x20"}),
            silent("a little behind", series={lag: f"{limit / 2:g}x40"}),
            clears("it has caught up", at="31m", series={lag: f"{2 * limit:g}x30 0x10"}),
        ),
    )


def wal_kept(stack: Stack) -> Alert:
    """A slot that nobody reads keeps the log on disk until the disk is full, and PostgreSQL stops."""
    limit = WAL_KEPT_BYTES.of(stack)
    kept = promql.select(PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF, JOB.eq(stack.targets.postgres.job))
    slot = one(stack, PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF, SLOT_NAME.eq("standby"))
    return Alert(
        name="PostgresWalKept",
        expr=f"{promql.aggregate('max', kept, by=(*EACH, SLOT_NAME))} > {limit:g}",
        hold="10m",
        severity=Severity.PAGE,
        summary="A replication slot of PostgreSQL fills the disk.",
        description=f"More than {limit / 1e9:g} GB of log are kept for the slot {{{{ $labels.slot_name }}}}.",
        runbook=RUNBOOK,
        panel=PanelRef("postgres", "Log kept for slots"),
        cases=(
            pages(
                "a replica is gone for good",
                at="60m",
                by="31m",
                series={slot: f"0+{limit / 20:g}x60"},
                where=(*target(stack), SLOT_NAME.eq("standby")),
                says=f"More than {limit / 1e9:g} GB of log are kept for the slot standby.",
            ),
            silent("a replica restarts", series={slot: f"0x5 {limit / 4:g}x10 0x10"}),
            silent("over the limit for eight minutes", series={slot: f"0x10 {2 * limit:g}x7 0x20"}),
            clears("the slot is dropped", at="31m", series={slot: f"{2 * limit:g}x30 stale"}),
        ),
    )


ALERTS = (exporter_down, down, connections_full, transaction_idle, deadlocks, replica_lags, wal_kept)
