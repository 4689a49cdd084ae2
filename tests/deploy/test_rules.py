"""Does a Grafana-managed rule mean what the Prometheus rule means?"""

import pytest
import yaml

from obs import durations
from obs.alerting import rules
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired, Document
from obs.deploy.plan.rules import Target, rule_groups, uid
from obs.stack import Stack
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import OWNER, RULES_FOLDER, VERSIONS, folders

TARGET = Target(OWNER, RULES_FOLDER, "prometheus", {"environment": "production"}, paused=True)


def converted(**rule: object) -> Document:
    """Convert one rule."""
    body = {"alert": "RedisDown", "expr": "redis_up == 0", **rule}
    group = {"name": "shop-redis", "interval": "30s", "rules": [{"record": "a:b", "expr": "up"}, body]}
    (item,) = rule_groups(yaml.safe_dump({"groups": [group]}), TARGET)
    (only,) = item.document["rules"]
    return dict(only)


@pytest.mark.parametrize(
    ("expr", "query", "evaluator"),
    [
        ("sum(rate(a[5m])) / sum(rate(b[5m])) > 0.02", "sum(rate(a[5m])) / sum(rate(b[5m]))", ("gt", 0.02)),
        ("free_bytes < 1e9", "free_bytes", ("lt", 1e9)),
    ],
)
def test_a_threshold_becomes_a_threshold(expr: str, query: str, evaluator: tuple[str, float]) -> None:
    """`lhs > number` is split, so that Grafana shows the value, its threshold, and a diff that names it."""
    rule = converted(expr=expr)

    first, reduced, threshold = (node["model"] for node in rule["data"])
    assert (first["expr"], first["instant"]) == (query, True)
    assert (reduced["type"], reduced["reducer"], reduced["expression"]) == ("reduce", "last", "A")
    found = threshold["conditions"][0]["evaluator"]
    assert (found["type"], found["params"][0]) == evaluator
    assert (rule["condition"], threshold["expression"]) == ("C", "B")


@pytest.mark.parametrize(
    "expr",
    [
        "redis_up == 0",
        "absent(up)",
        "a > 1 and b > 2",
        "a > bool 1",
        "a >= 1",
        "1 < a",
        "a > b",
        "vector(1)",
        "(a > 1) or (b < 2)",
    ],
)
def test_anything_else_fires_for_every_series_it_returns(expr: str) -> None:
    """Whatever its value, NaN and zero included: the test for existence that Grafana's own importer writes."""
    rule = converted(expr=expr)

    assert rule["data"][0]["model"]["expr"] == expr
    assert rule["data"][2]["model"]["expression"] == "is_number($B) || is_nan($B) || is_inf($B)"
    assert rule["condition"] == "D"
    assert rule["data"][3]["model"]["conditions"] == [{"evaluator": {"type": "gt", "params": [0]}}]


def test_states_durations_and_templates_are_carried_over() -> None:
    """No data is silence, an error is an alert, a gone series resolves at once, `$value` is the number."""
    text = "{{ $value | humanizePercentage }} of {{ $labels.job }}, {{ $values }}"
    rule = converted(**{"for": "90s", "keep_firing_for": "10m", "annotations": {"description": text}})

    assert (rule["noDataState"], rule["execErrState"], rule["missingSeriesEvalsToResolve"]) == ("OK", "Error", 1)
    assert (rule["for"], rule["keep_firing_for"], rule["isPaused"]) == ("1m30s", "10m", True)
    expected = "{{ $values.B.Value | humanizePercentage }} of {{ $labels.job }}, {{ $values }}"
    assert rule["annotations"]["description"] == expected


def test_a_rule_is_tied_to_its_panel_and_marked_as_ours() -> None:
    """The dashboard link becomes the pair of annotations Grafana draws the panel from."""
    link = "https://grafana.example.com/d/shop-redis?viewPanel=panel-77"
    rule = converted(labels={"severity": "page"}, annotations={"dashboard_url": link})

    assert (rule["annotations"]["__dashboardUid__"], rule["annotations"]["__panelId__"]) == ("shop-redis", "77")
    assert rule["labels"] == {"severity": "page", "managed_by": OWNER, "environment": "production"}
    assert (
        "__panelId__"
        not in converted(annotations={"dashboard_url": "https://grafana.example.com/d/shop"})["annotations"]
    )


def test_a_uid_is_stable_short_and_depends_on_the_name_alone() -> None:
    """The same rule keeps its uid, and with it its state and history, wherever it stands in its group."""
    assert uid("shop", "shop-redis", "RedisDown") == uid("shop", "shop-redis", "RedisDown")
    assert len(uid("shop", "shop-redis", "A" * 90)) == 40
    assert len({uid(owner, group, "A") for owner in ("a", "b") for group in ("c", "d")}) == 4


@pytest.mark.parametrize("text", ["[]", "groups: {", "rules: 3"])
def test_what_is_no_rule_file_is_refused(text: str) -> None:
    """Anything that is not a rule file is said not to be one."""
    with pytest.raises(DeployError, match="not a Prometheus rule file"):
        rule_groups(text, TARGET)


def test_an_expression_that_is_no_promql_is_refused() -> None:
    """The expression is quoted."""
    with pytest.raises(DeployError, match=r"not PromQL: .*rate\(a"):
        converted(expr="rate(a > 1")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_rule_of_the_stack_is_taken_by_every_version(
    make_world: MakeWorld, version: tuple[int, int], stack: Stack
) -> None:
    """All our alerts are accepted, unchanged the second time, and what an old Grafana lacks is noted."""
    items = [item for text in rules.render(stack).values() for item in rule_groups(text, TARGET)]
    world = make_world(version)
    wanted = Desired(OWNER, (*folders(), *items))

    assert world.push(wanted).state == "new"
    assert world.push(wanted).results == ()

    titles = {rule["title"] for rule in world.fake.state.rules.values()}
    assert titles == {alert.name for group in rules.groups(stack) for alert in group.alerts}
    keeps = any(alert.keep_firing_for for group in rules.groups(stack) for alert in group.alerts)
    noted = any("keep_firing_for; left out" in note for note in world.plan(wanted).notes)
    assert noted == (keeps and version < (12, 0))


@pytest.mark.parametrize(
    ("text", "written"),
    [("90s", "1m30s"), ("24h", "1d"), ("7d", "1w"), ("90d", "90d"), ("0", "0s"), ("1h0m0s", "1h")],
)
def test_a_duration_is_written_as_grafana_gives_it_back(text: str, written: str) -> None:
    """One spelling for each length, weeks only where nothing remains."""
    assert durations.canonical(text) == written


@pytest.mark.parametrize("text", ["", "5", "five minutes", "5m!", "m5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The sentence shows how to write one."""
    with pytest.raises(ValueError, match="write for example 90s"):
        durations.parse(text)
