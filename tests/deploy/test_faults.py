"""What is in Grafana after a fault at any one request of a push, and after the next push?"""

import copy
from collections.abc import Iterator

import pytest

from obs.deploy.grafana.errors import DeployError
from obs.deploy.push.outcome import Outcome
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, VERSIONS, World
from tests.fake_grafana import Fault
from tests.fake_grafana.faults import How

# Every fault on one version; the two that differ most between versions, a lost answer and a refusal, on both ends.
PASSING: list[tuple[How, tuple[int, int]]] = [
    ("drop-before", (10, 4)),
    ("429", (11, 2)),
    ("500-after", (12, 3)),
    ("502-html", (13, 0)),
    ("locked", (11, 2)),
    ("drop-after", (10, 4)),
    ("drop-after", (13, 0)),
]
FINAL: list[tuple[How, tuple[int, int]]] = [
    ("html", (11, 2)),
    ("redirect", (12, 3)),
    ("forbidden", (10, 4)),
    ("forbidden", (13, 0)),
]


class Sweep:
    """Moves a Grafana from OLD to NEW again and again, with a fault one request later each time."""

    def __init__(self, make_world: MakeWorld, version: tuple[int, int]) -> None:
        self.world = make_world(version)
        self.world.push(OLD, commit="c0")
        self._start = copy.deepcopy(self.world.fake.state)
        self.old = self.world.snapshot()
        self.world.fake.forget()
        self.world.push(NEW)
        self.new = self.world.snapshot()
        self.requests = len(self.world.fake.log)
        self.writes = len(self.world.fake.written)

    def runs(self, how: How, *, times: int = 1, writes: bool = False) -> Iterator[tuple[int, Outcome | DeployError]]:
        """Yield the number of the faulty request and what the push said."""
        for index in range(self.writes if writes else self.requests):
            self.world.fake.state = copy.deepcopy(self._start)
            self.world.fake.arm(Fault(how, at=index, times=times, writes=writes))
            outcome = _try_to_push(self.world)
            self.world.fake.arm()
            yield index, outcome

    def check_old_new_or_reported(self, index: int, outcome: Outcome | DeployError) -> None:
        """Check that the report and Grafana agree."""
        if isinstance(outcome, DeployError) or outcome.state == "old":
            assert self.world.snapshot() == self.old or "deploying" in str(outcome), f"request {index}: {outcome}"
        elif outcome.state == "new":
            assert self.world.snapshot() == self.new or outcome.notes, f"request {index}: {outcome}"
        else:
            assert outcome.with_fate("left"), f"request {index}: a mixture nobody reports: {outcome}"


def _try_to_push(world: World) -> Outcome | DeployError:
    try:
        return world.push(NEW)
    except DeployError as error:
        return error


@pytest.mark.parametrize(("how", "version"), PASSING)
def test_a_passing_fault_at_any_request_ends_in_the_new_state(
    make_world: MakeWorld, how: How, version: tuple[int, int]
) -> None:
    """One broken connection, one rate limit, one server error: the push gets through, and does nothing twice."""
    sweep = Sweep(make_world, version)

    for index, outcome in sweep.runs(how):
        assert isinstance(outcome, Outcome), f"request {index}: {outcome}"
        assert (outcome.state, outcome.notes) == ("new", ()), f"request {index}: {outcome}"
        assert sweep.world.snapshot() == sweep.new, f"request {index}"
        assert len(sweep.world.fake.state.annotations) == 2, f"request {index}"


@pytest.mark.parametrize(("how", "version"), FINAL)
def test_a_final_fault_at_any_request_ends_old_or_new_or_reported(
    make_world: MakeWorld, how: How, version: tuple[int, int]
) -> None:
    """A refusal that will not pass puts everything back, or is reported object by object; the next push converges."""
    sweep = Sweep(make_world, version)

    for index, outcome in sweep.runs(how):
        sweep.check_old_new_or_reported(index, outcome)
        sweep.world.push(NEW)
        assert sweep.world.snapshot() == sweep.new, f"request {index}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_dies_at_any_write_is_reported_and_the_next_push_finishes(
    make_world: MakeWorld, version: tuple[int, int]
) -> None:
    """From one write on nothing answers, not even the undo: the report says so, and the next run goes on from there."""
    sweep = Sweep(make_world, version)
    sweep.world.limit_seconds = 0.05

    for index, outcome in sweep.runs("drop-before", times=10_000, writes=True):
        sweep.check_old_new_or_reported(index, outcome)
        sweep.world.limit_seconds = 5
        assert sweep.world.push(NEW).state == "new", f"write {index}"
        assert sweep.world.snapshot() == sweep.new, f"write {index}"
        assert sweep.world.push(NEW).results == (), f"write {index}"
        sweep.world.limit_seconds = 0.05
