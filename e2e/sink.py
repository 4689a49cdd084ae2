"""Who was told of what, and when? A receiver of pages and messages that answers as PagerDuty and webhooks do."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from obs.config.alertmanager import DEADMAN, PAGER

PAGERDUTY_PATH = "/v2/enqueue"
WEBHOOK_PATH = "/webhook"
ROUTING_KEY = "e2e0000000000000000000000000000e"
"""What an integration key looks like: 32 letters and digits."""

SEVERITIES = ("critical", "error", "warning", "info")
SUMMARY_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Arrival:
    """One notification that was accepted: when (monotonic seconds), at which receiver, about what."""

    at: float
    receiver: str
    alert: str
    firing: bool
    key: str
    """PagerDuty's dedup_key or Alertmanager's groupKey: the same for every message about one trouble."""
    body: dict[str, Any]


class Sink:
    """A server on ``port`` that records what it accepts, and can refuse for a while."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.arrivals: list[Arrival] = []
        self.refused = 0
        self._refusing = False
        self._lock = threading.Lock()
        self._server = _server(port, self)

    def __enter__(self) -> Self:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def refuse(self, *, refusing: bool) -> None:
        """Answer everything 500 from now on, or accept again."""
        self._refusing = refusing

    def since(self, start: float) -> list[Arrival]:
        """Return what was accepted after ``start`` (monotonic seconds), the dead man's switch left out."""
        with self._lock:
            return [arrival for arrival in self.arrivals if arrival.at >= start and arrival.receiver != DEADMAN]

    def heartbeats(self, start: float) -> list[float]:
        """Return when the dead man's switch was fed after ``start``, in monotonic seconds."""
        with self._lock:
            return [arrival.at for arrival in self.arrivals if arrival.at >= start and arrival.receiver == DEADMAN]

    def counted(self) -> dict[tuple[str, str, str], int]:
        """Return how often each receiver accepted that an alert fires, or is resolved."""
        with self._lock:
            events = [(one.receiver, one.alert, "firing" if one.firing else "resolved") for one in self.arrivals]
        return dict(Counter(events))

    def take(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and body of the answer to one POST."""
        if self._refusing:
            self.refused += 1
            return 500, {"message": "refused on purpose"}
        answer, arrivals = _pagerduty(body) if path == PAGERDUTY_PATH else _webhook(body)
        with self._lock:
            self.arrivals += arrivals
        return answer


def _pagerduty(event: dict[str, Any]) -> tuple[tuple[int, dict[str, Any]], list[Arrival]]:
    """Judge an event as the Events API v2 does: https://developer.pagerduty.com/docs/send-alert-event."""
    payload = event.get("payload") or {}
    errors = []
    if event.get("routing_key") != ROUTING_KEY:
        errors.append("'routing_key' is not one of this service")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' must be trigger, acknowledge or resolve")
    if event.get("event_action") == "trigger":
        errors += [f"'payload.{name}' is missing or blank" for name in ("summary", "source") if not payload.get(name)]
        if len(payload.get("summary", "")) > SUMMARY_LIMIT:
            errors.append(f"'payload.summary' is longer than {SUMMARY_LIMIT} characters")
        if payload.get("severity") not in SEVERITIES:
            errors.append(f"'payload.severity' must be one of {', '.join(SEVERITIES)}")
    if errors:
        return (400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}), []
    key = event.get("dedup_key", "")
    alert = payload.get("class", "")
    arrival = Arrival(time.monotonic(), PAGER, alert, event["event_action"] == "trigger", key, event)
    return (202, {"status": "success", "message": "Event processed", "dedup_key": key}), [arrival]


def _webhook(message: dict[str, Any]) -> tuple[tuple[int, dict[str, Any]], list[Arrival]]:
    """Take Alertmanager's own message, version 4: one arrival for each alert name in it."""
    now, firing = time.monotonic(), message.get("status") == "firing"
    names = dict.fromkeys(alert["labels"]["alertname"] for alert in message.get("alerts", ()))
    receiver, key = message.get("receiver", ""), message.get("groupKey", "")
    return (200, {}), [Arrival(now, receiver, name, firing, key, message) for name in names]


def _server(port: int, sink: Sink) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", port), _handler(sink.take))


def _handler(take: Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Answer one message."""
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = take(self.path, json.loads(raw))
            answer = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing: what matters is in the arrivals."""

    return Handler
