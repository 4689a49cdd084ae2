"""PostgreSQL: does it answer, who waits for whom, and what does it still have room for?"""

from alerts.postgres import (
    CONNECTIONS_RATIO,
    DEADLOCKS_PER_HOUR,
    IDLE_SECONDS,
    LAG_BYTES,
    WAL_KEPT_BYTES,
    connections_ratio,
)
from metrics.postgres import (
    APPLICATION_NAME,
    DATNAME,
    MODE,
    PG_DATABASE_SIZE_BYTES,
    PG_LOCKS_COUNT,
    PG_REPLICATION_SLOTS_ACTIVE,
    PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF,
    PG_STAT_ACTIVITY_COUNT,
    PG_STAT_ACTIVITY_MAX_TX_DURATION,
    PG_STAT_DATABASE_BLKS_HIT,
    PG_STAT_DATABASE_BLKS_READ,
    PG_STAT_DATABASE_DEADLOCKS,
    PG_STAT_DATABASE_TEMP_BYTES,
    PG_STAT_DATABASE_XACT_COMMIT,
    PG_STAT_DATABASE_XACT_ROLLBACK,
    PG_STAT_REPLICATION_PG_WAL_LSN_DIFF,
    PG_UP,
    SLOT_NAME,
    STATE,
)

from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import RATE, Panel, Query, at_most, scope
from obs.query.promql import aggregate, increase, rate, select, total
from obs.stack import Stack
from watchkeeper.contract.scraping import UP


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of PostgreSQL."""
    return board(
        stack,
        slug="postgres",
        title="PostgreSQL",
        why="Connections, transactions, locks, replication and disk of PostgreSQL.",
        jobs=(stack.targets.postgres.job,),
        runbook="postgres.md",
        rows={
            "Now": now(stack),
            "Connections": connections(stack),
            "Transactions and locks": transactions(stack),
            "Replication": replication(stack),
            "Disk": disk(stack),
        },
    )


def answers(stack: Stack) -> Panel:
    """Return whether PostgreSQL answers."""
    return panels.up(
        "PostgreSQL",
        aggregate("min", select(PG_UP, *scope(stack.targets.postgres))),
        why="DOWN: the exporter runs and can't log in. No data: the exporter is gone.",
    )


def room(stack: Stack) -> Panel:
    """Return how near PostgreSQL is to refusing clients."""
    return panels.number(
        "PostgreSQL connections used",
        aggregate("max", connections_ratio(*scope(stack.targets.postgres))),
        steps=at_most(CONNECTIONS_RATIO.of(stack)),
        why="Red: clients will soon be refused; look for a leak before raising the limit.",
    )


def now(stack: Stack) -> list[Panel]:
    """Return whether PostgreSQL and its exporter answer."""
    here = scope(stack.targets.postgres)
    return [
        panels.up(
            "PostgreSQL up",
            aggregate("min", select(PG_UP, *here)),
            why="DOWN: the exporter runs and can't log in. Is the server there, has the password changed?",
            width=12,
        ),
        panels.up(
            "Exporter up",
            aggregate("min", select(UP, *here)),
            why="DOWN: nothing on this board is current. Restart the exporter.",
            width=12,
        ),
    ]


def connections(stack: Stack) -> list[Panel]:
    """Return who is connected, and what they do."""
    here = scope(stack.targets.postgres)
    return [
        panels.used(
            "Connections used",
            Query(connections_ratio(*here), "{{instance}}"),
            steps=at_most(CONNECTIONS_RATIO.of(stack)),
            why="Over the line a ticket is opened: find the pool that grows.",
        ),
        panels.level(
            "Sessions by state",
            PG_STAT_ACTIVITY_COUNT,
            *here,
            by=(STATE,),
            why="Many idle: pools are larger than needed. Many active: queries wait for locks or the disk.",
        ),
        panels.level(
            "Sessions by database",
            PG_STAT_ACTIVITY_COUNT,
            *here,
            by=(DATNAME,),
            why="The database whose line grows is the one whose clients leak.",
        ),
    ]


def transactions(stack: Stack) -> list[Panel]:
    """Return what is done, what is given up, and what waits."""
    here, by = scope(stack.targets.postgres), (DATNAME,)
    return [
        panels.together(
            "Transactions",
            {"committed": PG_STAT_DATABASE_XACT_COMMIT, "rolled back": PG_STAT_DATABASE_XACT_ROLLBACK},
            *here,
            by=by,
            why="Rollbacks that rise alone are failing code. A step down of both: clients are gone.",
        ),
        panels.level(
            "Longest transaction",
            PG_STAT_ACTIVITY_MAX_TX_DURATION,
            *here,
            by=(STATE,),
            operator="max",
            steps=at_most(IDLE_SECONDS.of(stack)),
            why="Idle in transaction over the line: a client has forgotten it, and its locks stay.",
        ),
        panels.series(
            "Deadlocks",
            Query(aggregate("sum", increase(PG_STAT_DATABASE_DEADLOCKS, *here, over="1h"), by=by), "{{datname}}"),
            steps=at_most(DEADLOCKS_PER_HOUR.of(stack)),
            why="Within the last hour. The log names both statements: have them lock in one order.",
        ),
        panels.level(
            "Locks by mode",
            PG_LOCKS_COUNT,
            *here,
            by=(MODE,),
            why="accessexclusivelock is a migration: everything on its table waits.",
        ),
        panels.share(
            "Reads from memory",
            total(rate(PG_STAT_DATABASE_BLKS_HIT, *here, over=RATE), by=by),
            f"({total(rate(PG_STAT_DATABASE_BLKS_HIT, *here, over=RATE), by=by)} + "
            f"{total(rate(PG_STAT_DATABASE_BLKS_READ, *here, over=RATE), by=by)})",
            by=by,
            why="Falling: the data no longer fits shared_buffers, or a query reads whole tables.",
        ),
        panels.traffic(
            "Temporary files",
            PG_STAT_DATABASE_TEMP_BYTES,
            *here,
            by=by,
            why="Sorts that do not fit work_mem. A step up is a new query: explain it.",
        ),
    ]


def replication(stack: Stack) -> list[Panel]:
    """Return how far replicas are behind, and which of them is gone."""
    here = scope(stack.targets.postgres)
    return [
        panels.level(
            "Replication lag",
            PG_STAT_REPLICATION_PG_WAL_LSN_DIFF,
            *here,
            by=(APPLICATION_NAME,),
            operator="min",
            steps=at_most(LAG_BYTES.of(stack)),
            empty="no replica",
            width=12,
            why="What a failover would lose. Growing: the replica's disk or the network is too slow.",
        ),
        panels.timeline(
            "Slots read",
            Query(aggregate("max", select(PG_REPLICATION_SLOTS_ACTIVE, *here), by=(SLOT_NAME,)), "{{slot_name}}"),
            empty="no slot",
            width=12,
            why="DOWN: nobody reads the slot, and its log stays on disk. Bring the replica back, or drop the slot.",
        ),
    ]


def disk(stack: Stack) -> list[Panel]:
    """Return what takes the disk."""
    here = scope(stack.targets.postgres)
    return [
        panels.level(
            "Size by database",
            PG_DATABASE_SIZE_BYTES,
            *here,
            by=(DATNAME,),
            operator="max",
            width=12,
            why="Its slope says when the disk is full. A step is a load, a fall a VACUUM FULL.",
        ),
        panels.level(
            "Log kept for slots",
            PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF,
            *here,
            by=(SLOT_NAME,),
            operator="max",
            steps=at_most(WAL_KEPT_BYTES.of(stack)),
            empty="no slot",
            width=12,
            why="Over the line someone is paged: a full disk stops PostgreSQL.",
        ),
    ]


OVERVIEW = {"Now": (answers,), "Room left": (room,)}
