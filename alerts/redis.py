"""What wakes someone for Redis, and what proves that it does?"""

from alerts.api import OF_THE_API
from alerts.targets import AFTERWARDS, unreachable
from metrics import redis
from metrics.redis import MASTER_HOST, MASTER_PORT
from obs.alerting import Alert, PanelRef, Severity, Silence, clears, histories, pages, silent, tickets
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import INSTANCE, JOB, Matcher
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import UP

RUNBOOK = "redis.md"

MEMORY_RATIO = Threshold("redis_memory_ratio", 0.9, "memory used, of maxmemory", below=1)
EVICTIONS_PER_SECOND = Threshold("redis_evictions_per_second", 10, "keys pushed out for want of memory")
CLIENTS_RATIO = 0.8
"""Connected clients, of maxclients: what is left is for the peak of a deploy, when old and new processes live."""

REPLICA = "redis-replica-exporter:9121"


def one(stack: Stack, metric: Metric, *more: Matcher, instance: str = "") -> str:
    """Return the selector of one series from a Redis exporter, for a case."""
    return histories.one(stack.targets.redis, metric, *more, instance=instance)


def target(stack: Stack, instance: str = "") -> tuple[Matcher, ...]:
    """Match the exporter of ``stack.toml``, or another instance of its job."""
    return histories.at(stack.targets.redis, instance)


def exporter_down(stack: Stack) -> Alert:
    """Nothing is known of Redis: not that it works, not that it fails."""
    up, redis_up = one(stack, UP), one(stack, redis.UP)
    told = f"The Redis exporter {stack.targets.redis.address} fails its scrapes."
    return Alert(
        name="RedisExporterDown",
        expr=unreachable(JOB.eq(stack.targets.redis.job)),
        hold="5m",
        severity=Severity.TICKET,
        summary="The Redis exporter does not answer: Redis is not watched.",
        description="The Redis exporter {{ $labels.instance }} fails its scrapes.",
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Exporter up"),
        silences=(Silence(("redis",), (INSTANCE,)),),
        cases=(
            tickets("the exporter dies", at="10m", by="8m", series={up: "1x2 0x20"}, where=target(stack), says=told),
            tickets(
                "one exporter of two dies",
                at="10m",
                by="8m",
                series={up: "1x2 0x20", one(stack, UP, instance=REPLICA): "1x22"},
                where=target(stack),
                says=told,
            ),
            silent("Redis is down behind a live exporter", series={up: "1x20", redis_up: "0x20"}),
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
    """The exporter lives and says that Redis does not."""
    up = one(stack, redis.UP)
    refused = f"Redis behind {stack.targets.redis.address} has refused its exporter for a minute."
    return Alert(
        name="RedisDown",
        expr=f"{promql.select(redis.UP, JOB.eq(stack.targets.redis.job))} == 0",
        hold="1m",
        keep_firing_for=AFTERWARDS,
        severity=Severity.PAGE,
        summary="Redis is down.",
        description="Redis behind {{ $labels.instance }} has refused its exporter for a minute.",
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Redis up"),
        # The API answers Prometheus 503 while its totals, which Redis holds, can't be whole: one fault, not two.
        silences=(Silence(OF_THE_API), Silence(("redis",), (INSTANCE,))),
        cases=(
            pages("Redis stops", at="10m", by="6m", series={up: "1x4 0x10"}, where=target(stack), says=refused),
            pages(
                "Redis was down before we watched",
                at="3m",
                by="1m",
                series={up: "0x10"},
                where=target(stack),
                says=refused,
            ),
            pages(
                "a missed scrape does not hide it",
                at="10m",
                by="4m",
                series={up: "1x2 0x3 stale 0x10"},
                where=target(stack),
                says=refused,
            ),
            silent("Redis restarts within a minute", series={up: "1x7 0 1x10"}),
            silent("the exporter vanishes, which is another alert", series={up: "1x4 stale"}),
            clears("Redis is back", at="26m", series={up: "0x10 1x5"}),
            clears("the series disappears while it fires", at="26m", series={up: "0x10 stale"}),
        ),
    )


def memory_full(stack: Stack) -> Alert:
    """Redis nears its limit: next it evicts keys, or refuses writes where the policy is noeviction."""
    job = JOB.eq(stack.targets.redis.job)
    limit = MEMORY_RATIO.of(stack)
    full = f"{500 * (1 + limit):g}"
    used, most = one(stack, redis.MEMORY_USED), one(stack, redis.MEMORY_MAX)
    return Alert(
        name="RedisMemoryFull",
        expr=f"{promql.ratio(promql.select(redis.MEMORY_USED, job), promql.select(redis.MEMORY_MAX, job))} > {limit:g}",
        hold="10m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"Redis uses more than {limit:.0%} of its maxmemory.",
        description="Redis behind {{ $labels.instance }} uses {{ $value | humanizePercentage }} of its maxmemory.",
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Memory used of maxmemory"),
        cases=(
            tickets(
                "memory fills up",
                at="20m",
                by="11m",
                series={used: f"0 {full}x30", most: "1000x30"},
                where=target(stack),
                says=f"Redis behind {stack.targets.redis.address} uses {50 * (1 + limit):.4g}% of its maxmemory.",
            ),
            silent("there is no limit", series={used: f"{full}x30", most: "0x30"}),
            silent("exactly at the threshold", series={used: f"{1000 * limit:g}x30", most: "1000x30"}),
            silent("a peak of five minutes", series={used: f"0x8 {full}x4 0x20", most: "1000x30"}),
            clears("keys are deleted", at="26m", series={used: f"{full}x20 0x20", most: "1000x40"}),
        ),
    )


def clients_high(stack: Stack) -> Alert:
    """Redis nears maxclients, where it turns clients away."""
    job = JOB.eq(stack.targets.redis.job)
    used, most = one(stack, redis.CLIENTS), one(stack, redis.CLIENTS_MAX)
    return Alert(
        name="RedisClientsHigh",
        expr=f"{promql.ratio(promql.select(redis.CLIENTS, job), promql.select(redis.CLIENTS_MAX, job))} > "
        f"{CLIENTS_RATIO:g}",
        hold="10m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"Redis serves more than {CLIENTS_RATIO:.0%} of the clients it allows.",
        description="Redis behind {{ $labels.instance }} serves {{ $value | humanizePercentage }} of maxclients.",
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Clients of maxclients"),
        cases=(
            tickets(
                "a pool leaks",
                at="30m",
                by="20m",
                series={used: "100x9 950x30", most: "1000x40"},
                where=target(stack),
                says=f"Redis behind {stack.targets.redis.address} serves 95% of maxclients.",
            ),
            silent("half of it is used", series={used: "500x40", most: "1000x40"}),
            silent("a deploy doubles its clients for a while", series={used: "480x9 960x4 480x20", most: "1000x40"}),
            silent("no limit is told", series={used: "950x40", most: "0x40"}),
            clears("clients are restarted", at="26m", series={used: "950x20 100x20", most: "1000x41"}),
        ),
    )


def rejects_connections(stack: Stack) -> Alert:
    """Clients are turned away at maxclients: whoever needs a new connection fails."""
    rejected = one(stack, redis.REJECTED)
    rate = promql.rate(redis.REJECTED, JOB.eq(stack.targets.redis.job), over="5m")
    return Alert(
        name="RedisConnectionsRejected",
        expr=f"{rate} > 0",
        hold="5m",
        severity=Severity.PAGE,
        summary="Redis refuses new connections.",
        description='Redis behind {{ $labels.instance }} refuses {{ $value | printf "%.1f" }} connections a second.',
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Connections rejected"),
        cases=(
            pages(
                "maxclients is reached",
                at="20m",
                by="11m",
                series={rejected: "0x5 60+60x30"},
                where=target(stack),
                says=f"Redis behind {stack.targets.redis.address} refuses 1.0 connections a second.",
            ),
            silent("it happened once, long ago", series={rejected: "40x30"}),
            silent("a burst of one minute", series={rejected: "0x4 50x30"}),
            silent("a restart resets the counter", series={rejected: "40x15 0x15"}),
            clears("connections are closed", at="24m", series={rejected: "0+60x20 1200x20"}),
        ),
    )


def evicts(stack: Stack) -> Alert:
    """Redis throws out keys that somebody still wanted; jobs and counts among them."""
    limit = EVICTIONS_PER_SECOND.of(stack)
    evicted = one(stack, redis.EVICTED)
    rate = promql.rate(redis.EVICTED, JOB.eq(stack.targets.redis.job), over="5m")
    fast, slow = 60 * limit * 2, 60 * limit / 2
    return Alert(
        name="RedisKeysEvicted",
        expr=f"{rate} > {limit:g}",
        hold="10m",
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"Redis evicts more than {limit:g} keys a second.",
        description='Redis behind {{ $labels.instance }} evicts {{ $value | printf "%.0f" }} keys a second.',
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Evicted and expired keys"),
        cases=(
            tickets(
                "memory is short",
                at="30m",
                by="13m",
                series={evicted: f"0+{fast:g}x40"},
                where=target(stack),
                says=f"Redis behind {stack.targets.redis.address} evicts {2 * limit:.0f} keys a second.",
            ),
            silent("a burst of eight minutes", series={evicted: f"0x10 {fast:g}+{fast:g}x7 {8 * fast:g}x20"}),
            silent("a cache at its limit evicts a little", series={evicted: f"0+{slow:g}x40"}),
            silent("a restart resets the counter", series={evicted: f"{100 * fast:g}x20 0x20"}),
            clears("memory is raised", at="37m", series={evicted: f"0+{fast:g}x30 {30 * fast:g}x20"}),
        ),
    )


def replica_link_down(stack: Stack) -> Alert:
    """A replica no longer follows its primary: what it answers grows old, and failing over to it loses writes."""
    linked = promql.select(redis.LINK_UP, JOB.eq(stack.targets.redis.job))
    primary = (MASTER_HOST.eq("redis"), MASTER_PORT.eq("6379"))
    link = one(stack, redis.LINK_UP, *primary, instance=REPLICA)
    return Alert(
        name="RedisReplicaLinkDown",
        expr=f"{promql.aggregate('max', linked, by=(INSTANCE, JOB))} == 0",
        hold="5m",
        severity=Severity.TICKET,
        summary="A Redis replica has lost its primary.",
        description="The Redis replica behind {{ $labels.instance }} has had no link to its primary for five minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Replica links"),
        cases=(
            tickets(
                "the link breaks",
                at="10m",
                by="8m",
                series={link: "1x2 0x20"},
                where=target(stack, REPLICA),
                says=f"The Redis replica behind {REPLICA} has had no link to its primary for five minutes.",
            ),
            silent("a full resync takes three minutes", series={link: "1x2 0x3 1x20"}),
            silent(
                "it fails over to another primary",
                series={
                    link: "0x3 stale",
                    one(
                        stack, redis.LINK_UP, MASTER_HOST.eq("redis-2"), MASTER_PORT.eq("6379"), instance=REPLICA
                    ): "_x4 1x20",
                },
            ),
            clears("the link is back", at="11m", series={link: "0x10 1x10"}),
            clears("the replica is promoted", at="11m", series={link: "0x10 stale"}),
        ),
    )


def persistence_failing(stack: Stack) -> Alert:
    """The last save failed: by default Redis then refuses every write until one succeeds."""
    job = JOB.eq(stack.targets.redis.job)
    rdb, aof = one(stack, redis.RDB_OK), one(stack, redis.AOF_OK)
    unsaved = f"Redis behind {stack.targets.redis.address} could not save its data for five minutes."
    return Alert(
        name="RedisPersistenceFailing",
        expr=f"{promql.select(redis.RDB_OK, job)} == 0 or {promql.select(redis.AOF_OK, job)} == 0",
        hold="5m",
        severity=Severity.PAGE,
        summary="Redis can't save its data, and may refuse writes.",
        description="Redis behind {{ $labels.instance }} could not save its data for five minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("redis", "Last save"),
        cases=(
            pages(
                "the snapshot fails",
                at="10m",
                by="8m",
                series={rdb: "1x2 0x20", aof: "1x22"},
                where=target(stack),
                says=unsaved,
            ),
            pages(
                "the append-only file can't be written",
                at="10m",
                by="8m",
                series={rdb: "1x22", aof: "1x2 0x20"},
                where=target(stack),
                says=unsaved,
            ),
            silent("both work", series={rdb: "1x20", aof: "1x20"}),
            silent("the next snapshot succeeds", series={rdb: "1x2 0x3 1x20", aof: "1x20"}),
            clears("the disk has room again", at="11m", series={rdb: "0x10 1x10", aof: "1x20"}),
        ),
    )


ALERTS = (
    exporter_down,
    down,
    memory_full,
    clients_high,
    rejects_connections,
    evicts,
    replica_link_down,
    persistence_failing,
)
