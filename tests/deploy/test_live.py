"""Does a real Grafana take what the fake takes? Runs where GRAFANA_URL and GRAFANA_TOKEN are set; leaves nothing."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.state import Desired, Item, Kind, item
from obs.deploy.plan.plan import make_plan
from obs.deploy.push.journal import open_journal
from obs.deploy.push.outcome import Outcome
from obs.deploy.push.push import Author, Push
from obs.stack import ownership

URL = os.environ.get("GRAFANA_URL", "")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[str]:
    """Give an owner nobody else has; delete its objects, and nothing else, afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    push(tmp_path, Desired(name, ()), prune=True)


def push(folder: Path, desired: Desired, *, prune: bool = False) -> Outcome:
    """Plan and push."""
    client = Client(URL, os.environ["GRAFANA_TOKEN"])
    with open_journal(folder / "journals", URL, desired.owner) as journal:
        plan = make_plan(client, desired, prune_gone=prune)
        return Push(client, plan, journal, Author("live-test", "pytest")).run()


def wanted(owner: str, title: str) -> Desired:
    """Return a folder, a dashboard and a paused rule."""
    folder = ownership.uid(owner, "all")
    panel = {"id": 1, "type": "text", "title": title, "gridPos": {"x": 0, "y": 0, "w": 12, "h": 4}}
    model = {"uid": f"{owner}-board", "title": title, "tags": [ownership.tag(owner)], "panels": [panel]}
    return Desired(
        owner,
        (
            item(Kind.FOLDER, {"uid": folder, "title": owner}),
            item(Kind.DASHBOARD, model, folder_uid=folder),
            _group(owner, folder),
        ),
    )


def _group(owner: str, folder: str) -> Item:
    window = {"from": 0, "to": 0}
    node = {"refId": "A", "type": "math", "expression": "1"}
    rule = {
        "uid": f"{owner}-rule",
        "title": owner,
        "condition": "A",
        "data": [{"refId": "A", "relativeTimeRange": window, "datasourceUid": "__expr__", "model": node}],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": "90s",
        "labels": {ownership.RULE_LABEL: owner},
        "isPaused": True,
    }
    group = {"title": f"{owner} / all", "folderUid": folder, "interval": 60, "rules": [rule]}
    return item(Kind.RULE_GROUP, group, folder_uid=folder)


def test_a_real_grafana_takes_a_push_and_finds_the_second_unchanged(owner: str, tmp_path: Path) -> None:
    """Create, nothing, change, nothing: and every write reads back as it was sent."""
    assert push(tmp_path, wanted(owner, "First")).state == "new"
    assert push(tmp_path, wanted(owner, "First")).results == ()
    changed = push(tmp_path, wanted(owner, "Second"))
    assert [(entry.action, entry.fate) for entry in changed.results] == [("update", "done")]
    assert push(tmp_path, wanted(owner, "Second")).results == ()
