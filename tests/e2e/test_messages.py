"""Do a page's words arrive as they were written, whatever stands in them?"""

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from e2e.loopback import place, stack_at
from e2e.sink import PAGERDUTY_PATH, ROUTING_KEY, WEBHOOK_PATH, Sink
from examples.ports import free_port
from obs import config, stack
from obs.programs.processes import Processes
from obs.programs.waiting import until
from tests.conftest import ROOT
from tests.e2e.programs import program

Json = dict[str, Any]

HOSTILE = (
    "Jobs of mail #urgent wait for 40 s.",
    "# nothing but a comment",
    "queue: mail: 5",
    "- one\n- two",
    "{{ .Labels }} of {braces}",
    "[1, 2]",
    "null",
    "12",
    "true",
    '"quoted" and on',
    "'half",
    "!tag &anchor *alias",
    "|",
    "> folded",
    "%YAML 1.2",
    "`@`",
    "\ttab",
    "---",
    "caf\u00e9 \u2028 \U0001f4a5",
)


def test_a_page_arrives_as_it_is_written(tmp_path: Path) -> None:
    """Alertmanager reads rendered details as YAML; no sentence of ours is taken for a list, a comment or a number."""
    alerts: list[Json] = [
        {
            "labels": {"alertname": f"Hostile{number}", "severity": "page", "team": "backend"},
            "annotations": {"summary": text, "description": text},
        }
        for number, text in enumerate(HOSTILE)
    ]
    with Sink(free_port()) as sink:
        bodies = told(tmp_path, sink, alerts, len(alerts))

    details = {body["payload"]["class"]: body["payload"]["custom_details"]["firing"] for body in bodies}
    for number, text in enumerate(HOSTILE):
        assert isinstance(details[f"Hostile{number}"], str), text
        assert text in details[f"Hostile{number}"]


@pytest.mark.parametrize(("integration", "receivers"), [("pagerduty", {"pager", "tickets"}), ("webhook", {"pager"})])
def test_a_broken_pager_is_told_by_the_other_channel(tmp_path: Path, integration: str, receivers: set[str]) -> None:
    """Who would be paged about the pager would hear nothing; the webhook hears of it as well, and of nothing else."""
    labels = {
        "alertname": "AlertmanagerFailedToSendAlerts",
        "severity": "page",
        "team": "backend",
        "integration": integration,
    }
    with Sink(free_port()) as sink:
        told(tmp_path, sink, [{"labels": labels, "annotations": {}}], len(receivers))

        assert {one.receiver for one in sink.since(0)} == receivers


def told(folder: Path, sink: Sink, alerts: list[Json], count: int) -> list[Json]:
    """Return the bodies of what a real Alertmanager on our configuration sends of these alerts."""
    moved = stack_at(stack.load(ROOT / "stack.toml"), place(folder))
    for name in ("secrets", "logs"):
        (folder / name).mkdir()
    for path, text in config.render(moved).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        at_once = re.sub("group_wait: (30|15)s", "group_wait: 0s", text).replace(
            moved.notify.pagerduty_url, f"{sink.url}{PAGERDUTY_PATH}"
        )
        (folder / path).write_text(at_once, encoding="utf-8")
    secrets = {"pagerduty_routing_key": ROUTING_KEY, "webhook_url": sink.url + WEBHOOK_PATH}
    for name, text in secrets.items():
        (folder / "secrets" / name).write_text(text, encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    with Processes(folder / "logs") as processes:
        processes.start(
            "alertmanager",
            program("alertmanager"),
            f"--config.file={folder / 'alertmanager/alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        ).ready(f"http://{address}/-/ready")
        requests.post(f"http://{address}/api/v2/alerts", json=alerts, timeout=10).raise_for_status()
        until("everything told", lambda: len(sink.since(0)) >= count, within=30)
        return [one.body for one in sink.since(0)]
