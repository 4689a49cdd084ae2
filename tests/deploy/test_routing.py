"""Is it said who hears our alerts in Grafana, and what others lay around our branch of its notification policy?"""

from typing import Any

import click
import pytest

from obs.deploy.drift import notices
from obs.deploy.grafana.state import Desired
from obs.deploy.plan.plan import Plan
from obs.deploy.push.report import rendered
from tests.deploy.world import NEW, OWNER, World, folders, group, notifications, rule

Matchers = list[list[str]]


def route(matchers: Matchers, **more: Any) -> dict[str, Any]:
    """Return a stranger's route."""
    return {"receiver": "grafana-default-email", "object_matchers": matchers, "routes": [], **more}


@pytest.mark.parametrize(
    ("matchers", "taken"),
    [
        ([], 3),
        ([["managed_by", "=~", "shop|cart"]], 3),
        ([["team", "!=", "data"]], 3),
        ([["alertname", "=", "ShopLost"]], 1),
        ([["alertname", "=~", "Shop[^L].*"], ["severity", "=", ""]], 2),
        ([["team", "=", "data"]], 0),
        ([["managed_by", "!~", "shop.*"]], 0),
        ([["managed_by", "=~", "sho"]], 0),
    ],
)
def test_a_route_before_ours_is_said_if_it_takes_our_alerts(world: World, matchers: Matchers, taken: int) -> None:
    """The plan and the drift count what it takes, by the labels the rules give; a stranger's own alerts are his."""
    world.push(NEW)
    world.fake.state.policy["routes"].insert(0, route(matchers))
    world.fake.state.policy["routes"].append(route([]))

    said = notices(world.client(), NEW)

    assert [f"takes {taken} of our 3 alerts" in sentence for sentence in said] == [True] * bool(taken)
    assert [note for note in world.plan(NEW).notes if "stands before ours" in note] == said


def test_a_route_that_goes_on_to_ours_takes_nothing(world: World) -> None:
    """With `continue` an alert is matched by both."""
    world.push(NEW)
    world.fake.state.policy["routes"].insert(0, {**route([]), "continue": True})

    assert notices(world.client(), NEW) == []


def test_an_integration_added_to_our_contact_point_is_said(world: World) -> None:
    """Two integrations of one name are one contact point: whoever added the second hears our alerts."""
    world.push(NEW)
    world.fake.state.contact_points["x1"] = {
        **world.fake.state.contact_points["shop--page"],
        "uid": "x1",
        "type": "email",
        "settings": {"addresses": "ann@example.com"},
    }

    (said,) = notices(world.client(), NEW)

    assert said == (
        "contact point 'shop--page' has an integration no push made (email, uid x1): it hears our alerts too"
    )
    assert said in world.plan(NEW).notes
    assert notices(world.client(), Desired(OWNER, ())) == []


def test_a_plan_says_whom_grafana_tells(world: World) -> None:
    """What a push does to rules and policy comes to who is woken; a route of other people before ours is followed."""
    waking = [{**rule("shop-lost", "Lost", labels={"severity": "page"}), "isPaused": False}]
    desired = Desired(OWNER, (*folders(), *notifications(), group("shop", *waking)))

    assert told_by(world.plan(desired)) == ["Lost: goes to Grafana's shop--page after 2m"]
    world.push(desired)
    assert told_by(world.plan(desired)) == []

    later = Desired(OWNER, (*folders(), *notifications(), group("shop", {**waking[0], "for": "10m"})))
    assert told_by(world.plan(later)) == [
        "Lost: goes to Grafana's shop--page after 10m30s instead of to Grafana's shop--page after 2m"
    ]
    before = {"receiver": "night shift", "object_matchers": [["severity", "=", "page"]], "group_wait": "5s"}
    world.fake.state.policy["routes"].insert(0, before)
    assert told_by(world.plan(later)) == [
        "Lost: goes to Grafana's night shift after 10m5s instead of to Grafana's night shift after 1m35s"
    ]
    silent = Desired(OWNER, (*folders(), group("shop", {**waking[0], "isPaused": True})))
    world.fake.state.policy["routes"].remove(before)
    assert told_by(world.plan(silent)) == ["Lost: no longer goes to Grafana's shop--page after 2m"]


def told_by(plan: Plan) -> list[str]:
    """Return what a plan tells of notifications, as the verb prints it."""
    lines = click.unstyle(rendered(plan, "terminal")).splitlines()
    return [line.removeprefix("    who is told / ") for line in lines if line.startswith("    who is told / ")]
