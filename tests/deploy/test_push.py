"""Does a push write what differs, all of it, and nothing else?"""

import pytest

from deploy.state import Desired
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, OWNER, VERSIONS, World, board, folders


@pytest.mark.parametrize("version", VERSIONS)
def test_a_second_push_writes_nothing(make_world: MakeWorld, version: tuple[int, int]) -> None:
    """Whatever a Grafana of any version rewrites, the same code planned again is all unchanged."""
    world = make_world(version)
    assert world.push(NEW).state == "new"
    world.fake.forget()

    outcome = world.push(NEW)

    assert outcome.results == ()
    assert world.fake.written == []
    assert {change.action for change in world.plan(NEW).changes} == {"unchanged"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_push_moves_from_one_state_to_another(make_world: MakeWorld, version: tuple[int, int]) -> None:
    """Pushing new over old gives what pushing new to an empty Grafana gives, apart from what is only pruned."""
    world, fresh = make_world(version), make_world(version)
    world.push(OLD, commit="c0")
    fresh.push(NEW)

    outcome = world.push(NEW)

    assert outcome.state == "new"
    assert outcome.failure == ""
    assert world.snapshot() == fresh.snapshot()


def test_pruning_deletes_what_is_ours_and_gone(world: World) -> None:
    """A dashboard and a rule group that left the code go, with the folder they emptied; without --prune they stay."""
    world.push(NEW)
    less = Desired(OWNER, (*folders()[:1], board("shop-api", "API", threshold=2)))
    world.push(less)
    assert "shop-ux" in world.fake.state.dashboards

    world.push(less, prune=True)

    assert set(world.fake.state.dashboards) == {"shop-api"}
    assert set(world.fake.state.folders) == {"shop--dashboards"}
    assert world.fake.state.rules == {}
    assert world.fake.state.contact_points == {}
    assert world.fake.state.policy["routes"] == []
