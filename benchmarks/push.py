"""How fast is a push, and how many requests does it take, beside a client that works like grizzly's?

Against the fake Grafana of the tests, in a process of its own, with 20 ms of latency on every request. The peer is a
**grizzly-shaped serial client**, written here: one connection per request, for each dashboard a GET and a POST with
`overwrite`, whether or not anything differs, and no verification. Run it: `python -m benchmarks.push`.
"""

import argparse
import contextlib
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import requests

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.state import Desired, Item, Kind, item
from obs.deploy.plan.plan import make_plan
from obs.deploy.push.journal import open_journal
from obs.deploy.push.push import Author, Push
from obs.stack.ownership import tag
from tests.fake_grafana import FakeGrafana

LATENCY_SECONDS = 0.02
PANELS = 20
OWNER = "bench"
FOLDER = "bench--dashboards"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run cost."""

    seconds: float
    requests: int
    writes: int


@contextlib.contextmanager
def server() -> Iterator[tuple[str, Connection]]:
    """Start the fake in its own process; yield its address and a pipe that counts requests on demand."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("stop")
        process.join()


def _serve(pipe: Connection) -> None:
    with FakeGrafana(latency_seconds=LATENCY_SECONDS) as fake:
        pipe.send(fake.url)
        while pipe.recv() == "count":
            pipe.send((len(fake.log), len(fake.written)))
            fake.forget()


def dashboards(count: int) -> Desired:
    """Return so many dashboards of 20 panels in one folder."""
    folder = item(Kind.FOLDER, {"uid": FOLDER, "title": "Bench"})
    return Desired(OWNER, (folder, *(_dashboard(number) for number in range(count))))


def _dashboard(number: int) -> Item:
    panels = [
        {
            "id": panel,
            "type": "timeseries",
            "title": f"Panel {panel}",
            "description": "What to do when this rises, in a sentence of usual length.",
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "gridPos": {"x": panel % 2 * 12, "y": panel // 2 * 8, "w": 12, "h": 8},
            "fieldConfig": {"defaults": {"unit": "s", "thresholds": {"steps": [{"color": "red", "value": panel}]}}},
            "targets": [{"refId": "A", "expr": f'sum by (route) (rate(requests_total{{n="{number}"}}[5m]))'}],
        }
        for panel in range(PANELS)
    ]
    model = {"uid": f"bench-{number}", "title": f"Dashboard {number}", "tags": [tag(OWNER)], "panels": panels}
    return item(Kind.DASHBOARD, model, folder_uid=FOLDER)


def ours(url: str, desired: Desired) -> float:
    """Plan and push; return the seconds it took."""
    started = time.perf_counter()
    client = Client(url, "glsa_fake")
    with tempfile.TemporaryDirectory() as folder, open_journal(Path(folder), url, OWNER) as journal:
        outcome = Push(client, make_plan(client, desired), journal, Author("bench", "bench")).run()
    assert outcome.state == "new", outcome.failure
    return time.perf_counter() - started


def grizzly_shaped(url: str, desired: Desired) -> float:
    """Work like grizzly: one request after the other, each over a new connection, writing whatever differs or not."""
    headers = {"Authorization": "Bearer glsa_fake", "Content-Type": "application/json"}
    started = time.perf_counter()
    requests.post(f"{url}/api/folders", json={"uid": FOLDER, "title": "Bench"}, headers=headers, timeout=30)
    for one in desired.of(Kind.DASHBOARD):
        found = requests.get(f"{url}/api/dashboards/uid/{one.key.uid}", headers=headers, timeout=30)
        version = found.json()["dashboard"]["version"] if found.ok else 0
        body = {"dashboard": {**one.document, "version": version}, "folderUid": FOLDER}
        requests.post(f"{url}/api/dashboards/db", json=body, headers=headers, timeout=30).raise_for_status()
    return time.perf_counter() - started


def measured(pipe: Connection, seconds: float) -> Measured:
    """Put a run's seconds together with the requests the server counted since the last."""
    pipe.send("count")
    total, writes = pipe.recv()
    return Measured(seconds, total, writes)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("counts", type=int, nargs="*", default=[200, 1000], help="how many dashboards")
    counts = parser.parse_args().counts
    print(
        f"{'client':<24} {'dashboards':>10} {'run':<8} {'seconds':>8} {'requests':>9} {'writes':>7} {'per object':>10}"
    )
    for count in counts:
        desired = dashboards(count)
        clients = [("obs push", ours), ("grizzly-shaped serial", grizzly_shaped)]
        for name, push in clients if count <= 200 else clients[:1]:  # noqa: PLR2004  the peer takes a minute beyond
            with server() as (url, pipe):
                for run in ("first", "second"):
                    got = measured(pipe, push(url, desired))
                    row = f"{name:<24} {count:>10} {run:<8} {got.seconds:>8.2f} {got.requests:>9} {got.writes:>7}"
                    print(f"{row} {got.requests / count:>10.2f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
