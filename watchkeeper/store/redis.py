"""
How do many workers keep one truth in Redis?

Three keys per service, in one slot of a cluster (``{telemetry:v1:SERVICE}`` is the hash tag):

``{telemetry:v1:SERVICE}:totals``, a hash
    ``ID`` number of the last batch taken from instance ID; ``ID/definitions``, ``ID/exemplars`` and, per metric,
    ``ID/NAME/series``, ``ID/NAME/numbers``, ``ID/NAME/members``: its totals (`telemetry.wire` has the bytes);
    ``base`` how often dead instances were folded; ``base/...`` the totals of all of them, gauges left out;
    ``restored`` when an instance last found its data missing; ``folding`` when somebody was last asked to fold;
    ``epoch`` a name made when the hash was: another one tells that the server was emptied. The instance
    ``revived-EPOCH`` then holds the totals of those who were gone before, from a worker that had read them.
``{telemetry:v1:SERVICE}:seen``, a sorted set
    instance to the server's time of its last batch; 0 once it has ended in order.
``{telemetry:v1:SERVICE}:gone``, a hash
    folded instance to ``SEQUENCE TIME``: the last batch that was folded, and when. Kept for an hour.

Writing and folding are scripts, so each happens whole or not at all, on the server's clock. Nothing is ever added
to what is in Redis: an instance replaces its own totals, and a fold replaces the base it read if nobody else did.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError

from watchkeeper.counts.merge import merge
from watchkeeper.store.client import Client, connect
from watchkeeper.store.protocol import TOMBSTONE_SECONDS, Batch, Contents, Instance, Reply, StoreError
from watchkeeper.store.wire import DEFINITIONS, Packer, Texts, pack_definitions, unpack_table

MAX_FOLDED_AT_ONCE = 32

WRITE = """
local totals, seen, gone = KEYS[1], KEYS[2], KEYS[3]
local id, sequence, previous = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local complete, leaving, dead_after = ARGV[4] == '1', ARGV[5] == '1', tonumber(ARGV[6])

local folded = redis.call('HGET', gone, id)
if folded then return {'gone', tonumber(string.match(folded, '^%d+')), 0, ''} end
local held, epoch = unpack(redis.call('HMGET', totals, id, 'epoch'))
held = tonumber(held or 0)
if held > sequence then return {'taken', sequence, 0, epoch} end
if not complete and held ~= previous and held ~= sequence then return {'behind', held, 0, epoch or ''} end

local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
epoch = epoch or id .. string.format('@%.3f', now)
local fields = {id, ARGV[2], 'epoch', epoch}
if held < previous then
  fields[5], fields[6] = 'restored', string.format('%.3f', now)
end
redis.call('HSET', totals, unpack(fields))
for first = 7, #ARGV, 1000 do
  redis.call('HSET', totals, unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('ZADD', seen, leaving and 0 or string.format('%.3f', now), id)
if redis.call('ZCOUNT', seen, '-inf', string.format('(%.3f', now - dead_after)) == 0 then
  return {'taken', sequence, 0, epoch}
end
if now - tonumber(redis.call('HGET', totals, 'folding') or 0) < dead_after then
  return {'taken', sequence, 0, epoch}
end
redis.call('HSET', totals, 'folding', string.format('%.3f', now))
return {'taken', sequence, 1, epoch}
"""

READ = """
return {
  redis.call('TIME'), redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[3])
}
"""

FOLD = """
local totals, seen, gone = KEYS[1], KEYS[2], KEYS[3]
local plan = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000

if tonumber(redis.call('HGET', totals, 'base') or 0) ~= plan.base then return 0 end
for _, dead in ipairs(plan.dead) do
  if tonumber(redis.call('HGET', totals, dead.id) or 0) ~= dead.sequence then return 0 end
  local last = redis.call('ZSCORE', seen, dead.id)
  if last and tonumber(last) >= now - plan.dead_after then return 0 end
end

redis.call('HSET', totals, 'base', plan.base + 1)
for first = 2, #ARGV, 1000 do
  redis.call('HSET', totals, unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
for _, dead in ipairs(plan.dead) do
  for first = 1, #dead.fields, 1000 do
    redis.call('HDEL', totals, unpack(dead.fields, first, math.min(first + 999, #dead.fields)))
  end
  redis.call('ZREM', seen, dead.id)
  redis.call('HSET', gone, dead.id, string.format('%d %.3f', dead.sequence, now))
end
for first = 1, #plan.expired, 1000 do
  redis.call('HDEL', gone, unpack(plan.expired, first, math.min(first + 999, #plan.expired)))
end
return 1
"""

T = TypeVar("T")


class RedisStore:
    """
    The store of one ``service`` in one Redis, Sentinel or Cluster.

    An instance that is silent for ``dead_after`` seconds counts as dead: its gauges vanish at once, its counters are
    folded by the next worker that delivers. For ``settle`` seconds after an instance found its data missing the
    store says that it is being restored. Both are several times the interval at which workers deliver. A call gives
    up after ``timeout`` seconds without a word from the server.
    """

    def __init__(
        self,
        url: str,
        service: str,
        *,
        dead_after: float = 10.0,
        settle: float = 3.0,
        timeout: float = 1.0,
        prefix: str = "telemetry",
    ) -> None:
        self._connect: Callable[[], Client] = lambda: connect(url, timeout)
        self._client: Client | None = None
        self._memory: _Memory | None = None
        self._dead_after = dead_after
        self._settle = settle
        self.tag = f"{{{prefix}:v1:{service}}}"
        self._keys = tuple(f"{self.tag}:{part}" for part in ("totals", "seen", "gone"))

    def write(self, batch: Batch) -> Reply:
        """Take a batch: one command, two where the server does not know the script yet."""
        verdict, sequence, dead_found, epoch = self._write(batch)
        memory = self._memory
        if verdict == b"taken" and memory is not None and memory.epoch != epoch:
            # The server was emptied. Those who were gone before cannot deliver again: we tell what we know of them.
            self._memory = None
            self._write(
                Batch(f"revived-{memory.epoch.decode()}", memory.moment, 0, _folded(memory.sources), leaving=True)
            )
        return Reply(verdict.decode(), sequence, bool(dead_found))

    def _write(self, batch: Batch) -> Any:
        arguments: list[Any] = [batch.instance, batch.sequence, batch.previous]
        arguments += [int(batch.complete), int(batch.leaving), self._dead_after]
        for name, data in batch.fields.items():
            arguments += [f"{batch.instance}/{name}", data]
        return self.run(lambda client: _script(client, WRITE, self._keys, arguments))

    def read(self) -> Contents:
        """Return everything in the store, as it is at one moment: one command."""
        raw = self._read()
        self._remember(raw)
        instances = {
            name: Instance(raw.sequence(name), raw.fields.get(name, {}), last, alive=not self._is_dead(last, raw.now))
            for name, last in raw.seen.items()
        }
        restored = float(raw.notes.get("restored", 0))
        return Contents(instances, raw.fields.get("base", {}), raw.now, restoring=raw.now - restored < self._settle)

    def fold(self) -> None:
        """Fold the dead, at most 32 at once: one reading and one script, which yields where somebody was faster."""
        raw = self._read()
        dead = [name for name, last in raw.seen.items() if self._is_dead(last, raw.now)][:MAX_FOLDED_AT_ONCE]
        if not dead:
            return
        plan = {
            "base": raw.sequence("base"),
            "dead_after": self._dead_after,
            "dead": [
                {
                    "id": name,
                    "sequence": raw.sequence(name),
                    "fields": [name, *(f"{name}/{field}" for field in raw.fields.get(name, ()))],
                }
                for name in dead
            ],
            "expired": [name for name, folded in raw.gone.items() if raw.now - folded > TOMBSTONE_SECONDS],
        }
        arguments: list[Any] = [json.dumps(plan)]
        for name, data in _folded([raw.fields.get(source, {}) for source in ("base", *dead)]).items():
            arguments += [f"base/{name}", data]
        self.run(lambda client: _script(client, FOLD, self._keys, arguments))

    def _remember(self, raw: "_Raw") -> None:
        """Keep what only the store knows: the totals of instances that will never deliver again."""
        left = [name for name, last in raw.seen.items() if last == 0]
        sources = [raw.fields[name] for name in ("base", *left) if name in raw.fields]
        self._memory = _Memory(raw.notes.get("epoch", b""), int(raw.now * 1000), sources) if sources else None

    def forget_connections(self) -> None:
        """Connect anew next time."""
        self._client = None

    def run(self, action: Callable[[Client], T]) -> T:
        """Return what ``action`` does with a client; raise StoreError where Redis refuses or is not there."""
        try:
            if self._client is None:
                self._client = self._connect()
            with _untraced():
                return action(self._client)
        except (RedisError, OSError) as error:
            # The next call asks again where the primary is, after a failover it is elsewhere.
            self._client = None
            raise StoreError(f"{type(error).__name__}: {error}") from error

    def _is_dead(self, last: float, now: float) -> bool:
        return now - last > self._dead_after

    def _read(self) -> "_Raw":
        return _Raw.parse(*self.run(lambda client: _script(client, READ, self._keys, [])))


@dataclass(frozen=True, slots=True)
class _Memory:
    """The totals of instances that are gone for good, at one ``moment`` (milliseconds) of one ``epoch``."""

    epoch: bytes
    moment: int
    sources: list[dict[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Raw:
    """The three keys, taken apart."""

    now: float
    seen: dict[str, float]
    notes: dict[str, bytes]
    fields: dict[str, dict[str, bytes]]
    gone: dict[str, float]

    @classmethod
    def parse(cls, time: list[bytes], seen: list[bytes], totals: list[bytes], gone: list[bytes]) -> "_Raw":
        notes: dict[str, bytes] = {}
        fields: dict[str, dict[str, bytes]] = {}
        for key, data in _pairs(totals):
            instance, slash, name = key.partition("/")
            if slash:
                fields.setdefault(instance, {})[name] = data
            else:
                notes[key] = data
        return cls(
            float(time[0]) + float(time[1]) / 1_000_000,
            dict.fromkeys(fields.keys() - {"base"}, 0.0) | {name: float(score) for name, score in _pairs(seen)},
            notes,
            fields,
            {name: float(value.split()[1]) for name, value in _pairs(gone)},
        )

    def sequence(self, name: str) -> int:
        return int(self.notes.get(name, 0))


@contextmanager
def _untraced() -> Iterator[None]:
    """Keep OpenTelemetry's instrumentation of redis, where it is switched on, from telling of our own commands."""
    otel = sys.modules.get("opentelemetry.context")
    if otel is None:
        yield
        return
    token = otel.attach(otel.set_value("suppress_instrumentation", value=True))
    try:
        yield
    finally:
        otel.detach(token)


def _pairs(flat: list[bytes]) -> Iterator[tuple[str, bytes]]:
    return ((key.decode(), value) for key, value in zip(flat[::2], flat[1::2], strict=True))


def _script(client: Client, script: str, keys: tuple[str, ...], arguments: list[Any]) -> Any:
    try:
        return client.evalsha(_sha1(script), len(keys), *keys, *arguments)
    except NoScriptError:
        return client.eval(script, len(keys), *keys, *arguments)


@cache
def _sha1(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _folded(sources: list[dict[str, bytes]]) -> dict[str, bytes]:
    texts = Texts()
    tables = [unpack_table(fields, texts) for fields in sources]
    kept = [{name: totals for name, totals in table.items() if totals.metric.kind != "gauge"} for table in tables]
    merged = merge(kept)
    packer = Packer()
    fields = {DEFINITIONS: pack_definitions(totals.metric for totals in merged.values())}
    for totals in merged.values():
        fields.update(packer.pack(totals))
    return fields
