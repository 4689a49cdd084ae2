"""How did one HTTP request go? Metrics, log line, span and Sentry tell what stands here, whatever served it."""

import json
from collections.abc import Callable, MutableMapping
from time import perf_counter
from typing import Any, Protocol

from watchkeeper.contract.labels import METHOD

Scope = MutableMapping[str, Any]

CLIENT_CLOSED = 499
"""Status of a request whose client left before the response began; nginx made the number customary."""

FIRST_ERROR, SERVER_ERROR = 400, 500
FIRST_STATUS, LAST_STATUS = 100, 599
METHODS = {name: name for name in METHOD.values}
ABORTED = ',"aborted":true'


class Exchange:
    """What a request and a WebSocket have in common: route, begin, end, and the exception that ended it."""

    __slots__ = ("_ended", "_find_route", "_route", "_started", "error", "gone", "scope")

    _find_route: Callable[[Scope], str]
    _route: str
    scope: Scope

    @property
    def route(self) -> str:
        """The template of the route that answered."""
        if not self._route:
            self._route = self._find_route(self.scope)
        return self._route


class Requests(Protocol):
    """What counts requests: it is told when one begins, and when its verdict stands."""

    def begin(self, exchange: "HttpVerdict", /) -> None: ...  # noqa: D102 - the class says it

    def count(self, exchange: "HttpVerdict", /) -> None: ...  # noqa: D102 - the class says it


class HttpVerdict(Exchange):
    """
    What is known of one request: its status, its bytes and its end.

    The verdict stands at the last byte, so that background work after it changes neither status nor duration; without
    a last byte it stands when the application returns or raises.
    """

    __slots__ = ("_final", "_status", "_traffic", "complete", "method", "request_bytes", "response_bytes")

    def __init__(self, scope: Scope, *, route: Callable[[Scope], str], traffic: Requests | None = None) -> None:
        self.scope = scope
        self._find_route = route
        self._traffic = traffic
        self._route = ""
        self._status = self._final = 0
        self._ended = 0.0
        self.method = METHODS.get(scope["method"], "other")
        self.complete = self.gone = False
        self.error: BaseException | None = None
        self.request_bytes = self.response_bytes = 0
        if traffic is not None:
            traffic.begin(self)
        self._started = perf_counter()

    @property
    def seconds(self) -> float:
        """Time from the start to the end."""
        return (self._ended or perf_counter()) - self._started

    @property
    def failed(self) -> bool:
        """Whether the application raised; that it was cancelled, or that the client left first, is no failure of it."""
        return isinstance(self.error, Exception) and (self.complete or not self.gone)

    @property
    def status(self) -> int:
        """
        The status sent.

        An exception before the last byte counts as 500, and so does no answer at all; a client that left before the
        answer began as 499, and so does a request that was cancelled before.
        """
        if self._final:
            return self._final
        if self.failed and not self.complete:
            found = SERVER_ERROR
        else:
            found = self._status or (CLIENT_CLOSED if self.gone or self.error else SERVER_ERROR)
        if self._ended:  # what is raised later changes it no more
            self._final = found
        return found

    @property
    def smooth(self) -> bool:
        """Whether everything went well."""
        return self.complete and self.error is None and self._status < FIRST_ERROR

    def end(self) -> None:
        """Let the verdict stand, and have it counted once."""
        if not self._ended:
            self._ended = perf_counter()
            if self._traffic is not None:
                self._traffic.count(self)

    def members(self) -> str:
        """Return what the log line says of the request, as members of a JSON object."""
        return (
            f'"status":{self.status},"duration_seconds":{self.seconds:.6f},"request_bytes":{self.request_bytes},'
            f'"response_bytes":{self.response_bytes}{"" if self.complete else ABORTED}'
        )


def sent_status(status: int) -> int:
    """Return a status that was sent; what no HTTP status can be counts as 500."""
    return int(status) if FIRST_STATUS <= status <= LAST_STATUS else SERVER_ERROR


def apology(trace_id: str) -> bytes:
    """Return the body that answers where the application has failed to."""
    return json.dumps({"error": "internal server error", "trace_id": trace_id}).encode()
