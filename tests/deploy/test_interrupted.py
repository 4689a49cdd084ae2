"""What is left when a push is stopped, killed, or not alone, and does the next run finish the job?"""

import copy
import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from obs.deploy.grafana.errors import Busy, DeployError
from obs.deploy.grafana.patience import Patience
from obs.deploy.grafana.state import Desired, Kind, item
from obs.deploy.push.journal import open_journal
from obs.deploy.push.lease import EXPIRES_SECONDS, Lease
from obs.deploy.push.outcome import Outcome
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, OWNER, RULES_FOLDER, World, board, group, rule
from tests.fake_grafana import Fault

ROOT = Path(__file__).parents[2]
REFUSED = {**group("refused", rule("shop-refused", "ShopRefused")).document, "interval": 15}
OTHER = Desired(
    OWNER,
    (
        *(one for one in NEW if one.key.uid != "shop-api"),
        board("shop-api", "API", threshold=7),
        item(Kind.RULE_GROUP, REFUSED, folder_uid=RULES_FOLDER),
    ),
)
"""A state Grafana refuses a part of: no interval is 15 seconds."""


def start(world: World) -> subprocess.Popen[str]:
    """Start a push of NEW in a process of its own."""
    arguments = [world.fake.url, world.fake.token, str(world.journals)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.deploy.runner", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def signalled(world: World, number: int, at: int, *, after: bool) -> tuple[int, str]:
    """Send a signal to a push while its write number ``at`` is being handled; return exit code and output."""
    process = start(world)
    world.fake.call = lambda: os.kill(process.pid, number)
    world.fake.arm(Fault("call-after" if after else "call-before", at=at, writes=True))
    output, _ = process.communicate(timeout=60)
    world.fake.arm()
    return process.returncode, output


@pytest.mark.parametrize("after", [False, True], ids=["before-applying", "after-applying"])
@pytest.mark.parametrize("version", [(10, 4), (13, 0)])
def test_killed_at_any_write_the_next_push_ends_in_the_planned_state(
    make_world: MakeWorld, version: tuple[int, int], after: bool
) -> None:
    """SIGKILL leaves a journal; the same push again ends in the new state, annotated once, with nothing left over."""
    world = make_world(version)
    world.push(OLD, commit="c0")
    begin = copy.deepcopy(world.fake.state)
    world.fake.forget()
    world.push(NEW)
    new, writes = world.snapshot(), len(world.fake.written)
    for at in range(writes):
        world.fake.state = copy.deepcopy(begin)

        code, _ = signalled(world, signal.SIGKILL, at, after=after)

        assert code == -signal.SIGKILL
        assert world.push(NEW).state == "new", f"write {at}"
        assert world.snapshot() == new, f"write {at}"
        assert len(world.fake.state.annotations) == 2, f"write {at}"
        assert world.push(NEW).results == (), f"write {at}"


def test_a_failing_push_after_a_killed_one_goes_back_to_before_both(world: World) -> None:
    """The copies of the killed run are the old state, not the mixture it left."""
    world.push(OLD, commit="c0")
    old = world.snapshot()
    signalled(world, signal.SIGKILL, 4, after=True)
    assert world.snapshot() != old
    world.fake.arm(Fault("forbidden", at=3, writes=True))  # the second of the objects the killed run did not reach

    outcome = world.push(NEW)

    assert outcome.state == "old", outcome
    assert world.snapshot() == old


def test_a_failing_push_takes_nothing_back_that_another_machine_deployed_since(world: World) -> None:
    """The killed run's copies are older than the other machine's deployment: the undo goes back to that, no further."""
    world.push(OLD, commit="c0")
    signalled(world, signal.SIGKILL, 7, after=True)
    elsewhere = World(world.fake, world.journals / "elsewhere")
    del world.fake.state.folders["shop--deploying"]
    newer = Desired(OWNER, (*OLD.items[:2], board("shop-api", "API", threshold=3), *OLD.items[3:]))
    assert elsewhere.push(newer, commit="c2").state == "new"
    theirs = world.snapshot()

    outcome = world.push(OTHER, commit="c3")

    assert outcome.state == "old", outcome
    assert world.snapshot() == theirs


def test_the_same_deployed_elsewhere_since_is_not_taken_back(world: World) -> None:
    """Another machine finished what the killed run began: it is deployed now, and a later failure leaves it so."""
    world.push(OLD, commit="c0")
    signalled(world, signal.SIGKILL, 4, after=True)
    del world.fake.state.folders["shop--deploying"]
    World(world.fake, world.journals / "elsewhere").push(NEW, commit="c1")
    deployed = world.snapshot()
    world.fake.arm(Fault("forbidden", at=1, writes=True))

    outcome = world.push(OLD, commit="c2")

    assert outcome.state == "old", outcome
    assert world.snapshot() == deployed


def test_a_save_made_after_a_killed_run_is_what_the_undo_of_the_next_puts_back(world: World) -> None:
    """Ann saves what the killed run had written; the next run adopts it and fails: her save is there, still hers."""
    world.push(OLD, commit="c0")
    signalled(world, signal.SIGKILL, 9, after=True)
    world.fake.state.edited_by("ann", "shop-api", title="By Ann")

    outcome = world.push(OTHER, adopt_mine=frozenset({"shop-api"}))

    assert outcome.state == "old", outcome
    assert world.fake.state.dashboards["shop-api"].model["title"] == "By Ann"
    with pytest.raises(DeployError, match="adopt-mine shop-api"):
        world.push(OTHER)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_a_push_puts_everything_back(world: World, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM in the middle: exit code not 0, the old state, no journal, no lease folder."""
    world.push(OLD, commit="c0")
    old = world.snapshot()

    code, output = signalled(world, number, 5, after=False)

    assert code == 1
    assert "old: " in output
    assert "stopped on request" in output
    assert world.snapshot() == old
    assert not list(world.journals.glob("*.jsonl"))


def test_two_pushes_from_two_machines_one_wins_and_the_other_explains(make_world: MakeWorld) -> None:
    """Started at the same moment with journals of their own, one is done and the other names who holds the right."""
    first = make_world()
    first.push(OLD, commit="c0")
    second = World(first.fake, first.journals / "elsewhere")
    first.fake.latency_seconds = 0.01
    together = threading.Barrier(2, timeout=10)
    first.fake.call = together.wait
    first.fake.arm(Fault("call-before", at=0, times=2, writes=True))  # both try to take the lease at once

    with ThreadPoolExecutor(2) as pool:
        outcomes = [result(future.result) for future in [pool.submit(world.push, NEW) for world in (first, second)]]

    winners = [outcome for outcome in outcomes if isinstance(outcome, Outcome) and outcome.state == "new"]
    losers = [outcome for outcome in outcomes if isinstance(outcome, Busy)]
    assert len(winners) == 1
    assert "another push is under way: 'shop: deploy by ci@test" in str(losers[0])
    assert second.push(NEW).results == ()


def result(call: Callable[[], Outcome]) -> Outcome | DeployError:
    """Return what a push returns or raises."""
    try:
        return call()
    except DeployError as error:
        return error


def test_being_refused_does_not_forget_a_killed_run(world: World) -> None:
    """After a kill somebody else holds the lease: the refusal leaves the journal for the run that may go on."""
    world.push(OLD, commit="c0")
    signalled(world, signal.SIGKILL, 4, after=True)
    (journal,) = world.journals.glob("*.jsonl")
    begun = journal.read_text(encoding="utf-8").count("begun")
    del world.fake.state.folders["shop--deploying"]
    Lease(world.client(), "shop", "theirs", "ci@elsewhere").take(Patience(1, 0.001))

    with pytest.raises(Busy, match="ci@elsewhere"):
        world.push(NEW)

    assert journal.read_text(encoding="utf-8").count("begun") == begun


def test_two_pushes_on_one_machine_share_no_journal(world: World) -> None:
    """The second is told which process holds the journal."""
    with (
        open_journal(world.journals, world.fake.url, "shop"),
        pytest.raises(Busy, match=f"running on this machine .process {os.getpid()}."),
        open_journal(world.journals, world.fake.url, "shop"),
    ):
        pass


def test_a_journal_cut_off_in_the_middle_of_a_line_is_read_up_to_there(world: World) -> None:
    """A kill in the middle of a write to the journal costs that line alone."""
    world.push(OLD, commit="c0")
    signalled(world, signal.SIGKILL, 4, after=True)
    (journal,) = world.journals.glob("*.jsonl")
    with journal.open("ab") as file:
        file.write(b'{"begun": ["dashboard", "sho')

    assert world.push(NEW).state == "new"


def test_a_file_that_is_no_journal_is_left_for_a_person(world: World) -> None:
    """Nothing is written, and the sentence names the file."""
    with open_journal(world.journals, world.fake.url, "shop") as journal:
        journal.begin("c0", "", {})
    (file,) = world.journals.glob("*.jsonl")
    file.write_text('{"format": 99}', encoding="utf-8")

    with pytest.raises(DeployError, match=f"{file.name}: not a journal"):
        world.push(OLD)
    assert world.fake.written == []


def test_the_lease_of_a_killed_job_is_taken_over_when_asked(world: World) -> None:
    """A CI job killed on a machine that is gone: the next is refused and told how, and goes on when told to."""
    Lease(world.client(), "shop", "dead", "ci@gone").take(Patience(1, 0.001))

    with pytest.raises(Busy, match="--take-over"):
        world.push(OLD)
    outcome = world.push(OLD, take_over=True)

    assert outcome.state == "new"
    assert len(outcome.said) == 1
    assert "taken over from 'shop: deploy by ci@gone" in outcome.said[0]
    assert "shop--deploying" not in world.fake.state.folders


def test_whoever_was_taken_over_leaves_the_lease_alone(world: World) -> None:
    """The run thought dead gives its lease back: the folder is another's by then, and stays."""
    slow = Lease(world.client(), "shop", "slow", "ci@slow")
    slow.take(Patience(1, 0.001))
    Lease(world.client(), "shop", "next", "ci@next").take(Patience(1, 0.001), over=True)

    assert slow.give_back() == ""

    assert "ci@next" in world.fake.state.folders["shop--deploying"]["title"]


def test_a_lease_nobody_gave_back_expires(world: World) -> None:
    """A dead machine's lease folder is taken over once it is older than any push can be, and not before."""
    began = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    patience = Patience(1, 0.001)
    Lease(world.client(), "shop", "dead", "ci@gone", lambda: began).take(patience)

    almost = Lease(world.client(), "shop", "next", "ci@here", lambda: began + dt.timedelta(seconds=EXPIRES_SECONDS))
    with pytest.raises(Busy, match="ci@gone"):
        almost.take(patience)
    later = Lease(world.client(), "shop", "next", "ci@here", lambda: began + dt.timedelta(seconds=EXPIRES_SECONDS + 1))
    later.take(patience)

    assert "ci@here" in world.fake.state.folders["shop--deploying"]["title"]
