"""Redis: does it answer, does it have room, and what keeps it busy?"""

from alerts.redis import CLIENTS_RATIO, EVICTIONS_PER_SECOND, MEMORY_RATIO
from metrics import redis
from metrics.redis import CMD, DB, REPLICA_IP, REPLICA_PORT
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import GOOD, NOW, RATE, Panel, Query, at_most, none_at_all, number, scope
from obs.query.promql import aggregate, rate, ratio, select, top, total
from obs.stack import Stack
from watchkeeper.contract.labels import INSTANCE
from watchkeeper.contract.scraping import UP

EACH = (INSTANCE,)
MANY = 8
"""Kinds of command that are drawn; an instance serves dozens, and few of them matter."""


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of Redis, which holds sessions, queues and the API's own counts."""
    return board(
        stack,
        slug="redis",
        title="Redis",
        why="Memory, commands, clients, persistence and replication of Redis.",
        jobs=(stack.targets.redis.job,),
        runbook="redis.md",
        rows={
            "Now": now(stack),
            "Room left": limits(stack),
            "Commands": commands(stack),
            "Persistence and replication": persistence(stack),
            "Memory and keys": memory(stack),
            "Calls in detail": calls(stack),
            "Clients, network and snapshots": clients(stack),
        },
        folded=("Memory and keys", "Calls in detail", "Clients, network and snapshots"),
    )


def now(stack: Stack) -> list[Panel]:
    """Return whether Redis and its exporter answer, and what it serves."""
    here = scope(stack.targets.redis)
    found = total(rate(redis.HITS, *here, over=NOW))
    lookups = f"({found} + {total(rate(redis.MISSES, *here, over=NOW))})"
    return [
        panels.up(
            "Redis up",
            aggregate("min", select(redis.UP, *here)),
            why="DOWN: the exporter runs and can't reach Redis. Is the process there, has the password changed?",
        ),
        panels.up(
            "Exporter up",
            aggregate("min", select(UP, *here)),
            why="DOWN: nothing on this board is current. Restart the exporter.",
        ),
        number(
            "Uptime",
            aggregate("min", select(redis.UPTIME, *here)),
            why="Small: it has restarted; what was not saved is gone. Read its log for the reason.",
        ),
        number(
            "Commands",
            total(rate(redis.COMMANDS, *here, over=NOW)),
            why="A step without a deploy is a client that loops, or one that is gone.",
        ),
        number(
            "Hit ratio",
            ratio(found, lookups),
            why="A cache that misses loads the database. Falling: look at evictions, then at the newest deploy.",
        ),
        number(
            "Blocked clients",
            total(select(redis.CLIENTS_BLOCKED, *here)),
            why="Job workers waiting for work block by design: fewer than usual means workers are gone.",
        ),
    ]


def limits(stack: Stack) -> list[Panel]:
    """Return the limits at which keys and clients are turned away."""
    here = scope(stack.targets.redis)
    return [
        panels.used(
            "Memory used of maxmemory",
            Query(
                ratio(
                    total(select(redis.MEMORY_USED, *here), by=EACH), total(select(redis.MEMORY_MAX, *here), by=EACH)
                ),
                "{{instance}}",
            ),
            steps=at_most(MEMORY_RATIO.of(stack)),
            why="Over the line a ticket is opened: find the keys that grow. Empty where no maxmemory is set.",
        ),
        panels.together(
            "Evicted and expired keys",
            {"evicted": redis.EVICTED, "expired": redis.EXPIRED},
            *here,
            by=EACH,
            steps=at_most(EVICTIONS_PER_SECOND.of(stack)),
            why="Expired is by design. Evicted over the line opens a ticket: keys go that somebody still wants.",
        ),
        panels.traffic(
            "Connections rejected",
            redis.REJECTED,
            *here,
            by=EACH,
            steps=none_at_all(),
            why="Anything above zero for minutes pages: clients are refused at maxclients.",
        ),
    ]


def memory(stack: Stack) -> list[Panel]:
    """Return what the memory holds."""
    here = scope(stack.targets.redis)
    return [
        panels.together(
            "Memory",
            {"used": redis.MEMORY_USED, "held": redis.MEMORY_RSS},
            *here,
            by=EACH,
            why="Held far above used is fragmentation, or memory Redis has not given back after a peak.",
        ),
        panels.level(
            "Fragmentation",
            redis.FRAGMENTATION,
            *here,
            by=EACH,
            operator="max",
            unit="short",
            why="Above 1.5 on a large instance: turn on activedefrag. Below 1: the system swaps, which is worse.",
        ),
        panels.series(
            "Keys by database",
            Query(f"{total(select(redis.KEYS, *here), by=(DB,))} > 0", "{{db}}"),
            why="Grows without end: keys are written without a time to live.",
        ),
        panels.share(
            "Keys that expire",
            total(select(redis.KEYS_EXPIRING, *here), by=(DB,)),
            total(select(redis.KEYS, *here), by=(DB,)),
            by=(DB,),
            why="The rest stays until someone deletes it. A falling share is a deploy that forgot the time to live.",
        ),
    ]


def commands(stack: Stack) -> list[Panel]:
    """Return what Redis is asked, and what its one processor is spent on."""
    here = scope(stack.targets.redis)
    return [
        panels.traffic(
            "Commands by kind",
            redis.COMMANDS,
            *here,
            by=(CMD,),
            most=MANY,
            stacked=True,
            width=12,
            why="The exporter's own info, config and slowlog calls are in here. A new colour is a new caller.",
        ),
        panels.traffic(
            "Time spent by command",
            redis.COMMAND_TIME,
            *here,
            by=(CMD,),
            most=MANY,
            stacked=True,
            width=12,
            why="Share of one processor. Near 100 % Redis is full; the widest band says with what.",
        ),
    ]


def calls(stack: Stack) -> list[Panel]:
    """Return how long calls take, what they find, and what goes wrong."""
    here = scope(stack.targets.redis)
    calls = total(rate(redis.COMMANDS, *here, over=RATE), by=(CMD,))
    spent = total(rate(redis.COMMAND_TIME, *here, over=RATE), by=(CMD,))
    return [
        panels.series(
            "Time per call",
            Query(top(MANY, ratio(spent, calls)), "{{cmd}}"),
            width=12,
            why="Redis serves one command at a time: one slow kind (keys, a large range) delays all others.",
        ),
        panels.together(
            "Hits and misses",
            {"hits": redis.HITS, "misses": redis.MISSES},
            *here,
            by=EACH,
            width=12,
            why="Misses up while hits stay: someone asks for keys that are not there. Both down: clients are gone.",
        ),
        panels.traffic(
            "Slow log",
            redis.SLOWLOG_ID,
            *here,
            by=EACH,
            why="Commands slower than slowlog-log-slower-than. Read them with `redis-cli slowlog get`.",
        ),
        panels.level(
            "Last slow command",
            redis.SLOWEST_LAST,
            *here,
            by=EACH,
            operator="max",
            why="How long the newest slow log entry took; everybody else waited that long.",
        ),
        panels.series(
            "Failed calls",
            Query(top(5, total(rate(redis.COMMANDS_FAILED, *here, over=RATE), by=(CMD,))), "{{cmd}}"),
            empty="no failed call seen",
            why="Calls that broke while running: wrong type, no memory, a failed save. The API's log says which.",
        ),
    ]


def clients(stack: Stack) -> list[Panel]:
    """Return who is connected, how much passes, and what a crash would lose."""
    here = scope(stack.targets.redis)
    return [
        panels.together(
            "Clients",
            {"connected": redis.CLIENTS, "blocked": redis.CLIENTS_BLOCKED},
            *here,
            by=EACH,
            width=6,
            why="A steady climb is a pool that leaks; it ends at maxclients, where clients are refused.",
        ),
        panels.used(
            "Clients of maxclients",
            Query(
                ratio(total(select(redis.CLIENTS, *here), by=EACH), total(select(redis.CLIENTS_MAX, *here), by=EACH)),
                "{{instance}}",
            ),
            steps=at_most(CLIENTS_RATIO),
            width=6,
            why="Over the line a ticket is opened: find the pool that leaks before clients are refused.",
        ),
        panels.together(
            "Network",
            {"in": redis.NET_IN, "out": redis.NET_OUT},
            *here,
            by=EACH,
            width=12,
            why="Out far above in: large values are read again and again. Make them small, or keep them nearby.",
        ),
        panels.series(
            "Time since the last snapshot",
            Query(f"time() - {aggregate('max', select(redis.RDB_SAVED, *here), by=EACH)}", "{{instance}}"),
            width=6,
            why="How much a crash would lose where there is no append-only file.",
        ),
        panels.level(
            "Changes since the last snapshot",
            redis.RDB_CHANGES,
            *here,
            by=EACH,
            width=6,
            why="Climbs while the time since the last snapshot climbs: saving has stopped.",
        ),
        panels.level(
            "Replicas",
            redis.REPLICAS,
            *here,
            by=EACH,
            empty="no replica",
            width=6,
            why="A step down is a replica that left: is it restarting?",
        ),
        panels.level(
            "Replica lag",
            redis.REPLICA_LAG,
            *here,
            by=(REPLICA_IP, REPLICA_PORT),
            operator="max",
            empty="no replica",
            width=6,
            why="Since a replica last acknowledged. A failover would lose that much. Empty without replicas.",
        ),
    ]


def persistence(stack: Stack) -> list[Panel]:
    """Return what a restart would lose, and whether replicas follow."""
    here = scope(stack.targets.redis)
    return [
        panels.timeline(
            "Last save",
            Query(aggregate("min", select(redis.RDB_OK, *here), by=EACH), "{{instance}} snapshot"),
            Query(aggregate("min", select(redis.AOF_OK, *here), by=EACH), "{{instance}} append-only file"),
            states=GOOD,
            width=12,
            why="FAILED pages: the last save failed, and by default Redis refuses writes until one succeeds.",
        ),
        panels.timeline(
            "Replica links",
            Query(aggregate("max", select(redis.LINK_UP, *here), by=EACH), "{{instance}}"),
            empty="no replica",
            width=12,
            why="DOWN opens a ticket: the replica serves old data. Empty where no replica is scraped.",
        ),
    ]


def answers(stack: Stack) -> Panel:
    """Return whether Redis answers."""
    return panels.up(
        "Redis",
        aggregate("min", select(redis.UP, *scope(stack.targets.redis))),
        why="DOWN: the exporter runs and can't reach Redis; metrics of the API stop with it.",
    )


def room(stack: Stack) -> Panel:
    """Return how near Redis is to its maxmemory."""
    here = scope(stack.targets.redis)
    return number(
        "Redis memory used",
        ratio(total(select(redis.MEMORY_USED, *here)), total(select(redis.MEMORY_MAX, *here))),
        steps=at_most(MEMORY_RATIO.of(stack)),
        why="Red: keys will be evicted or writes refused. No data where no maxmemory is set.",
    )


OVERVIEW = {"Now": (answers,), "Room left": (room,)}
