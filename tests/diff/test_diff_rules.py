"""Does a changed rule, group or Alertmanager object yield the sentence that says so?"""

import copy
from typing import Any

import pytest

from obs.diff import diff_object, diff_rule_group
from tests.diff.boards import Model, alert, rules, words


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"for": "10m"}, "ApiErrors: for 5m to 10m"),
        ({"keep_firing_for": "5m"}, "ApiErrors: keep_firing_for none to 5m"),
        ({"labels": {"severity": "ticket", "team": "api"}}, "ApiErrors: severity page to ticket"),
        ({"labels": {"severity": "page", "team": "web"}}, "ApiErrors: routing label team api to web"),
        ({"labels": {"severity": "page"}}, "ApiErrors: routing label team api removed"),
        ({"annotations": {"summary": "Short."}}, 'ApiErrors: summary "Too many requests fail." to "Short."'),
        ({"alert": "ApiFails"}, "ApiErrors: renamed to ApiFails"),
    ],
)
def test_one_edit_of_a_rule_is_one_sentence(change: Model, said: str) -> None:
    """Time held, severity, routing, text and name each have their words."""
    assert words(diff_rule_group(rules(alert()), rules(alert() | change))) == [said]


def test_two_alerts_of_one_name_are_paired_by_what_they_hold() -> None:
    """A name may come twice, once for each severity: the one that changed is told, the other is left out."""
    page, ticket = alert(expr="a > 10"), alert(expr="a > 5", labels={"severity": "ticket", "team": "api"})
    before, after = rules(page, ticket), rules(ticket | {"for": "1h"}, page)

    assert words(diff_rule_group(before, after)) == [
        "ApiErrors: for 5m to 1h",
        "rules: order changed to ApiErrors, ApiErrors",
    ]
    assert words(diff_rule_group(rules(page, ticket), rules(ticket))) == ["ApiErrors: alert removed (page, for 5m)"]


@pytest.mark.parametrize(("old", "new"), [("5m", "300s"), ("1h30m", "90m"), ("0s", None), ("1d", "24h")])
def test_spelling_a_duration_anew_is_no_change(old: str, new: str | None) -> None:
    """Five minutes are 300 seconds."""
    assert diff_rule_group(rules(alert() | {"for": old}), rules(alert() | {"for": new})).action == "unchanged"


def test_rules_come_and_go_with_severity_and_query() -> None:
    """An added or removed alert says whom it wakes and what it asks."""
    change = diff_rule_group(rules(alert()), rules(alert("ApiDown", "up == 0")))

    assert words(change) == ["ApiErrors: alert removed (page, for 5m)", "ApiDown: alert added (page, for 5m)"]
    assert change.sentences[1].after == "up == 0"


def test_a_group_that_is_new_lists_its_rules() -> None:
    """Creation names each rule."""
    group = rules(alert(), {"record": "job:up:sum", "expr": "sum by (job) (up)"}, interval="1m")

    change = diff_rule_group(None, group)

    assert (change.action, change.uid) == ("create", "api")
    assert words(change) == ["ApiErrors: alert added (page, for 5m)", "job:up:sum: recording rule added"]


def test_the_interval_and_order_of_a_group_are_said() -> None:
    """Rules run in order, every interval: both matter."""
    before, after = rules(alert("A"), alert("B")), rules(alert("B"), alert("A"), interval="1m")

    assert words(diff_rule_group(before, after)) == ["evaluated every 30s to 1m", "rules: order changed to B, A"]


def managed(**change: Any) -> Model:
    """Return a group of Grafana's provisioning API with one rule: query, reduction, threshold."""
    limit = {"evaluator": {"type": "gt", "params": [change.pop("limit", 0.01)]}}
    rule = {
        "uid": "api-errors",
        "title": "ApiErrors",
        "condition": "C",
        "noDataState": "OK",
        "for": "5m",
        "labels": {"severity": "page"},
        "isPaused": False,
        "data": [
            {"refId": "A", "datasourceUid": "prometheus", "model": {"expr": change.pop("expr", "sum(errors)")}},
            {"refId": "C", "datasourceUid": "__expr__", "model": {"type": "threshold", "conditions": [limit]}},
        ],
    }
    return {"title": "api", "folderUid": "team", "interval": 60, "rules": [rule | change]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limit": 0.02}, ["ApiErrors: threshold above 0.01 to above 0.02"]),
        ({"expr": "sum(failures)"}, ["ApiErrors: query A"]),
        ({"for": "300s"}, []),
        ({"isPaused": True}, ["ApiErrors: paused on"]),
        ({"noDataState": "Alerting"}, ['ApiErrors: state without data "OK" to "Alerting"']),
        ({"title": "ApiFails"}, ["ApiErrors: renamed to ApiFails"]),
        ({"provenance": "api", "id": 5, "updated": "2026-11-23T10:00:00Z"}, []),
        ({"notification_settings": {"receiver": "pager"}}, ['ApiErrors: contact point set to "pager"']),
    ],
)
def test_a_grafana_managed_rule_reads_like_a_prometheus_rule(change: Model, said: list[str]) -> None:
    """The same words, whichever engine evaluates the rule; what the server adds is not said."""
    assert words(diff_rule_group(managed(), managed(**change))) == said


def test_a_changed_secret_is_reported_but_never_shown() -> None:
    """Webhook addresses and keys stay out of logs and comments."""
    before = {
        "uid": "p",
        "name": "pager",
        "type": "webhook",
        "settings": {"url": "https://hook/s3cret", "maxAlerts": 1},
    }
    after = copy.deepcopy(before)
    after["settings"] = {"url": "https://hook/other-s3cret", "maxAlerts": 2}

    change = diff_object("contact-point", before, after)

    assert words(change) == ["settings.maxAlerts 1 to 2", "settings.url changed (value not shown)"]
    assert "s3cret" not in repr(change)


def test_a_policy_tree_is_compared_route_by_route() -> None:
    """Routes are recognised by their matchers."""
    pages = {"receiver": "pager", "object_matchers": [["severity", "=", "page"]], "group_wait": "30s"}
    before = {"receiver": "default", "routes": [pages, {"receiver": "old", "object_matchers": [["team", "=", "x"]]}]}
    after = {"receiver": "default", "routes": [pages | {"group_wait": "10s"}]}

    assert words(diff_object("policy", before, after)) == [
        'route "team = x": removed, to old',
        'route "severity = page": group wait "30s" to "10s"',
    ]


@pytest.mark.parametrize("kind", ["folder", "datasource", "contact-point", "policy", "mute-timing", "template"])
def test_every_kind_of_object_is_created_changed_and_deleted(kind: str) -> None:
    """One door for all kinds."""
    old, new = ({"name": name, "title": name, "receiver": name, "template": name} for name in ("Old", "New"))

    assert diff_object(kind, None, old).action == "create"
    assert diff_object(kind, old, new).action == "update"
    assert diff_object(kind, old, {**old, "version": 9}).action == "unchanged"
    assert diff_object(kind, old, None).action == "delete"
