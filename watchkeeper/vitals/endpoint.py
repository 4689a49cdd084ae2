"""How do browsers deliver web vitals over HTTP, and what keeps a flood or a forged body from counting?"""

import json
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address

from watchkeeper.asgi.types import Receive, Scope, Send
from watchkeeper.contract.labels import OUTCOME
from watchkeeper.contract.metrics import VITALS_REPORTS
from watchkeeper.recorder import Recorder
from watchkeeper.vitals.limits import Gate
from watchkeeper.vitals.pages import Pages
from watchkeeper.vitals.reports import InvalidReportError, Report, device, parse

Headers = dict[bytes, bytes]

MAX_BODY = 65_536
"""Bytes; a browser queues no more than 64 KiB of beacons per page: https://fetch.spec.whatwg.org/#keepalive-flag."""

PREFLIGHT_SECONDS = 86_400
CONTENT_TYPES = (b"", b"text/plain", b"application/json")
"""What `sendBeacon` sends for an ArrayBuffer, for a text, and what `fetch` or a Blob say of JSON."""


class Refusal(Exception):  # noqa: N818 - an answer to the client, not an error of ours
    """Why a request is turned away, and with which status."""

    def __init__(self, status: int, message: str, *, outcome: str = "rejected", **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.outcome = outcome
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class VitalsEndpoint:
    """
    An ASGI application that counts what the web-vitals library reports.

    Answers 204 once everything in a body is counted, or a 4xx with `{"error": "..."}` once nothing of it is.
    ``origins`` are the other sites whose pages may report with `fetch` and JSON (`https://app.example.com`).
    """

    def __init__(self, recorder: Recorder, gate: Gate, *, pages: Iterable[str], origins: Iterable[str] = ()) -> None:
        self._recorder = recorder
        for outcome in OUTCOME.values:  # at zero, so that the first refusal is seen as a rise
            recorder.counter(VITALS_REPORTS, (outcome,))
        self._gate = gate
        self._pages = Pages(pages)
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: Headers = dict(scope["headers"])
        cors = self._cors(headers)
        try:
            if scope["method"] == "OPTIONS":
                cors = self._preflight(headers, cors)
            else:
                await self._take(scope, headers, receive)
        except Refusal as refusal:
            if scope["method"] != "OPTIONS":
                self._recorder.add(VITALS_REPORTS, (refusal.outcome,))
            await _answer(send, refusal.status, cors | refusal.headers, {"error": str(refusal)})
        else:
            await _answer(send, 204, cors)

    async def _take(self, scope: Scope, headers: Headers, receive: Receive) -> None:
        _check_form(scope["method"], headers)
        client = _client(scope)
        if not await self._gate.admit(client):
            raise _too_many()
        try:
            reports = parse(await _body(receive))
        except InvalidReportError as error:
            raise Refusal(400, str(error)) from None
        if len(reports) > 1 and not await self._gate.admit(client, len(reports) - 1):
            raise _too_many()
        if not await self._gate.has_room(len(reports)):
            raise _too_many()
        await self._count(reports, headers)

    async def _count(self, reports: Sequence[Report], headers: Headers) -> None:
        referer = headers.get(b"referer", b"").decode("latin-1")
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        first = await self._gate.unseen([f"{report.metric.name}:{report.id}" for report in reports])
        for report, is_first in zip(reports, first, strict=True):
            self._recorder.add(VITALS_REPORTS, ("accepted" if is_first else "duplicate",))
            if is_first:
                labels = (self._pages.template(report.page or referer), report.device or device(agent))
                self._recorder.observe(report.metric, labels, report.value)

    def _cors(self, headers: Headers) -> dict[str, str]:
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin not in self._origins:
            return {"vary": "origin"} if self._origins else {}
        return {
            "vary": "origin",
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
        }

    def _preflight(self, headers: Headers, cors: dict[str, str]) -> dict[str, str]:
        if "access-control-allow-origin" not in cors:
            origin = headers.get(b"origin", b"").decode("latin-1")[:100]
            raise Refusal(403, f"origin {origin!r} is not among the configured vitals_origins")
        return cors | {
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": "content-type",
            "access-control-max-age": str(PREFLIGHT_SECONDS),
        }


def _check_form(method: str, headers: Headers) -> None:
    if method != "POST":
        raise Refusal(405, f"{method[:20]} is not how vitals are reported; use POST", allow="POST, OPTIONS")
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise Refusal(415, "the content type is not one of: application/json, text/plain")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "the body is compressed; send it as it is")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 10 or int(length) > MAX_BODY):  # noqa: PLR2004 - digits of any sane length
        raise _too_large()


async def _body(receive: Receive) -> bytes:
    """Read at most MAX_BODY bytes."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the client went away")
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise _too_large()
        more = message.get("more_body", False)
    return bytes(body)


def _too_many() -> Refusal:
    return Refusal(429, "too many reports; try again in a minute", outcome="limited", retry_after="60")


def _too_large() -> Refusal:
    # The rest of the body is not read, so the connection cannot be used again.
    return Refusal(413, f"the body is larger than {MAX_BODY} bytes", connection="close")


def _client(scope: Scope) -> str:
    """Return whom a request is attributed to: an IPv4 address, or the /64 network an IPv6 host can roam in."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return str(host)[:64]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)


async def _answer(send: Send, status: int, headers: dict[str, str], body: object = None) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    extra = {"content-type": "application/json", "content-length": str(len(content))} if body is not None else {}
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in (headers | extra).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
