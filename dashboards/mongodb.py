"""MongoDB: does it answer, how fast, with what left, and do its members agree?"""

from alerts.mongodb import (
    CONNECTIONS_RATIO,
    DISK_FULL_RATIO,
    FILLS_WITHIN,
    QUEUED_OPERATIONS,
    connections_ratio,
    disk_ahead,
    disk_ratio,
)
from alerts.mongodb_replication import LAG_SECONDS, PRIMARY, lag
from metrics import mongodb
from metrics.mongodb import (
    ASSERTION,
    CONNECTION_TYPE,
    CURSOR,
    DATABASE,
    DOCUMENT_OPERATION,
    MEMBER,
    OPERATION,
    OPERATION_CLASS,
    QUEUE_SIDE,
    REPLICA_SET,
    TICKET,
)
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import NOW, RATE, Panel, Query, at_least, at_most, number, scope
from obs.query.promql import aggregate, rate, ratio, select, total
from obs.stack import Stack
from watchkeeper.contract.labels import INSTANCE, Matcher
from watchkeeper.contract.scraping import UP

EACH = (INSTANCE,)


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of MongoDB."""
    return board(
        stack,
        slug="mongodb",
        title="MongoDB",
        why="Connections, operations, cache, queues, replication and size of MongoDB.",
        jobs=(stack.targets.mongodb.job,),
        runbook="mongodb.md",
        rows={
            "Now": now(stack),
            "Room left": limits(stack),
            "Operations": operations(stack),
            "Replication": replication(stack),
            "Connections and tickets": queues(stack),
            "Documents and cursors": documents(stack),
            "Cache and network": cache(stack),
            "Size": size(stack),
        },
        folded=("Documents and cursors", "Cache and network", "Size"),
    )


def now(stack: Stack) -> list[Panel]:
    """Return whether MongoDB and its exporter answer, and the three limits that end it."""
    here = scope(stack.targets.mongodb)
    latest = aggregate("max", f"max_over_time({select(mongodb.TERM, *here)}[1h])", by=(REPLICA_SET,))
    earliest = aggregate("min", f"min_over_time({select(mongodb.TERM, *here)}[1h])", by=(REPLICA_SET,))
    return [
        panels.up(
            "MongoDB up",
            aggregate("min", select(mongodb.UP, *here)),
            why="DOWN: the exporter runs and can't reach the server. Is mongod there, has the password changed?",
        ),
        panels.up(
            "Exporter up",
            aggregate("min", select(UP, *here)),
            why="DOWN: nothing on this board is current. Restart the exporter.",
        ),
        number(
            "Uptime",
            aggregate("min", select(mongodb.UPTIME, *here)),
            why="Small: a member has restarted. Read its log for the reason.",
        ),
        number(
            "Operations",
            total(rate(mongodb.OPERATIONS, *here, over=NOW)),
            why="A step without a deploy is a client that loops, or one that is gone.",
        ),
        number(
            "Elections, 1 h",
            # Each election raises the term. A member that changes its role starts a new series: no series changes.
            aggregate("max", f"{latest} - {earliest}"),
            why="Each one stopped writes for seconds. More than one: the network or a disk is unwell.",
        ),
        number(
            "Memory held",
            aggregate("max", select(mongodb.MEMORY_RESIDENT, *here)),
            why="Levels off at about half of the machine. Still climbing: look at connections and large sorts.",
        ),
    ]


def limits(stack: Stack) -> list[Panel]:
    """Return the limits that end it: connections, the queue, the disk."""
    here = scope(stack.targets.mongodb)
    return [
        panels.used(
            "Connections in use",
            Query(connections_ratio(*here), "{{instance}}"),
            steps=at_most(CONNECTIONS_RATIO.of(stack)),
            why="Over the line a ticket is opened: look for a pool that leaks before raising the limit.",
        ),
        panels.level(
            "Queued operations",
            mongodb.QUEUED,
            *here,
            by=(QUEUE_SIDE,),
            steps=at_most(QUEUED_OPERATIONS.of(stack)),
            why="Over the line a ticket is opened: find the operation that holds the lock with db.currentOp().",
        ),
        panels.used(
            "Disk in use",
            Query(disk_ratio(*here), "{{instance}}"),
            Query(disk_ahead(*here), f"{{{{instance}}}} in {FILLS_WITHIN}"),
            steps=at_most(DISK_FULL_RATIO),
            why="Over the line a ticket is opened: add disk or archive. A full disk shuts mongod down.",
        ),
    ]


def operations(stack: Stack) -> list[Panel]:
    """Return what MongoDB is asked, how long that takes, and how much it reads to answer."""
    here = scope(stack.targets.mongodb)
    spent = total(rate(mongodb.OPERATION_TIME, *here, over=RATE), by=(OPERATION_CLASS,))
    timed = total(rate(mongodb.OPERATIONS_TIMED, *here, over=RATE), by=(OPERATION_CLASS,))
    return [
        panels.traffic(
            "Operations by type",
            mongodb.OPERATIONS,
            *here,
            by=(OPERATION,),
            stacked=True,
            why="Queries up while API requests are flat: a cache is gone, or code asks once per row.",
        ),
        panels.series(
            "Time per operation",
            Query(ratio(spent, timed), "{{op_type}}"),
            why="The mean as the server sees it. Up with the queues: locks or disk. Up alone: a query lost its index.",
        ),
        panels.level(
            "Slow queries",
            mongodb.SLOW_QUERIES,
            *here,
            by=(DATABASE,),
            why="Empty until profiling is on. Counted once per scrape interval; system.profile has the queries.",
        ),
    ]


def queues(stack: Stack) -> list[Panel]:
    """Return who is connected and who waits."""
    here = scope(stack.targets.mongodb)
    kinds = CONNECTION_TYPE.re("current|active")
    return [
        panels.level(
            "Connections",
            mongodb.CONNECTIONS,
            *here,
            kinds,
            by=(CONNECTION_TYPE,),
            why="Current far above active: pools hold more than they use.",
        ),
        panels.level(
            "Free tickets",
            mongodb.TICKETS_FREE,
            *here,
            by=(INSTANCE, TICKET),
            operator="min",
            steps=at_least(1),
            why="None free while operations queue pages: the disk is too slow, or a few operations are too large.",
        ),
        panels.level(
            "Tickets in use",
            mongodb.TICKETS_USED,
            *here,
            by=(INSTANCE, TICKET),
            operator="max",
            why="How many operations the storage engine works on at once. Flat at its ceiling: it is full.",
        ),
    ]


def documents(stack: Stack) -> list[Panel]:
    """Return how much it reads to answer, and what clients leave open."""
    here = scope(stack.targets.mongodb)
    scanned = total(rate(mongodb.DOCUMENTS_SCANNED, *here, over=RATE), by=EACH)
    returned = total(rate(mongodb.DOCUMENTS, *here, DOCUMENT_OPERATION.eq("returned"), over=RATE), by=EACH)
    return [
        panels.traffic(
            "Documents",
            mongodb.DOCUMENTS,
            *here,
            by=(DOCUMENT_OPERATION,),
            why="Returned far above what pages show: a query fetches whole collections.",
        ),
        panels.series(
            "Documents read per document returned",
            Query(ratio(scanned, returned), "{{instance}}"),
            unit="short",
            why="1 is an index doing its work. Hundreds are collection scans: explain the slowest query.",
        ),
        panels.traffic(
            "Assertions",
            mongodb.ASSERTS,
            *here,
            by=(ASSERTION,),
            why="'user' is a client's mistake, such as a duplicate key. The others are the server's: read its log.",
        ),
        panels.level(
            "Open cursors",
            mongodb.CURSORS,
            *here,
            by=(CURSOR,),
            width=12,
            why="'total' climbing: clients do not read results to the end. 'noTimeout' ones are never cleaned up.",
        ),
        panels.traffic(
            "Cursors timed out",
            mongodb.CURSORS_TIMED_OUT,
            *here,
            by=EACH,
            width=12,
            why="Clients opened a cursor and went away: a crash, or a loop left early without closing it.",
        ),
    ]


def cache(stack: Stack) -> list[Panel]:
    """Return whether the working set fits into memory, and how much passes."""
    here = scope(stack.targets.mongodb)
    most = total(select(mongodb.CACHE_MAX, *here), by=EACH)
    return [
        panels.used(
            "Cache",
            Query(ratio(total(select(mongodb.CACHE_USED, *here), by=EACH), most), "{{instance}} used"),
            Query(ratio(total(select(mongodb.CACHE_DIRTY, *here), by=EACH), most), "{{instance}} dirty"),
            why="80 % used is normal. Dirty above 20 %: the disk does not keep up, and clients do the evicting.",
        ),
        panels.together(
            "Cache reads and writes",
            {"read from disk": mongodb.CACHE_READ, "written to disk": mongodb.CACHE_WRITTEN},
            *here,
            by=EACH,
            why="Steady reads mean that the working set no longer fits into memory.",
        ),
        panels.together(
            "Network",
            {"in": mongodb.NET_IN, "out": mongodb.NET_OUT},
            *here,
            by=EACH,
            why="Out far above in: results are larger than anybody shows. Project fewer fields, add paging.",
        ),
    ]


def replication(stack: Stack) -> list[Panel]:
    """Return how far behind the secondaries are, and who is in the set."""
    here = scope(stack.targets.mongodb)
    return [
        panels.series(
            "Replication lag",
            Query(lag(*here), "{{rs_nm}} {{member_idx}}"),
            steps=at_most(LAG_SECONDS.of(stack)),
            empty="no replica set",
            why="Over the line a ticket is opened: a failover loses that much. Empty on a single server.",
        ),
        panels.timeline(
            "Healthy members",
            Query(
                aggregate("min", select(mongodb.MEMBER_HEALTH, *here), by=(REPLICA_SET, MEMBER)),
                "{{rs_nm}} {{member_idx}}",
            ),
            Query(primaries(*here), "{{rs_nm}} primary"),
            empty="no replica set",
            why="DOWN: another member can't reach it; without a majority nobody writes. Empty on a single server.",
        ),
        panels.traffic(
            "Operations replicated",
            mongodb.OPERATIONS_REPLICATED,
            *here,
            by=EACH,
            why="What secondaries apply. Below the primary's writes: lag is on its way.",
        ),
    ]


def primaries(*here: Matcher) -> str:
    """Return, for each replica set, whether a member takes writes."""
    health = aggregate("max", select(mongodb.MEMBER_HEALTH, *here, PRIMARY), by=(REPLICA_SET,))
    return f"{health} or 0 * {aggregate('max', select(mongodb.MEMBER_HEALTH, *here), by=(REPLICA_SET,))}"


def size(stack: Stack) -> list[Panel]:
    """Return what the data takes, and what is left of the disk."""
    here = scope(stack.targets.mongodb)
    by = (DATABASE,)
    return [
        panels.level(
            "Data",
            mongodb.DATA_SIZE,
            *here,
            by=by,
            operator="max",
            width=12,
            why="Uncompressed. Its slope says when to archive.",
        ),
        panels.together(
            "On disk",
            {"documents": mongodb.STORAGE_SIZE, "indexes": mongodb.INDEX_SIZE},
            *here,
            by=by,
            operator="max",
            width=12,
            why="Indexes larger than documents: some are not used. $indexStats names them.",
        ),
    ]


def answers(stack: Stack) -> Panel:
    """Return whether MongoDB answers."""
    return panels.up(
        "MongoDB",
        aggregate("min", select(mongodb.UP, *scope(stack.targets.mongodb))),
        why="DOWN: the exporter runs and can't reach the database. No data: the exporter is gone.",
    )


def room(stack: Stack) -> Panel:
    """Return how near MongoDB is to refusing clients."""
    return panels.number(
        "MongoDB connections used",
        aggregate("max", connections_ratio(*scope(stack.targets.mongodb))),
        steps=at_most(CONNECTIONS_RATIO.of(stack)),
        why="Red: clients will soon be refused; look for a leak before raising the limit.",
    )


OVERVIEW = {"Now": (answers,), "Room left": (room,)}
