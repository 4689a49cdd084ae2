"""How does Prometheus read the metrics: an ASGI application for `GET /api/metrics/prometheus`."""

import gzip
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from threading import Lock, Thread

from watchkeeper.asgi.threads import result
from watchkeeper.asgi.types import Receive, Scope, Send
from watchkeeper.counts.exposition import choose_format, expose
from watchkeeper.recorder import Recorder
from watchkeeper.scrape import gather
from watchkeeper.store.protocol import StoreError

Network = IPv4Network | IPv6Network
Answer = tuple[int, dict[str, str], bytes]

GZIP_LEVEL = 4
"""Half the time of the default level for a tenth more bytes, measured on this exposition."""


PRIVATE = tuple(
    map(
        ip_network,
        (
            *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
            *("::1/128", "fc00::/7", "fe80::/10"),
        ),
    )
)
"""Who may read metrics where nothing else is said: this machine and private networks."""

_IP = re.compile(r"[0-9a-fA-F:.]+\Z")


class MetricsApp:
    """
    Answers a scrape with the totals of all workers, off the event loop, or 503 and the reason within ``deadline``.

    Every replica answers the same: configure one of them, or the address they share, as the scrape target. With a
    ``token`` or ``networks`` only a bearer of the token or a client from one of the networks gets in, and where proxies
    say whom they ask for, so must those be. An answer
    counts as fresh for ``max_age`` seconds; scrapes that arrive together share one. 0 asks the store every time.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        token: str = "",
        networks: Iterable[Network] = (),
        max_age: float = 1.0,
        deadline: float = 5.0,
    ) -> None:
        self._recorder = recorder
        self._token = token.encode()
        self._networks = tuple(networks)
        self._max_age = max_age if recorder.store is not None else 0.0
        self._deadline = deadline
        self._lock = Lock()
        self._bodies: dict[tuple[str, bool], tuple[float, Future[bytes]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - a scrape has no body
        """Answer one HTTP request."""
        status, headers, body = await self._answer(scope)
        headers["content-length"] = str(len(body))
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope) -> Answer:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if scope["method"] not in ("GET", "HEAD"):
            return _refuse(405, f"{scope['method'][:20]} is not possible here; use GET", allow="GET, HEAD")
        if not self._admits(scope, headers):
            if self._token:
                return _refuse(401, "this takes a bearer token", **{"www-authenticate": "Bearer"})
            return _refuse(403, "this address may not read metrics; METRICS_NETWORKS or METRICS_TOKEN says who may")
        content_type = choose_format(headers.get(b"accept", b"").decode("latin-1"))
        squeezed = _takes_gzip(headers.get(b"accept-encoding", b"").decode("latin-1"))
        try:
            body = await self._body(content_type, squeezed, self._patience(headers))
        except StoreError as error:
            return _refuse(503, f"the totals of all workers are not to be had: {error}")
        except TimeoutError:
            return _refuse(503, "the totals of all workers are not to be had: the store answers too slowly")
        found = {"content-type": content_type, "vary": "accept, accept-encoding"}
        found["cache-control"] = f"private, max-age={self._max_age:.0f}" if self._max_age else "no-store"
        if self._recorder.store is None:
            found["x-telemetry-process"] = str(os.getpid())  # whose counts these are; others have their own
        if squeezed:
            found["content-encoding"] = "gzip"
        return 200, found, body

    def _admits(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        authorization = headers.get(b"authorization", b"")
        if not self._token and not self._networks:
            return True
        kind, _, token = authorization.partition(b" ")
        if self._token and kind.lower() == b"bearer" and secrets.compare_digest(token.strip(), self._token):
            return True
        client = (scope.get("client") or ("",))[0]
        asked = [client, *_forwarded(headers)]
        if self._networks == PRIVATE and asked == [client] and client and not _IP.match(client):
            return True  # no server says so: a test client within this process
        return all(map(self._is_near, asked))

    def _is_near(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address  # how a socket for both families shows IPv4
        return any(address in network for network in self._networks)

    def _patience(self, headers: dict[bytes, bytes]) -> float:
        """Return how long this scrape may take: a reason in time is worth more to Prometheus than a hung-up call."""
        try:
            asked = float(headers[b"x-prometheus-scrape-timeout-seconds"])
        except (KeyError, ValueError):
            return self._deadline
        return min(self._deadline, asked * 0.9) if asked > 0 else self._deadline

    async def _body(self, content_type: str, squeezed: bool, patience: float) -> bytes:
        key = (content_type, squeezed)
        now = time.monotonic()
        with self._lock:
            begun, future = self._bodies.get(key, (0.0, None))
            if future is None or (future.done() and (now - begun >= self._max_age or future.exception())):
                future = Future()
                self._bodies[key] = (now, future)
                # A thread of its own: the loop's default executor belongs to the application, and may be full.
                work = partial(_fulfil, future, partial(self._render, content_type, squeezed))
                Thread(target=work, name="telemetry-scrape", daemon=True).start()
        return await result(future, patience)

    def _render(self, content_type: str, squeezed: bool) -> bytes:
        whole = gather(self._recorder, timeout=self._deadline)
        body = expose(whole.families, content_type, whole.exemplars)
        return gzip.compress(body, GZIP_LEVEL, mtime=0) if squeezed else body


def _fulfil(future: "Future[bytes]", work: Callable[[], bytes]) -> None:
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - it is raised again where the result is awaited
        future.set_exception(error)


def _forwarded(headers: dict[bytes, bytes]) -> list[str]:
    """Return whom proxies say they ask for: https://www.rfc-editor.org/rfc/rfc7239 and what came before it."""
    found = []
    for name in (b"x-forwarded-for", b"x-real-ip"):
        if name in headers:
            found += [part.strip() for part in headers[name].decode("latin-1").split(",")]
    for part in re.split("[,;]", headers.get(b"forwarded", b"").decode("latin-1")):
        key, _, value = part.strip().partition("=")
        if key.lower() == "for":
            found.append(value.strip('"'))
    return [_without_port(host) for host in found]


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.lower().split(","):
        coding, *parameters = (item.strip() for item in part.split(";"))
        if coding == "gzip":
            return not any(item in ("q=0", "q=0.0", "q=0.00", "q=0.000") for item in parameters)
    return False


def _refuse(status: int, reason: str, **headers: str) -> Answer:
    found = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store", **headers}
    return status, found, f"{reason}\n".encode()
