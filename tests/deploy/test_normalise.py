"""Is every way Grafana rewrites an object recognised as no change, and every real change as one?"""

from typing import Any

import pytest

from obs.diff.normalise import canonical
from tests.deploy.world import rule

BOARD: dict[str, Any] = {
    "uid": "a",
    "title": "A",
    "refresh": "30s",
    "tags": ["x"],
    "panels": [{"id": 1, "type": "stat", "title": "P", "targets": [{"refId": "A", "expr": "up"}]}],
}
GROUP: dict[str, Any] = {"title": "g", "folderUid": "f", "interval": 60, "rules": [rule("r", "R")]}
ROUTE: dict[str, Any] = {
    "receiver": "r",
    "group_by": ["a", "b"],
    "object_matchers": [["x", "=", "1"], ["y", "=", "2"]],
    "repeat_interval": "4h",
    "routes": [{"receiver": "s"}, {"receiver": "t"}],
}
BUILT_IN = {"builtIn": 1, "name": "Annotations & Alerts", "enable": True}


def with_rule(**fields: Any) -> dict[str, Any]:
    """Return the group with fields of its rule replaced."""
    return {**GROUP, "rules": [{**GROUP["rules"][0], **fields}]}


def with_panel(**fields: Any) -> dict[str, Any]:
    """Return the board with fields of its panel replaced."""
    return {**BOARD, "panels": [{**BOARD["panels"][0], **fields}]}


def with_model(**fields: Any) -> dict[str, Any]:
    """Return the group with fields of its first query's model replaced."""
    first, second = GROUP["rules"][0]["data"]
    return with_rule(data=[{**first, "model": {**first["model"], **fields}}, second])


@pytest.mark.parametrize(
    ("kind", "sent", "read"),
    [
        ("dashboard", BOARD, {**BOARD, "id": 7, "version": 3, "title": " A ", "schemaVersion": 42}),
        (
            "dashboard",
            BOARD,
            {**BOARD, "annotations": {"list": [BUILT_IN]}, "links": [], "editable": True, "style": None},
        ),
        ("dashboard", {**BOARD, "refresh": "1s"}, {**BOARD, "refresh": "5s"}),
        ("dashboard", {**BOARD, "refresh": False}, {**BOARD, "refresh": ""}),
        ("dashboard", {**BOARD, "timezone": "browser"}, {**BOARD, "timezone": ""}),
        ("dashboard", BOARD, dict(reversed(BOARD.items()))),
        (
            "dashboard",
            BOARD,
            with_panel(pluginVersion="12.3.0", transparent=False, links=[], fieldConfig={"overrides": []}),
        ),
        ("dashboard", with_panel(maxDataPoints=100), with_panel(maxDataPoints=100.0)),
        ("rule-group", with_rule(**{"for": "90s"}), with_rule(**{"for": "1m30s"})),
        ("rule-group", with_rule(**{"for": "24h"}), with_rule(**{"for": "1d", "orgID": 1, "provenance": "api"})),
        ("rule-group", GROUP, with_rule(isPaused=True, keep_firing_for="0s", notification_settings=None)),
        ("rule-group", GROUP, with_model(intervalMs=1000, maxDataPoints=43200)),
        ("rule-group", GROUP, with_rule(updated="2026-01-01T00:00:00Z", id=4, folderUID="f", ruleGroup="g")),
        (
            "rule-group",
            with_rule(notification_settings={"receiver": "r", "group_by": ["b"]}),
            with_rule(notification_settings={"receiver": "r", "group_by": ["grafana_folder", "b", "alertname"]}),
        ),
        ("policy", ROUTE, {**ROUTE, "group_by": ["b", "a"], "repeat_interval": "240m", "continue": False}),
        ("policy", ROUTE, {**ROUTE, "object_matchers": ROUTE["object_matchers"][::-1], "provenance": "api"}),
        (
            "mute-timing",
            {"name": "m", "time_intervals": [{"months": ["january:march", "may"]}]},
            {
                "name": "m",
                "time_intervals": [{"months": ["1:3", "5"], "times": None}],
                "version": "1",
                "provenance": "api",
            },
        ),
        (
            "template",
            {"name": "t", "template": "{{ a }}\n{{ b }}"},
            {"name": "t", "template": "  {{ a }}\n  {{ b }}\n"},
        ),
        (
            "contact-point",
            {"name": "c", "type": "pagerduty", "settings": {"integrationKey": "key", "severity": "info"}},
            {
                "uid": "c",
                "name": "c",
                "type": "pagerduty",
                "settings": {"integrationKey": "[REDACTED]", "severity": "info"},
                "disableResolveMessage": False,
                "provenance": "api",
            },
        ),
        ("folder", {"uid": "f", "title": "F"}, {"uid": "f", "title": "F", "parentUid": "", "version": 3, "id": 2}),
        (
            "datasource",
            {"name": "d", "secureJsonData": {"p": "x"}},
            {"name": "d", "id": 3, "readOnly": False, "version": 2},
        ),
    ],
)
def test_what_grafana_rewrites_is_no_change(kind: str, sent: dict[str, Any], read: dict[str, Any]) -> None:
    """Sent and read back mean the same."""
    assert canonical(kind, sent) == canonical(kind, read)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("dashboard", BOARD, {**BOARD, "title": "B"}),
        ("dashboard", BOARD, {**BOARD, "refresh": "1m"}),
        ("dashboard", BOARD, {**BOARD, "editable": False}),
        ("dashboard", BOARD, {**BOARD, "panels": []}),
        ("dashboard", BOARD, with_panel(targets=[{"refId": "A", "expr": "up", "hide": True}])),
        ("dashboard", with_panel(options={"min": 0}), with_panel(options={"min": False})),
        ("rule-group", GROUP, {**GROUP, "interval": 30}),
        ("rule-group", GROUP, with_rule(**{"for": "91s"})),
        ("rule-group", GROUP, with_rule(isPaused=False)),
        ("rule-group", GROUP, with_model(expr="up == 1")),
        ("rule-group", GROUP, {**GROUP, "rules": [*GROUP["rules"], rule("s", "S")]}),
        ("policy", ROUTE, {**ROUTE, "routes": ROUTE["routes"][::-1]}),
        ("policy", ROUTE, {**ROUTE, "repeat_interval": "5h"}),
        (
            "contact-point",
            {"name": "c", "type": "webhook", "settings": {"url": "x", "maxAlerts": 1}},
            {"name": "c", "type": "webhook", "settings": {"url": "x", "maxAlerts": 2}},
        ),
        ("folder", {"title": "F"}, {"title": "F", "parentUid": "g"}),
    ],
)
def test_a_real_change_is_one(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Nothing that means something is normalised away."""
    assert canonical(kind, old) != canonical(kind, new)
