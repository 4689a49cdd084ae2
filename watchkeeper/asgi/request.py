"""Which trace does a request belong to, and what does its one log line say?"""

import logging
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from watchkeeper.asgi.types import Scope
from watchkeeper.asgi.websocket import WebSocketExchange
from watchkeeper.logs.lines import REQUEST_LOGGER, RequestLine, quote, told, write_at_once
from watchkeeper.paths import Paths, path_below
from watchkeeper.scrubbing import Scrubber, cut
from watchkeeper.settings import Settings
from watchkeeper.tracing.tracing import Tracing, Work
from watchkeeper.verdict import SERVER_ERROR, HttpVerdict

Exchange = HttpVerdict | WebSocketExchange
Headers = dict[bytes, bytes]

MAX_TEXT = 500
"""Longest path, query or user agent in characters: escaped, three of them still fit `logs.LINE_LIMIT`."""

_PLAIN = re.compile(rf"[\w/.-]{{1,{MAX_TEXT}}}\Z", re.ASCII)
_log = logging.getLogger(REQUEST_LOGGER)


@dataclass(slots=True)
class Told:
    """What is known of a request when it begins."""

    headers: Headers
    method: str
    work: Work

    @property
    def trace_id(self) -> bytes:
        """The id that the response carries."""
        return self.work.context.trace_id.encode()


class Requests:
    """
    Gives every request its place in a trace and one line in the log, and reports what it raised.

    ``report`` is told of exceptions that are a fault of the application.
    """

    def __init__(
        self, *, settings: Settings, tracing: Tracing, report: Callable[[BaseException], object] = lambda _: None
    ) -> None:
        self._tracing = tracing
        self._report = report
        self._logs = settings.logs
        self._quiet = {settings.metrics_path: 0.0, **settings.quiet_routes}
        self._untraced = Paths((settings.metrics_path, *settings.untraced_routes))
        self._scrubber = Scrubber(settings.secret_query_parameters)
        self._agent = lru_cache(1024)(self._agent_text)

    def begin(self, scope: Scope) -> Told:
        """Begin the span of a request, in the trace its headers name or a new one; a framework's own is joined."""
        headers = _headers(scope)
        method = scope["method"][:20] if scope["type"] == "http" else "WEBSOCKET"
        theirs = getattr(scope.get("fastapi.telemetry"), "span", None)
        if theirs is not None:
            theirs.set_attributes(self._scrubbed(scope))
            return Told(headers, method, self._tracing.join(theirs, headers))
        context = self._tracing.begin(headers)
        if context.sampled and path_below(scope) in self._untraced:
            context = context._replace(sampled=False)
        if context.sampled:
            scope.setdefault("starlette.opentelemetry", True)  # its middleware would begin a second server span
        return Told(headers, method, self._tracing.enter(context, "server", method))

    def finish(self, exchange: Exchange, told: Told) -> None:
        """Write the line, end the span, and report what the application raised."""
        scope, route = exchange.scope, exchange.route
        error = exchange.error if isinstance(exchange.error, Exception) and exchange.failed else None
        if error is not None:
            self._report(error)
        if self._logs and self._wanted(route, exchange):
            _write(self._line(scope, told.headers, told.method, route, exchange), exchange.status, error)
        if told.work.span is not None:
            told.work.describe(
                f"{_http_method(scope)} {route}", self._attributes(scope, told.headers, route, exchange.status)
            )
        self._tracing.leave(told.work, error)

    def _wanted(self, route: str, exchange: Exchange) -> bool:
        share = self._quiet.get(route)
        return share is None or not exchange.smooth or random.random() < share  # noqa: S311 - sampling, not secrecy

    def _line(self, scope: Scope, headers: Headers, method: str, route: str, exchange: Exchange) -> RequestLine:
        query, agent = scope.get("query_string"), headers.get(b"user-agent")
        members = [
            f'"method":{quote(method)},"route":{quote(route)},"path":{quote(self._text(scope["path"]))}',
            exchange.members(),
            f'"client":{quote(_client(scope))}',
        ]
        if query:
            members.insert(1, f'"query":{quote(self._query(query))}')
        if agent:
            members.append(f'"user_agent":{quote(self._agent(agent))}')
        return RequestLine(f"{method} {route} {exchange.status}", ",".join(members))

    def _attributes(self, scope: Scope, headers: Headers, route: str, status: int) -> dict[str, str | int]:
        """Return what a span says: https://opentelemetry.io/docs/specs/semconv/http/http-spans/."""
        attributes: dict[str, str | int] = {
            "http.request.method": _http_method(scope),
            "http.route": route,
            "http.response.status_code": status,
            "url.scheme": scope.get("scheme", "http"),
            "client.address": _client(scope),
            "user_agent.original": self._agent(headers.get(b"user-agent", b"")),
        }
        return attributes | self._scrubbed(scope)

    def _scrubbed(self, scope: Scope) -> dict[str, str | int]:
        """Return what may hold a credential, without it."""
        found: dict[str, str | int] = {"url.path": self._text(scope["path"])}
        if scope.get("query_string"):
            found["url.query"] = self._query(scope["query_string"])
        return found

    def _query(self, query: bytes) -> str:
        return cut(self._scrubber.query(query[: 2 * MAX_TEXT].decode("utf-8", "replace")), MAX_TEXT)

    def _text(self, text: str) -> str:
        if _PLAIN.match(text) and "eyJ" not in text:
            return text  # as most paths are; the scrubber would find nothing
        return self._scrubber.limited(text, MAX_TEXT)

    def _agent_text(self, agent: bytes) -> str:
        return self._text(agent[: 2 * MAX_TEXT].decode("latin-1"))


def _write(line: RequestLine, status: int, error: Exception | None) -> None:
    level = logging.ERROR if error is not None or status >= SERVER_ERROR else logging.INFO
    if error is None and level == logging.INFO and write_at_once(line):
        return
    if _log.isEnabledFor(level):
        exc_info = None if error is None else (type(error), error, error.__traceback__)
        _log.handle(logging.LogRecord(REQUEST_LOGGER, level, __file__, 0, line, None, exc_info))
        if error is not None:
            told(error)


def _headers(scope: Scope) -> Headers:
    """Return headers by name: of several lines the last, `tracestate` combined, and none of several `traceparent`."""
    lines = scope["headers"]
    headers: Headers = dict(lines)
    if len(headers) < len(lines):
        headers[b"tracestate"] = b",".join(value for name, value in lines if name == b"tracestate")
        if sum(name == b"traceparent" for name, _ in lines) > 1:
            del headers[b"traceparent"]
    return headers


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _http_method(scope: Scope) -> str:
    return str(scope.get("method", "GET"))[:20]
