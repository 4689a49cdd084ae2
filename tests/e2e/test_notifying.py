"""Does our model of Alertmanager's grouping, inhibition and repetition tell what Alertmanager tells?"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import yaml

from obs.replay.notifying import notifications
from obs.replay.playing import Firing
from tests.e2e.servers import serving

TELLING = {"group_wait": "1s", "group_interval": "4s", "repeat_interval": "8s"}  # one flush of Many comes exactly then
ROUTES = [{"matchers": ['severity="ticket"'], "receiver": "tickets", "group_wait": "2s"}]
RULES = [{"source_matchers": ['alertname="Root"'], "target_matchers": ['alertname="Leaf"'], "equal": ["service"]}]
LENGTH, TOLERANCE = 22.0, 1.2
"""Seconds. A message may come a little later than the model says: HTTP, and the machine's other work."""

FIRINGS = (
    ("Root", "page", "1", 0.0, 10.0),
    ("Leaf", "page", "1", 0.0, None),
    ("Many", "page", "1", 0.0, None),
    ("Many", "page", "2", 0.5, None),
    ("Many", "page", "3", 2.5, None),
    ("Day", "ticket", "1", 1.0, 6.0),
)
"""Name, severity, instance, and when it begins and ends."""

Told = tuple[float, str, tuple[str, ...]]


@pytest.fixture
def told() -> Iterator[tuple[str, list[Told]]]:
    """Return the address of a receiver, and the messages it got: when, for whom, which alerts fire."""
    messages: list[Told] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            firing = tuple(sorted(one["labels"]["alertname"] for one in body["alerts"] if one["status"] == "firing"))
            messages.append((time.time(), body["receiver"], tuple(dict.fromkeys(firing))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", messages
    server.shutdown()
    server.server_close()
    thread.join()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def labels(name: str, severity: str, instance: str) -> dict[str, str]:
    """Return the labels of one alert."""
    return {"alertname": name, "severity": severity, "instance": instance, "service": "a"}


def post(address: str, begun: float) -> None:
    """Send every alert again and again, as Prometheus does, each from its beginning until after its end."""
    while (now := time.time() - begun) < LENGTH:
        alerts = []
        for name, severity, instance, start, end in FIRINGS:
            if now >= start:
                ends = begun + end if end is not None and now >= end else time.time() + 240
                at = [datetime.fromtimestamp(moment, UTC).isoformat() for moment in (begun + start, ends)]
                alerts.append({"labels": labels(name, severity, instance), "startsAt": at[0], "endsAt": at[1]})
        requests.post(f"{address}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()
        time.sleep(0.1)


def test_the_model_tells_what_alertmanager_tells(tmp_path: Path, told: tuple[str, list[Told]]) -> None:
    """Root silences Leaf until it ends, Many comes in two messages and is repeated, Day ends within its interval."""
    sink, messages = told
    hook = [{"url": sink, "send_resolved": True}]
    config = {
        "route": {"receiver": "pager", "group_by": ["alertname"], **TELLING, "routes": ROUTES},
        "receivers": [{"name": name, "webhook_configs": hook} for name in ("pager", "tickets")],
        "inhibit_rules": RULES,
    }
    file, port = tmp_path / "alertmanager.yml", free_port()
    file.write_text(yaml.safe_dump(config))
    address = f"http://127.0.0.1:{port}"
    options = (f"--config.file={file}", f"--storage.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}")
    with serving(
        "alertmanager", *options, "--cluster.listen-address=", ready=f"{address}/-/ready", log=tmp_path / "log"
    ):
        begun = time.time()
        post(address, begun)
        real = [(at - begun, receiver, names) for at, receiver, names in messages if at - begun < LENGTH - TOLERANCE]

    firings = [Firing(tuple(sorted(labels(*one[:3]).items())), one[3], one[4]) for one in FIRINGS]
    model = [(one.at, one.receiver, one.names) for one in notifications(config, firings, LENGTH - TOLERANCE)]
    assert sorted(one[1:] for one in real) == sorted(one[1:] for one in model), (real, model)
    for name in ("Root", "Leaf", "Many", "Day"):
        moments = [[at for at, _, names in side if name in names] for side in (real, model)]
        assert moments[0] == pytest.approx(moments[1], abs=TOLERANCE), name
