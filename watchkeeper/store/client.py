"""How does a URL become a redis-py client: one server, Sentinel or Cluster?"""

from typing import Any, TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

from watchkeeper.store.urls import check_url

Client: TypeAlias = "redis.Redis | RedisCluster"

DECIDED = frozenset(
    (
        *("decode_responses", "encoding", "encoding_errors", "protocol", "legacy_responses"),
        *("socket_timeout", "socket_connect_timeout", "timeout"),
        *("retry", "retry_on_timeout", "retry_on_error"),
    )
)
"""Options of a URL that an application's own client may want, and that would change what is read or sent here."""


def connect(url: str, timeout: float) -> Client:
    """
    Return a client that gives up after ``timeout`` seconds and never repeats a command by itself.

    ``redis://``, ``rediss://`` and ``unix://`` are redis-py's own. ``redis+sentinel://HOST:PORT,HOST:PORT/PRIMARY/DB``
    asks Sentinels for the primary; ``redis+cluster://HOST:PORT,HOST:PORT`` finds a cluster. User and password before
    the hosts are the server's. Options of the URL in DECIDED are left out. Raise ValueError for any other URL, and
    redis-py's errors.
    """
    check_url(url)
    parts = _ours(urlsplit(url))
    if parts.scheme == "redis+sentinel":
        return _sentinel(parts, timeout)
    if parts.scheme == "redis+cluster":
        return _cluster(parts, timeout)
    return redis.Redis.from_url(
        parts.geturl(), socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


def _ours(parts: SplitResult) -> SplitResult:
    """Return a URL without the options that are decided here: what replies look like, patience, repeated commands."""
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in DECIDED]
    return parts._replace(query=urlencode(kept))


def _sentinel(parts: SplitResult, timeout: float) -> redis.Redis:
    primary, _, database = parts.path.strip("/").partition("/")
    make_sentinel: Any = Sentinel  # redis-py leaves it untyped
    sentinel = make_sentinel(_hosts(parts, 26379), socket_timeout=timeout, socket_connect_timeout=timeout)
    client: redis.Redis = sentinel.master_for(
        primary,
        db=int(database or 0),
        username=_text(parts.username),
        password=_text(parts.password),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def _cluster(parts: SplitResult, timeout: float) -> RedisCluster:
    make_node: Any = ClusterNode  # redis-py leaves it untyped
    client: RedisCluster = RedisCluster(
        startup_nodes=[make_node(host, port) for host, port in _hosts(parts, 6379)],
        username=_text(parts.username),
        password=_text(parts.password),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
    )
    return client


def _hosts(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for address in parts.netloc.rpartition("@")[2].split(","):
        host, _, port = address.partition(":")
        hosts.append((host, int(port or default_port)))
    return hosts


def _text(value: str | None) -> str | None:
    return None if value is None else unquote(value)
