"""Do rendered files become the state they describe, and is a broken one named?"""

import pytest

from obs import output
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Kind
from obs.deploy.plan.desired import desired
from obs.stack import Stack, loads
from tests.stack.parts import settings, toml


def test_every_rendered_dashboard_and_alert_is_wanted(stack: Stack) -> None:
    """Each board once, marked as ours, in its folder; each group with alerts once, paused, in the other."""
    built = output.build(stack)

    wanted = desired(stack, built.texts, {})

    boards = wanted.of(Kind.DASHBOARD)
    assert {board.key.uid for board in boards} == {board.model["uid"] for board in built.dashboards}
    assert all("managed-by:rce-api" in board.document["tags"] for board in boards)
    assert {board.folder_uid for board in boards} == {"rce-api--dashboards"}
    groups = wanted.of(Kind.RULE_GROUP)
    assert {group.title for group in groups} == {group.name for group in built.groups if group.alerts}
    assert all(rule["isPaused"] for group in groups for rule in group.document["rules"])
    assert {folder.key.uid for folder in wanted.of(Kind.FOLDER)} == {"rce-api--dashboards", "rce-api--alerts"}


def test_grafana_tells_of_each_region_apart() -> None:
    """As with Alertmanager, one page is about one deployment: its alerts carry the region, and group by it."""
    raw = settings()
    raw["service"]["region"] = "north"
    raw["grafana"]["pages"] = True
    regional = loads(toml(raw))
    secrets = dict.fromkeys(("PAGERDUTY_ROUTING_KEY", "WEBHOOK_URL", "DEADMAN_URL"), "http://x")

    wanted = desired(regional, output.build(regional).texts, secrets)

    (policy,) = (one.document for one in wanted.of(Kind.POLICY))
    page = next(route for route in policy["routes"] if route["object_matchers"] == [["severity", "=", "page"]])
    assert set(policy["group_by"]) == {"alertname", "service", "environment", "region"}
    assert set(page["routes"][0]["group_by"]) == {"slo", "service", "environment", "region"}
    rules = [rule for group in wanted.of(Kind.RULE_GROUP) for rule in group.document["rules"]]
    assert {(rule["labels"]["environment"], rule["labels"]["region"]) for rule in rules} == {("production", "north")}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("infra/observability/grafana/dashboards/api.json", "{"),
        ("infra/observability/grafana/dashboards/api.json", '{"title": "no uid"}'),
        ("infra/observability/prometheus/rules/api.yml", "- nothing"),
        ("infra/observability/prometheus/rules/api.yml", "groups: [{name: a, rules: [{alert: A, expr: 'up ='}]}]"),
    ],
)
def test_a_broken_file_is_named(stack: Stack, path: str, text: str) -> None:
    """The sentence opens with the path of the file, of whatever commit it is."""
    with pytest.raises(DeployError, match=path):
        desired(stack, {path: text}, {})


def test_files_that_are_not_grafanas_are_left_alone(stack: Stack) -> None:
    """Configuration of other programs is no part of the state."""
    other = {"infra/observability/loki/loki.yml": "- not ours", "infra/observability/prometheus/prometheus.yml": "{"}

    assert desired(stack, other, {}).items == desired(stack, {}, {}).items
