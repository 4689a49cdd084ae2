"""Is it said when others lay something around our branch of the notification policy that changes who hears us?"""

from typing import Any

import pytest

from obs.deploy.drift import notices
from obs.deploy.grafana.state import Desired
from tests.deploy.world import NEW, OWNER, World

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
