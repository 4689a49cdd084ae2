"""What is in Grafana after a fault at any one request of a push, and after the next push?"""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired
from obs.deploy.push.outcome import Outcome
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, OWNER, VERSIONS, board, folders
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

LESS = Desired(OWNER, (*folders()[:1], board("shop-api", "API", threshold=2)))


class Sweep:
    """Moves a Grafana from one state to another again and again, with a fault one request later each time.

    With ``died_at`` an earlier push to the other state has died at that write, and left its journal and its lease.
    """

    def __init__(
        self,
        make_world: MakeWorld,
        version: tuple[int, int],
        states: tuple[Desired, Desired] = (OLD, NEW),
        *,
        prune: bool = False,
        died_at: int | None = None,
    ) -> None:
        self.world, self._target, self._prune = make_world(version), states[1], prune
        self.world.push(states[0], commit="c0")
        self.old = self.world.snapshot()
        if died_at is not None:
            self._die(died_at)
        self._start, self._journals = copy.deepcopy(self.world.fake.state), self._read_journals()
        started = self.world.snapshot()
        self.world.fake.state.folders.pop("shop--deploying", None)  # a run that is refused gives its lease back
        self.unchanged = {self.old, started, self.world.snapshot()}
        self.world.fake.state = copy.deepcopy(self._start)
        self.world.fake.forget()
        self.push()
        self.new = self.world.snapshot()
        self.requests = len(self.world.fake.log)
        self.writes = len(self.world.fake.written)

    def runs(self, how: How, *, times: int = 1, writes: bool = False) -> Iterator[tuple[int, Outcome | DeployError]]:
        """Yield the number of the faulty request and what the push said."""
        for index in range(self.writes if writes else self.requests):
            self.world.fake.state = copy.deepcopy(self._start)
            for path, content in self._journals.items():
                path.write_bytes(content)
            self.world.fake.arm(Fault(how, at=index, times=times, writes=writes))
            outcome = self._try_to_push()
            self.world.fake.arm()
            yield index, outcome

    def check_old_new_or_reported(self, index: int, outcome: Outcome | DeployError) -> None:
        """Check that the report and Grafana agree."""
        if isinstance(outcome, DeployError) or outcome.state == "old":
            assert self.world.snapshot() in self.unchanged or "deploying" in str(outcome), f"request {index}: {outcome}"
        elif outcome.state == "new":
            assert self.world.snapshot() == self.new or outcome.notes, f"request {index}: {outcome}"
        else:
            assert outcome.with_fate("left"), f"request {index}: a mixture nobody reports: {outcome}"

    def push(self) -> Outcome:
        """Push the other state."""
        return self.world.push(self._target, prune=self._prune)

    def _try_to_push(self) -> Outcome | DeployError:
        try:
            return self.push()
        except DeployError as error:
            return error

    def _die(self, at: int) -> None:
        self.world.limit_seconds = 0.05
        self.world.fake.arm(Fault("drop-before", at=at, times=10_000, writes=True))
        self._try_to_push()
        self.world.fake.arm()
        self.world.limit_seconds = 5

    def _read_journals(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.world.journals.glob("*.jsonl")}


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


@pytest.mark.parametrize("how", ["drop-after", "forbidden"])
def test_with_the_journal_of_a_run_that_died_the_same_holds(make_world: MakeWorld, how: How) -> None:
    """A fault at any request of the run that finishes what another began: old, new or reported, and then new."""
    sweep = Sweep(make_world, (12, 3), died_at=6)

    for index, outcome in sweep.runs(how):
        sweep.check_old_new_or_reported(index, outcome)
        sweep.push()
        assert sweep.world.snapshot() == sweep.new, f"request {index}"


@pytest.mark.parametrize(("how", "version"), [("500-after", (10, 4)), ("forbidden", (12, 3))])
def test_pruning_under_faults_ends_as_a_push_does(make_world: MakeWorld, how: How, version: tuple[int, int]) -> None:
    """A fault at any request of a push that deletes: old, new or reported; the next one ends as planned."""
    sweep = Sweep(make_world, version, (NEW, LESS), prune=True)

    for index, outcome in sweep.runs(how):
        sweep.check_old_new_or_reported(index, outcome)
        sweep.push()
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
