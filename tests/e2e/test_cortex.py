"""Does the whole stack hold on a distributed engine, with three copies of each sample and one node killed?"""

import logging
import math
import re
import subprocess
import sys
import time
from pathlib import Path

import requests
import yaml

from e2e.sink import WEBHOOK_PATH, Sink
from examples.ports import free_port
from obs.alerting.rules import groups
from obs.durations import seconds
from obs.programs.processes import Processes
from obs.programs.waiting import until
from tests.conftest import ROOT
from tests.e2e.cortex import Node, cluster
from tests.e2e.history import Past, served
from tests.e2e.programs import program
from tests.e2e.servers import serving
from tests.e2e.test_victoria_metrics import (
    NOISE,
    PRODUCTION,
    QUERIES,
    Stores,
    configured,
)

LOG = logging.getLogger(__name__)  # pytest --log-cli-level=info: the figures of docs/scaling.md
Vector = dict[tuple[tuple[str, str], ...], float]
PACE, STEPS, PATIENCE_SECONDS = "2s", 30, 120
GROUPS = {group.name for group in groups(PRODUCTION)}
OFTEN = sorted(group.name for group in groups(PRODUCTION) if seconds(group.interval) <= 60)
"""The groups that are evaluated while a test can wait; slow burns are evaluated every five minutes."""
ALWAYS = "Watchdog"
FIGURES = {
    "series": "cortex_ingester_memory_series",
    "samples received": "cortex_distributor_received_samples_total",
    "samples kept": "cortex_ingester_ingested_samples_total",
    "bytes of memory": "process_resident_memory_bytes",
}


class Present(Past):
    """The same series as they grow now: Prometheus sends nothing on that is older than its own start."""

    def exposition(self, target: str) -> str:
        """Return the next step of a target, at the time of the scrape."""
        return re.sub(r" -?\d+$", "", super().exposition(target), flags=re.MULTILINE)


def test_the_stack_on_three_nodes_of_which_one_is_killed(tmp_path: Path) -> None:
    """Each board's query answers as in Prometheus, and alerts are told once, before a node is killed and after it."""
    alertmanager = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "logs").mkdir()
    with (
        Sink(free_port()) as sink,
        Processes(tmp_path / "logs") as processes,
        cluster(tmp_path / "cortex", alertmanager) as nodes,
    ):
        tells(processes, tmp_path, alertmanager, sink)
        moment, wanted = written(tmp_path, nodes)
        LOG.info("%s", {name: [figure(node, metric) for node in nodes] for name, metric in FIGURES.items()})
        assert different(nodes[1], moment, wanted) == {}

        assert pushed(nodes[1]) == len(GROUPS)
        until("each group with one node", lambda: evaluated(nodes[0], since=0) == OFTEN, within=PATIENCE_SECONDS)
        until(f"{ALWAYS} told", lambda: sink.counted().get(("hook", ALWAYS, "firing")), within=PATIENCE_SECONDS)

        (owner,) = (node for node in nodes if evaluates(node, group_of(ALWAYS)))
        owner.process.kill()
        killed = time.time()
        left = [node for node in nodes if node is not owner]
        assert [different(node, moment, wanted) for node in left] == [{}, {}]
        until(
            "every group with a node that is left",
            lambda: evaluated(left[0], since=killed) == OFTEN,
            within=PATIENCE_SECONDS,
        )
        LOG.info("every group evaluated again after %.0f s", time.time() - killed)
        heard = alive(alertmanager)
        until(f"{ALWAYS} sent again", lambda: alive(alertmanager) > heard, within=PATIENCE_SECONDS)

        told = {event: count for (_, alert, event), count in sink.counted().items() if alert == ALWAYS}
        assert told == {"firing": 1}
        assert pushed(left[0]) == 0, "the rules are still there, all of them"


def tells(processes: Processes, folder: Path, address: str, sink: Sink) -> None:
    """Run an Alertmanager that tells the sink of each alert at once, and of its end."""
    file = folder / "alertmanager.yml"
    route = {
        "receiver": "hook",
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1h",
    }
    hook = {"url": sink.url + WEBHOOK_PATH, "send_resolved": True}
    content = {"route": route, "receivers": [{"name": "hook", "webhook_configs": [hook]}]}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    processes.start(
        "alertmanager",
        program("alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address.removeprefix('http://')}",
        "--cluster.listen-address=",
    ).ready(f"{address}/-/ready")


def written(folder: Path, nodes: list[Node]) -> tuple[int, dict[str, Vector]]:
    """Send every series through Prometheus to the first node for a while; return a moment, and its answers then."""
    port, present = free_port(), Present(end=0, steps=STEPS)
    address = f"http://127.0.0.1:{port}"
    with (
        served(present) as source,
        serving(
            "prometheus",
            f"--config.file={paced(configured(folder, source, f'{nodes[0].url}/api/v1/push'))}",
            f"--storage.tsdb.path={folder}/prometheus-data",
            "--storage.tsdb.min-block-duration=12h",
            f"--web.listen-address=127.0.0.1:{port}",
            ready=f"{address}/-/ready",
            log=folder / "prometheus.log",
        ),
    ):
        until(f"{STEPS} samples of each series", lambda: present.over, within=240)
        stores = Stores(address, f"{nodes[0].url}/prometheus", int(time.time()))
        wanted: dict[str, Vector] = {}

        def same() -> bool:
            # Scrapes that began before the moment may still be on their way to Prometheus, and from there.
            wanted.update({place: stores.ask(address, expr) for place, expr in QUERIES.items()})
            return different(nodes[0], stores.moment, wanted) == {}

        until("the same answers from the first node", same, within=PATIENCE_SECONDS)
        return stores.moment, wanted


def paced(file: Path) -> Path:
    """Slow Prometheus down to what a machine with other work can follow."""
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(r"scrape_interval: .*", f"scrape_interval: {PACE}", text), encoding="utf-8")
    return file


def different(node: Node, moment: int, wanted: dict[str, Vector]) -> dict[str, tuple[Vector, Vector]]:
    """Return the queries that a node answers otherwise than Prometheus did, beyond the noise of floating point."""
    stores = Stores("", f"{node.url}/prometheus", moment)
    answers = {place: stores.ask(stores.victoria, expr) for place, expr in QUERIES.items()}
    return {
        place: (answers[place], vector)
        for place, vector in wanted.items()
        if not alike(answers[place], vector, ties=QUERIES[place].startswith("topk("))
    }


def alike(one: Vector, other: Vector, *, ties: bool) -> bool:
    """Compare two answers; which of several equals `topk` leaves out is nobody's promise."""
    if ties:
        pairs = list(zip(sorted(one.values()), sorted(other.values()), strict=False))
        return len(one) == len(other) and all(math.isclose(*pair, rel_tol=NOISE, abs_tol=NOISE) for pair in pairs)
    return one.keys() == other.keys() and all(
        math.isclose(one[labels], other[labels], rel_tol=NOISE, abs_tol=NOISE) for labels in one
    )


def pushed(node: Node) -> int:
    """Push the rules to a node's ruler as a person would; return how many groups were written."""
    run = "from obs.cli.cli import main; main()"
    command = [sys.executable, "-c", run, "push", "--ruler", f"{node.url}/api/v1/rules"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    (count,) = re.findall(r"^(\d+) rule groups written", answer.stdout, re.MULTILINE)
    return int(count)


def evaluated(node: Node, since: float) -> list[str]:
    """Return the frequent groups that nodes have evaluated without an error since a moment, once for each node."""
    answer = requests.get(f"{node.url}/prometheus/api/v1/rules", timeout=20)
    found = answer.json()["data"]["groups"] if answer.ok else []
    return sorted(
        group["name"]
        for group in found
        if group["name"] in OFTEN
        and all(rule["health"] == "ok" and moment(rule["lastEvaluation"]) > since for rule in group["rules"])
    )


def moment(text: str) -> float:
    """Return a time of the API in seconds since 1970; one that has not been is 0."""
    if text.startswith("0001"):
        return 0.0
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return time.mktime(time.strptime(seconds, "%Y-%m-%dT%H:%M:%S")) - time.timezone + float(f"0.{fraction[:6] or 0}")


def group_of(alert: str) -> str:
    """Return the group that holds an alert."""
    return next(group.name for group in groups(PRODUCTION) if alert in {one.name for one in group.alerts})


def evaluates(node: Node, group: str) -> bool:
    """Tell whether a node itself evaluates a group."""
    lines = requests.get(f"{node.url}/metrics", timeout=20).text.splitlines()
    return any(line.startswith("cortex_prometheus_rule_group_rules{") and f'{group}"' in line for line in lines)


def alive(alertmanager: str) -> str:
    """Return when Alertmanager last heard of the alert that always fires; there must be one of it."""
    alerts = requests.get(f"{alertmanager}/api/v2/alerts", timeout=20).json()
    (updated,) = (alert["updatedAt"] for alert in alerts if alert["labels"]["alertname"] == ALWAYS)
    return str(updated)


def figure(node: Node, metric: str) -> int:
    """Return one of a node's own numbers."""
    lines = requests.get(f"{node.url}/metrics", timeout=20).text.splitlines()
    return round(sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{metric}(\{{| )", line)))
