"""How does the fake speak HTTP, check the token, and misbehave on demand?"""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_grafana.answer import Answer, Problem, Request
from tests.fake_grafana.faults import Fault
from tests.fake_grafana.routes import EVERY_ACTION, handle
from tests.fake_grafana.state import State

HTML = "<!DOCTYPE html><html><body>Sign in to your company's proxy</body></html>"
BODY_LIMIT_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the request log."""

    method: str
    path: str
    status: int

    @property
    def writes(self) -> bool:
        """Whether the request was meant to change something."""
        return self.method != "GET"


class FakeGrafana:
    """A server on a free port of 127.0.0.1, for the time of a ``with`` block."""

    def __init__(
        self,
        version: tuple[int, int] = (12, 3),
        *,
        token: str = "glsa_fake",  # noqa: S107  opens nothing
        sub_path: str = "",
        latency_seconds: float = 0.0,
        permissions: frozenset[str] = EVERY_ACTION,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> None:
        self.state = State(version)
        for uid in ("prometheus", "loki", "jaeger", "alertmanager"):
            self.state.datasources[uid] = {"uid": uid, "name": uid, "type": uid, "readOnly": True}
        self.token, self.sub_path, self.latency_seconds = token, sub_path, latency_seconds
        self.permissions, self.body_limit_bytes = permissions, body_limit_bytes
        self.log: list[Entry] = []
        self.faults: tuple[Fault, ...] = ()
        self.retry_after = "0"
        self.call: Callable[[], Any] = lambda: None
        self.on_path: dict[str, Callable[[], Any]] = {}  # runs before a request for just that path is answered
        self.release = threading.Event()
        self.lock = threading.RLock()
        self._requests = self._writes = 0
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{sub_path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def arm(self, *faults: Fault) -> None:
        """Let these faults happen, counting requests from now."""
        with self.lock:
            self.faults, self._requests, self._writes = faults, 0, 0

    def forget(self) -> None:
        """Empty the log."""
        with self.lock:
            self.log.clear()

    @property
    def written(self) -> list[Entry]:
        """The writes in the log."""
        return [entry for entry in self.log if entry.writes]

    def fault_of(self, method: str) -> Fault | None:
        """Count a request; return what is to go wrong with it."""
        with self.lock:
            index = self._requests
            write_index = self._writes if method != "GET" else None
            self._requests += 1
            self._writes += method != "GET"
        return next((fault for fault in self.faults if fault.hits(index, write_index)), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: clients that vanish are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeGrafana
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Keep stderr for the tests."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        fault = self.fake.fault_of(self.command)
        if self.fake.latency_seconds:
            time.sleep(self.fake.latency_seconds)
        self.fake.on_path.get(self.path, lambda: None)()
        if fault and fault.how == "call-before":
            self.fake.call()
        if fault and not fault.applies:
            self._misbehave(fault)
            return
        answer = self._answer(raw, length)
        if fault and fault.how == "call-after":
            self.fake.call()
        elif fault and fault.how != "call-before":
            self._misbehave(fault)
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  http.server's naming

    def _answer(self, raw: bytes, length: int) -> Answer:
        with self.fake.lock:
            try:
                return handle(self.fake.state, self._request(raw, length), self.fake.permissions)
            except Problem as problem:
                return problem.answer

    def _request(self, raw: bytes, length: int) -> Request:
        parts = urlsplit(self.path)
        if not parts.path.startswith(self.fake.sub_path + "/"):
            raise Problem(404, "Not found")
        if length > self.fake.body_limit_bytes:
            raise Problem(413, "Request Entity Too Large")
        path = tuple(unquote(part) for part in parts.path.removeprefix(self.fake.sub_path).strip("/").split("/"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if path != ("api", "health"):
            self._authenticate(headers)
        try:
            body = json.loads(raw, parse_constant=_no_constant) if raw else None
        except ValueError:
            raise Problem(400, "bad request data") from None
        return Request(self.command, path, parse_qs(parts.query), body, headers)

    def _authenticate(self, headers: dict[str, str]) -> None:
        given = headers.get("authorization", "")
        if not given:
            raise Problem(401, "Unauthorized")
        if given != f"Bearer {self.fake.token}":
            raise Problem(401, "Invalid API key", messageId="api-key.invalid", statusCode=401)
        asked = headers.get("x-grafana-org-id", str(self.fake.state.organisation))
        if asked != str(self.fake.state.organisation):
            raise Problem(401, "API key organization mismatch", messageId="api-key.organization-mismatch")

    def _misbehave(self, fault: Fault) -> None:
        answers = {
            "429": (429, {}, '{"message":"rate limit"}'),
            "429-retry-after": (429, {"Retry-After": self.fake.retry_after}, '{"message":"rate limit"}'),
            "500-before": (500, {}, '{"message":"internal"}'),
            "500-after": (500, {}, '{"message":"internal"}'),
            "locked": (500, {}, '{"message":"database is locked"}'),
            "html": (200, {"Content-Type": "text/html"}, HTML),
            "502-html": (502, {"Content-Type": "text/html"}, HTML),
            "redirect": (302, {"Location": "https://login.example.com/"}, ""),
            "forbidden": (403, {}, '{"message":"Permissions needed: dashboards:write","title":"Access denied"}'),
        }
        if fault.how in answers:
            status, headers, text = answers[fault.how]
            self._send_text(status, {"Content-Type": "application/json", **headers}, text)
            return
        if fault.how == "slow":
            self.fake.release.wait(30)
        self._note(0)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Answer) -> None:
        text = "" if answer.body is None else json.dumps(answer.body)
        self._send_text(answer.status, {"Content-Type": "application/json"}, text)

    def _send_text(self, status: int, headers: dict[str, str], text: str) -> None:
        self._note(status)
        data = text.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _note(self, status: int) -> None:
        with self.fake.lock:
            self.fake.log.append(Entry(self.command, self.path, status))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
