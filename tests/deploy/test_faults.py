"""What is in Grafana after a fault at any one request of a push, and after the next push?"""

import pytest

from deploy.errors import DeployError
from deploy.outcome import Outcome
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, VERSIONS, World
from tests.fake_grafana import Fault
from tests.fake_grafana.faults import How

PASSING: tuple[How, ...] = ("drop-before", "drop-after", "429", "429-retry-after", "500-before", "500-after", "locked")
FINAL: tuple[How, ...] = ("html", "502-html", "redirect", "forbidden")


def requests_of_a_push(make_world: MakeWorld, version: tuple[int, int]) -> int:
    """Count the requests of moving from OLD to NEW."""
    world = moved_to_old(make_world, version)
    world.push(NEW)
    return len(world.fake.log)


def moved_to_old(make_world: MakeWorld, version: tuple[int, int]) -> World:
    """Return a world where OLD is deployed and the log is empty."""
    world = make_world(version)
    world.push(OLD, commit="c0")
    world.fake.forget()
    return world


def try_to_push(world: World) -> Outcome | DeployError:
    """Push NEW; return what happened, an error included."""
    try:
        return world.push(NEW)
    except DeployError as error:
        return error


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("how", PASSING)
def test_a_passing_fault_at_any_request_ends_in_the_new_state(
    make_world: MakeWorld, version: tuple[int, int], how: How
) -> None:
    """One broken connection, one rate limit, one server error: the push gets through, and does nothing twice."""
    new = moved_to_old(make_world, version)
    new.push(NEW)
    world = moved_to_old(make_world, version)
    world.journals = world.journals / "faulty"
    for index in range(len(new.fake.log)):
        world.fake.state = moved_to_old(make_world, version).fake.state
        world.fake.arm(Fault(how, at=index))

        outcome = try_to_push(world)

        assert isinstance(outcome, Outcome), f"request {index}: {outcome}"
        assert outcome.state == "new", f"request {index}: {outcome}"
        assert world.snapshot() == new.snapshot(), f"request {index}"
        assert len(world.fake.state.annotations) == 2, f"request {index}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("how", FINAL)
def test_a_final_fault_at_any_request_ends_old_or_new_or_reported(
    make_world: MakeWorld, version: tuple[int, int], how: How
) -> None:
    """A refusal that will not pass puts everything back, or is reported object by object; the next push converges."""
    new = moved_to_old(make_world, version)
    old = new.snapshot()
    new.push(NEW)
    world = moved_to_old(make_world, version)
    for index in range(len(new.fake.log)):
        world.fake.state = moved_to_old(make_world, version).fake.state
        world.fake.arm(Fault(how, at=index))

        outcome = try_to_push(world)

        world.fake.arm()
        if isinstance(outcome, DeployError) or outcome.state == "old":
            assert world.snapshot() == old, f"request {index}: {outcome}"
        elif outcome.state == "new":
            assert world.snapshot() == new.snapshot(), f"request {index}: {outcome}"
        else:
            assert outcome.with_fate("left"), f"request {index}: a mixture nobody reports: {outcome}"
        world.push(NEW)
        assert world.snapshot() == new.snapshot(), f"request {index}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_dies_at_any_write_is_reported_and_the_next_push_finishes(
    make_world: MakeWorld, version: tuple[int, int]
) -> None:
    """From one write on nothing answers: not even the undo; the report says so and the journal lets the next run go on."""
    new = moved_to_old(make_world, version)
    old = new.snapshot()
    new.push(NEW)
    world = moved_to_old(make_world, version)
    world.limit_seconds = 0.05
    for index in range(len([entry for entry in new.fake.log if entry.writes])):
        world.fake.state = moved_to_old(make_world, version).fake.state
        world.fake.arm(Fault("drop-before", at=index, times=10_000, writes=True))

        outcome = try_to_push(world)

        if isinstance(outcome, DeployError) or outcome.state == "old":
            assert world.snapshot() == old, f"write {index}: {outcome}"
        world.fake.arm()
        assert world.push(NEW).state == "new", f"write {index}"
        assert world.snapshot() == new.snapshot(), f"write {index}"
        assert world.push(NEW).results == (), f"write {index}"
