"""The small world most push tests happen in: one owner, a folder each for dashboards and rules, a bit of everything."""

import dataclasses
import threading
from pathlib import Path
from typing import Any

import orjson

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.patience import Patience
from obs.deploy.grafana.state import Desired, Item, Kind, item
from obs.deploy.plan.plan import Plan, make_plan
from obs.deploy.push.journal import open_journal
from obs.deploy.push.outcome import Outcome
from obs.deploy.push.push import Author, Push
from tests.fake_grafana import FakeGrafana
from tests.fake_grafana.dashboards import shown

OWNER = "shop"
FOLDER = "shop--dashboards"
RULES_FOLDER = "shop--alerts"
VERSIONS = ((10, 4), (11, 2), (12, 3), (13, 0))
SECRET = "0123456789abcdef0123456789abcdef"


def board(uid: str, title: str, *, threshold: float = 1, folder: str = FOLDER) -> Item:
    """Return a dashboard of one panel."""
    panel = {
        "id": 1,
        "type": "timeseries",
        "title": "Error ratio",
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"thresholds": {"steps": [{"color": "red", "value": threshold}]}}},
        "targets": [{"refId": "A", "expr": "sum(rate(http_requests_total[5m]))"}],
    }
    model = {"uid": uid, "title": title, "tags": [f"managed-by:{OWNER}"], "panels": [panel], "schemaVersion": 42}
    return item(Kind.DASHBOARD, model, folder_uid=folder)


def rule(uid: str, title: str, *, hold: str = "90s", labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a rule of two nodes."""
    query = {"refId": "A", "expr": "up == 0", "instant": True}
    threshold = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
    }
    window = {"from": 600, "to": 0}
    return {
        "uid": uid,
        "title": title,
        "condition": "B",
        "data": [
            {"refId": "A", "relativeTimeRange": window, "datasourceUid": "prometheus", "model": query},
            {"refId": "B", "relativeTimeRange": {"from": 0, "to": 0}, "datasourceUid": "__expr__", "model": threshold},
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": hold,
        "labels": {"managed_by": OWNER, **(labels or {})},
        "annotations": {"summary": f"{title} is down."},
        "isPaused": True,
    }


def group(name: str, *rules: dict[str, Any], folder: str = RULES_FOLDER) -> Item:
    """Return a rule group."""
    document = {"title": name, "folderUid": folder, "interval": 60, "rules": list(rules)}
    return item(Kind.RULE_GROUP, document, folder_uid=folder)


def folders() -> tuple[Item, ...]:
    """Return the two folders."""
    return (
        item(Kind.FOLDER, {"uid": FOLDER, "title": "Shop"}),
        item(Kind.FOLDER, {"uid": RULES_FOLDER, "title": "Shop alerts"}),
    )


def notifications() -> tuple[Item, ...]:
    """Return one object of every Alertmanager kind."""
    settings = {"integrationKey": SECRET, "severity": "critical"}
    point = {"uid": "shop--page", "name": "shop--page", "type": "pagerduty", "settings": settings}
    timing = {"name": "shop--night", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}
    template = {"name": "shop--text", "template": '{{ define "shop--text" }}Shop{{ end }}'}
    branch = {"name": OWNER, "receiver": "shop--page", "object_matchers": [["managed_by", "=", OWNER]]}
    return (
        item(Kind.CONTACT_POINT, point),
        item(Kind.MUTE_TIMING, timing),
        item(Kind.TEMPLATE, template),
        item(Kind.POLICY, {**branch, "group_by": ["alertname"], "repeat_interval": "240m"}),
    )


GROUP_MODELS = (
    group("shop / promises", rule("shop-budget", "ShopBudget"), rule("shop-slow", "ShopSlow", hold="5m")).document,
    {
        "name": "api",
        "interval": "30s",
        "rules": [
            {"record": "job:up:sum", "expr": "sum by (job) (up)"},
            {
                "alert": "Down",
                "expr": "up == 0",
                "for": "5m",
                "labels": {"severity": "page"},
                "annotations": {"a": "b"},
            },
        ],
    },
)
"""Groups as Grafana has them, and as a rule file does."""


OLD = Desired(
    OWNER,
    (
        *folders(),
        board("shop-api", "API"),
        board("shop-jobs", "Jobs"),
        group("shop / availability", rule("shop-down", "ShopDown"), rule("shop-slow", "ShopSlow")),
    ),
)
NEW = Desired(
    OWNER,
    (
        *folders(),
        *notifications(),
        board("shop-api", "API", threshold=2),
        board("shop-jobs", "Jobs"),
        board("shop-ux", "UX vitals"),
        group("shop / availability", rule("shop-down", "ShopDown", hold="5m"), rule("shop-lost", "ShopLost")),
        group("shop / promises", rule("shop-budget", "ShopBudget")),
    ),
)


@dataclasses.dataclass(slots=True)
class World:
    """One fake Grafana and one journal folder; every `push` is a new run with a new client."""

    fake: FakeGrafana
    journals: Path
    limit_seconds: float = 5.0
    timeout_seconds: tuple[float, float] = (2.0, 5.0)

    def client(self, token: str = "", stop: threading.Event | None = None) -> Client:
        """Return a client that does not wait long."""
        patience = Patience(self.limit_seconds, 0.002, stop or threading.Event())
        return Client(
            self.fake.url,
            token or self.fake.token,
            patience=patience,
            timeout_seconds=self.timeout_seconds,
            secrets=(SECRET,),
        )

    def plan(self, desired: Desired, *, prune: bool = False, adopt_mine: frozenset[str] = frozenset()) -> Plan:
        """Plan a push."""
        return make_plan(self.client(), desired, prune_gone=prune, adopt_mine=adopt_mine)

    def push(
        self,
        desired: Desired,
        *,
        commit: str = "c1",
        prune: bool = False,
        keep_going: bool = False,
        adopt_mine: frozenset[str] = frozenset(),
        resend_secrets: bool = False,
        take_over: bool = False,
        stop: threading.Event | None = None,
    ) -> Outcome:
        """Plan and push in one run."""
        client = self.client(stop=stop)
        with open_journal(self.journals, self.fake.url, desired.owner) as journal:
            plan = make_plan(client, desired, prune_gone=prune, adopt_mine=adopt_mine, resend_secrets=resend_secrets)
            author = Author(commit, "ci@test")
            return Push(client, plan, journal, author, keep_going=keep_going, take_over=take_over).run()

    def snapshot(self) -> bytes:
        """Return all that people would see in Grafana, without version numbers and history."""
        state = self.fake.state
        seen = {
            "folders": {uid: (folder["title"], folder["parentUid"]) for uid, folder in state.folders.items()},
            "dashboards": {
                uid: (one.folder_uid, _unversioned(shown(state, one))) for uid, one in state.dashboards.items()
            },
            "rules": {uid: _unversioned(stored) for uid, stored in state.rules.items()},
            "intervals": {
                f"{folder} {name}": seconds
                for (folder, name), seconds in state.intervals.items()
                if state.group(folder, name)
            },
            "contact points": state.contact_points,
            "timings": state.mute_timings,
            "templates": state.templates,
            "policy": {**state.policy, "provenance": ""},
        }
        return orjson.dumps(seen, option=orjson.OPT_SORT_KEYS)


def _unversioned(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in {"id", "version"}}
