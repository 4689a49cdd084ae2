"""Does any sequence of push, edit, prune, rollback and ruler, from two machines, lose a person's work?"""

import contextlib
import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired
from tests.deploy.conftest import MakeWorld
from tests.deploy.test_ruler import Mimir, ruler, serving
from tests.deploy.test_ruler import group as prometheus_group
from tests.deploy.world import NEW, OLD, OWNER, RULES_FOLDER, VERSIONS, World, board, folders, group, rule
from tests.fake_grafana import Fault
from tests.fake_grafana.faults import How
from tests.fake_grafana.state import Dashboard

STATES = (
    OLD,
    NEW,
    Desired(OWNER, (*folders(), board("shop-jobs", "Jobs", threshold=5), board("shop-new", "New"))),
    Desired(OWNER, (*folders(), group("shop / promises", rule("shop-budget", "ShopBudget", hold="1h")))),
)
FAULTS: tuple[How, ...] = ("drop-before", "drop-after", "500-after", "forbidden", "html", "429")
STEPS = 25


@dataclass(slots=True)
class Play:
    """One Grafana, two machines, and what people made in it that nobody allowed a push to take away."""

    machines: tuple[World, World]
    chance: random.Random
    mimir: Mimir
    theirs: dict[str, str] = field(default_factory=dict)  # uid -> the title a person gave
    story: list[str] = field(default_factory=list)

    @property
    def boards(self) -> dict[str, Dashboard]:
        """The boards of the Grafana."""
        return self.machines[0].fake.state.dashboards

    def push(self) -> None:
        """Push one of the states from one of the machines, with or without pruning and trouble."""
        self._push(self.chance.choice(STATES), prune=self.chance.random() < 0.5)

    def push_while_somebody_edits(self) -> None:
        """Let a person save a board in the middle of a push.

        Not of one that deletes: Grafana knows no deletion on condition, so the last moment before it is nobody's.
        """
        world = self.chance.choice(self.machines)
        world.fake.call = self.edit
        world.fake.arm(Fault("call-before", at=self.chance.randrange(25)))
        self._push(self.chance.choice(STATES), prune=False, world=world)

    def push_until_the_server_dies(self) -> None:
        """Let nothing answer from one request on: what a killed run leaves, a lease and a journal, is left."""
        world = self.chance.choice(self.machines)
        world.limit_seconds = 0.05
        world.fake.arm(Fault("drop-before", at=self.chance.randrange(40), times=10_000))
        self._push(self.chance.choice(STATES), prune=self.chance.random() < 0.5, world=world)
        world.limit_seconds = 1.0

    def rollback(self) -> None:
        """Put an earlier state back, which deletes what came after it."""
        self._push(self.chance.choice(STATES[:2]), prune=True)

    def adopt(self) -> None:
        """Push with leave to overrule one person's edit."""
        if self.theirs:
            self._push(NEW, prune=True, adopt=self.chance.choice(sorted(self.theirs)))

    def tidy(self) -> None:
        """Let people remove what they made, so that pushes get through again."""
        state = self.machines[0].fake.state
        for key in self.theirs:
            uid = key.rpartition(" ")[2]
            for stored in (state.dashboards, state.folders, state.rules):
                stored.pop(uid, None)
        self.theirs.clear()
        self.story.append("tidy")

    def ruler(self) -> None:
        """Push rule groups to a ruler, where strangers have theirs in our namespace."""
        there = ruler(self.mimir.url + self.mimir.prefix)
        stranger = self.chance.choice(["by hand", "shop", f"more {len(self.story)}"])
        groups = self.mimir.namespaces.setdefault("rce-api", {})
        groups[stranger] = prometheus_group(stranger, f"vector({len(self.story)})")
        strangers = {name: body for name, body in groups.items() if not name.startswith("rce-api-")}
        wanted = [prometheus_group(f"rce-api-{name}", "up == 0") for name in self.chance.sample("abcd", 2)]
        self.mimir.refuse_at = len(self.mimir.writes) + self.chance.randrange(8)
        with contextlib.suppress(DeployError):
            there.push(there.plan(wanted, prune=self.chance.random() < 0.5))
        self.story.append(f"ruler {[group['name'] for group in wanted]}")
        assert strangers.items() <= groups.items(), self.told()

    def edit(self) -> None:
        """Let a person rename a board."""
        if self.boards:
            uid = self.chance.choice(sorted(self.boards))
            self.theirs[uid] = f"By hand {len(self.story)}"
            self.machines[0].fake.state.edited_by("ann", uid, title=self.theirs[uid])
            self.story.append(f"edit {uid}")

    def copy(self) -> None:
        """Let a person save a board under another name; tags and folder stay."""
        if self.boards:
            source = self.boards[self.chance.choice(sorted(self.boards))]
            uid = f"copy{len(self.story)}"
            self.theirs[uid] = f"Copy {len(self.story)}"
            model = {**copy.deepcopy(source.model), "uid": uid, "title": self.theirs[uid], "version": 1}
            self.boards[uid] = Dashboard(uid, source.folder_uid, [(model, "", "ben")])
            self.story.append(f"copy {source.uid} to {uid}")

    def make_folder(self) -> None:
        """Let a person make an empty folder, with a uid like ours."""
        uid = f"shop--{len(self.story)}"
        made = {"id": 1, "uid": uid, "title": f"Folder {uid}", "parentUid": "", "version": 1}
        self.machines[0].fake.state.folders[uid] = {**made, "createdBy": "ann", "updatedBy": "ann"}
        self.theirs[f"folder {uid}"] = uid
        self.story.append(f"folder {uid}")

    def make_rule(self) -> None:
        """Let a person make a rule of theirs in a group of ours, or in one of their own."""
        state = self.machines[0].fake.state
        if RULES_FOLDER in state.folders:
            uid = f"theirs-{len(self.story)}"
            name = self.chance.choice(["shop / availability", "theirs"])
            made = {**rule(uid, uid, labels={"managed_by": "ann"}), "folderUID": RULES_FOLDER, "ruleGroup": name}
            state.rules[uid] = {**made, "provenance": ""}
            state.intervals.setdefault((RULES_FOLDER, name), 60)
            self.theirs[f"rule {uid}"] = uid
            self.story.append(f"rule {uid} in {name}")

    def _push(self, wanted: Desired, *, prune: bool, adopt: str = "", world: World | None = None) -> None:
        fault = None if world else self.chance.choice((None, None, *FAULTS))
        world = world or self.chance.choice(self.machines)
        if fault:
            world.fake.arm(Fault(fault, at=self.chance.randrange(30), times=self.chance.choice((1, 3))))
        before, commit = self._people(), f"c{STATES.index(wanted)}"
        take_over = self.chance.random() < 0.5
        try:
            done = world.push(
                wanted,
                commit=commit,
                prune=prune,
                adopt_mine=frozenset({adopt.rpartition(" ")[2]} - {""}),
                take_over=take_over,
            )
            said: str = done.state
        except DeployError as error:
            said = f"refused: {error}"
        world.fake.arm()
        self.story.append(f"push {STATES.index(wanted)} {prune=} {fault=} {adopt=}: {said}")
        after = self._people()
        if adopt and after.get(adopt) != before.get(adopt):
            self.theirs.pop(adopt)
        assert {key for key in self.theirs if after.get(key) != self.theirs[key]} == set(), self.told()

    def _people(self) -> dict[str, str]:
        state = self.machines[0].fake.state
        return {
            **{uid: str(stored.model["title"]) for uid, stored in state.dashboards.items()},
            **{f"folder {uid}": uid for uid in state.folders},
            **{f"rule {uid}": uid for uid in state.rules},
        }

    def told(self) -> str:
        """Return what happened, to be read when it went wrong."""
        return "\n".join(self.story)


@pytest.fixture
def mimir() -> Iterator[Mimir]:
    """Give a ruler."""
    with serving("/prometheus/config/v1/rules") as server:
        yield server


@pytest.mark.parametrize("seed", range(16))
def test_no_sequence_loses_a_persons_work(make_world: MakeWorld, mimir: Mimir, seed: int) -> None:
    """Edits, copies, folders and rules of people outlive whatever a seed plays; then a last push ends as planned."""
    chance = random.Random(seed)
    first = make_world(VERSIONS[seed % len(VERSIONS)])
    first.limit_seconds = 1.0
    second = World(first.fake, first.journals / "elsewhere", limit_seconds=1.0)
    play = Play((first, second), chance, mimir)
    machines = [play.push, play.push_while_somebody_edits, play.push_until_the_server_dies, play.rollback, play.adopt]
    people = [play.edit, play.copy, play.make_folder, play.make_rule]

    for _ in range(STEPS):
        chance.choice([*machines, *machines, *people, play.tidy, play.ruler])()
    play.tidy()

    assert second.push(OLD, prune=True, take_over=True).state == "new", play.told()
    assert set(first.fake.state.dashboards) == {"shop-api", "shop-jobs"}, play.told()
    assert {entry for entry in first.fake.log if entry.status == 400} == set(), play.told()
