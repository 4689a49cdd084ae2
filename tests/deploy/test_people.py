"""Does a person's work in Grafana survive a push, is it shown, and can it be overruled one object at a time?"""

import pytest

from obs.deploy.connect import connect
from obs.deploy.drift import drift
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired
from obs.deploy.push.journal import open_journal
from obs.deploy.push.report import rendered
from obs.stack import Stack
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import FOLDER, NEW, OLD, OWNER, VERSIONS, World, board, folders
from tests.fake_grafana import Fault
from tests.fake_grafana.state import Dashboard

LESS = Desired(OWNER, tuple(one for one in OLD if one.key.uid != "shop-jobs"))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_edit_made_before_the_push_survives(make_world: MakeWorld, version: tuple[int, int]) -> None:
    """The plan names who edited what, and nothing at all is written."""
    world = make_world(version)
    world.push(OLD)
    world.fake.state.edited_by("ann", "shop-api", title="API, by Ann")
    world.fake.forget()

    with pytest.raises(DeployError, match=r"edited by ann in Grafana since the last push.*--adopt-mine shop-api"):
        world.push(NEW)

    assert world.fake.written == []
    assert world.fake.state.dashboards["shop-api"].model["title"] == "API, by Ann"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_edit_made_during_the_push_survives(make_world: MakeWorld, version: tuple[int, int]) -> None:
    """Between plan and save a person saves: the push stops, undoes its own writes, and leaves theirs."""
    world = make_world(version)
    world.push(OLD)
    rules = dict(world.fake.state.rules)
    world.fake.call = lambda: world.fake.state.edited_by("ann", "shop-api", title="API, by Ann")
    world.fake.arm(Fault("call-before", at=0, writes=True))

    outcome = world.push(NEW)

    assert "changed by ann in Grafana meanwhile" in outcome.failure
    assert world.fake.state.dashboards["shop-api"].model["title"] == "API, by Ann"
    assert world.fake.state.rules.keys() == rules.keys()
    assert "shop-ux" not in world.fake.state.dashboards
    assert [entry.key.uid for entry in outcome.with_fate("left")] == ["shop-api"]


def test_adopt_mine_overrules_one_edit_and_no_other(world: World) -> None:
    """--adopt-mine is per object: the other edit still stops the push."""
    world.push(OLD)
    world.fake.state.edited_by("ann", "shop-api", title="A")
    world.fake.state.edited_by("ben", "shop-jobs", title="B")

    with pytest.raises(DeployError, match="edited by ben"):
        world.push(OLD, adopt_mine=frozenset({"shop-api"}))
    assert world.push(OLD, adopt_mine=frozenset({"shop-api", "shop-jobs"})).state == "new"

    assert world.fake.state.dashboards["shop-api"].model["title"] == "API"


def test_a_dashboard_that_was_never_ours_is_not_taken(world: World) -> None:
    """A uid that somebody else's dashboard already has is an obstacle, not an update."""
    theirs = Desired("other-team", (*folders(), board("shop-api", "Theirs")))
    world.push(theirs)
    world.fake.state.dashboards["shop-api"].model["tags"] = ["theirs"]

    with pytest.raises(DeployError, match="does not carry our tag 'managed-by:shop'"):
        world.push(OLD)


def test_keep_going_leaves_what_succeeded(world: World) -> None:
    """With --keep-going one refused object does not undo the others, and the report names it."""
    world.push(OLD)
    world.fake.call = lambda: world.fake.state.edited_by("ann", "shop-api", title="API, by Ann")
    world.fake.arm(Fault("call-before", at=0, writes=True))

    outcome = world.push(NEW, keep_going=True)

    assert outcome.state == "mixed"
    assert [entry.key.uid for entry in outcome.with_fate("failed")] == ["shop-api"]
    assert "shop-ux" in world.fake.state.dashboards
    assert not list(world.journals.glob("*.jsonl"))


def test_pruning_never_takes_a_folder_with_something_else_in_it(world: World) -> None:
    """Somebody put a dashboard of theirs into our folder: it stays, and so does the folder."""
    world.push(OLD)
    world.push(Desired("other-team", (board("theirs", "Theirs"),)))
    world.fake.state.dashboards["theirs"].model["tags"] = []

    world.push(Desired(OWNER, ()), prune=True)

    assert set(world.fake.state.dashboards) == {"theirs"}
    assert set(world.fake.state.folders) == {FOLDER}


def test_pruning_stops_at_a_board_a_person_edited(world: World) -> None:
    """Deleting is judged as changing is: the edit is named, nothing is deleted, --adopt-mine overrules it."""
    world.push(OLD)
    world.fake.state.edited_by("ann", "shop-jobs", title="Jobs, by Ann")
    world.fake.forget()

    with pytest.raises(DeployError, match=r"edited by ann in Grafana since the last push.*--adopt-mine shop-jobs"):
        world.push(LESS, prune=True)

    assert world.fake.written == []
    assert world.push(LESS, prune=True, adopt_mine=frozenset({"shop-jobs"})).state == "new"
    assert set(world.fake.state.dashboards) == {"shop-api"}


def test_pruning_leaves_a_copy_that_kept_our_tag(world: World) -> None:
    """A board saved under another name keeps its tags: no push saved it, so it stays, and the plan says so."""
    world.push(OLD)
    state = world.fake.state
    copied = {**state.dashboards["shop-api"].model, "uid": "random1", "title": "API (Ann's)", "version": 1}
    state.dashboards["random1"] = Dashboard("random1", FOLDER, [(copied, "", "ann")])

    plan = world.plan(Desired(OWNER, ()), prune=True)
    world.push(Desired(OWNER, ()), prune=True)

    assert any("API (Ann's)" in note and "copy" in note for note in plan.notes)
    assert set(state.dashboards) == {"random1"}
    assert set(state.folders) == {FOLDER}


def test_pruning_leaves_an_empty_folder_no_push_made(world: World) -> None:
    """A folder whose uid looks like one of ours, made and kept empty by somebody else, is not ours."""
    world.push(OLD)
    world.fake.state.author = "ann"
    theirs = {"id": 99, "uid": "shop--ideas", "title": "Ideas", "parentUid": "", "version": 1}
    world.fake.state.folders["shop--ideas"] = {**theirs, "createdBy": "ann", "updatedBy": "ann", "orgId": 1}

    world.push(Desired(OWNER, ()), prune=True)

    assert set(world.fake.state.folders) == {"shop--ideas"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_group_that_lost_its_provenance_has_a_way_out(make_world: MakeWorld, version: tuple[int, int]) -> None:
    """Ann may edit it, so her edit stands in the way; adopted it is written as it can be, and deleted when it goes."""
    world = make_world(version)
    world.push(OLD)
    uid = "shop--alerts/shop / availability"
    for stored in world.fake.state.rules.values():
        stored.update(provenance="", title=f"{stored['title']}, by Ann")

    with pytest.raises(DeployError, match=f"--adopt-mine '{uid}'"):
        world.push(NEW)
    assert world.push(NEW, adopt_mine=frozenset({uid})).state == "new"
    assert world.push(NEW).results == ()

    bare = Desired(OWNER, tuple(one for one in NEW if one.key.uid != uid))
    assert world.push(bare, prune=True, adopt_mine=frozenset({uid})).state == "new"
    assert "ShopLost" not in {stored["title"] for stored in world.fake.state.rules.values()}


def test_adopting_what_is_not_there_is_an_error(world: World) -> None:
    """A misspelt uid would overrule nothing and say nothing: it is named, with the nearest there is."""
    world.push(OLD)
    world.fake.forget()

    with pytest.raises(DeployError, match="shop-apo: nothing in the plan has this uid; did you mean 'shop-api'"):
        world.push(NEW, adopt_mine=frozenset({"shop-apo"}))
    assert world.fake.written == []


@pytest.mark.parametrize(("version", "refused"), [((10, 4), True), ((11, 3), False)])
def test_a_folder_of_our_title_is_found_before_anything_is_written(
    make_world: MakeWorld, version: tuple[int, int], refused: bool
) -> None:
    """Before 11.3 two folders of one title are refused by Grafana: the plan says which one it is."""
    world = make_world(version)
    world.fake.state.folders["x1"] = {"id": 9, "uid": "x1", "title": "shop", "parentUid": "", "version": 1}

    plan = world.plan(OLD)

    said = [change.obstacle.split(",")[0] for change in plan.refused]
    assert said == ["the folder 'x1' has the same title"] * refused


def test_a_push_says_which_organisation_it_is_for(world: World) -> None:
    """A token of another organisation than the main one is told; the journals of two organisations are two."""
    world.fake.state.organisation = 2

    assert "this is the organisation 'Other', number 2" in world.plan(OLD).notes
    with (
        open_journal(world.journals, world.fake.url, OWNER, 1),
        open_journal(world.journals, world.fake.url, OWNER, 2),
    ):
        assert len(list(world.journals.glob("*.lock"))) == 2


def test_the_organisation_asked_for_is_sent(stack: Stack, world: World) -> None:
    """GRAFANA_ORG_ID goes into every request; a token of another one is refused by Grafana; a word is no number."""
    environment = {"GRAFANA_TOKEN": world.fake.token, "GRAFANA_URL": world.fake.url}
    world.fake.state.organisation = 2

    assert connect(stack, {**environment, "GRAFANA_ORG_ID": "2"}).organisation().id == 2
    with pytest.raises(DeployError, match="organization mismatch"):
        connect(stack, {**environment, "GRAFANA_ORG_ID": "3"}).organisation()
    with pytest.raises(DeployError, match="takes the number of an organisation"):
        connect(stack, {**environment, "GRAFANA_ORG_ID": "main"})


def test_pruning_stops_at_a_folder_a_person_renamed(world: World) -> None:
    """Emptied by the prune or not, a folder somebody gave a name is theirs to lose."""
    world.push(OLD)
    world.fake.state.folders[FOLDER].update(title="Ann's boards", updatedBy="ann")

    with pytest.raises(DeployError, match="it was changed by ann in Grafana"):
        world.push(Desired(OWNER, ()), prune=True)


def test_pruning_leaves_a_contact_point_somebody_made(world: World) -> None:
    """A name like ours, made in the user interface, does not stand in the way of pruning, and stays."""
    world.push(NEW)
    point = {"uid": "shop--x", "name": "shop--x", "type": "webhook", "settings": {"url": "http://x"}}
    world.fake.state.contact_points["shop--x"] = {**point, "disableResolveMessage": False, "provenance": ""}

    assert world.push(OLD, prune=True).state == "new"

    assert set(world.fake.state.contact_points) == {"shop--x"}


def test_a_board_somebody_moved_is_not_moved_back(world: World) -> None:
    """A move is an edit, whether or not Grafana keeps a version for it; --adopt-mine overrules it."""
    world.push(OLD)
    world.fake.state.folders["theirs"] = {**world.fake.state.folders[FOLDER], "uid": "theirs", "title": "Data"}
    world.fake.state.dashboards["shop-api"].folder_uid = "theirs"

    with pytest.raises(DeployError, match=r"somebody moved it to 'Data'.*--adopt-mine shop-api"):
        world.push(NEW)
    world.push(NEW, adopt_mine=frozenset({"shop-api"}))

    assert world.fake.state.dashboards["shop-api"].folder_uid == FOLDER


def test_other_branches_of_the_policy_tree_are_sent_back_as_they_were(world: World) -> None:
    """Our branch is added and changed; the root and the others, their order and editability stay."""
    theirs = {"receiver": "grafana-default-email", "object_matchers": [["team", "=", "data"]], "group_wait": "45s"}
    world.fake.state.policy["routes"] = [{**theirs, "routes": []}]

    world.push(NEW)

    ours, other = world.fake.state.policy["routes"]
    assert ours["object_matchers"] == [["managed_by", "=", "shop"]]
    assert other == {**theirs, "routes": []}
    assert "provenance" not in world.fake.state.policy


def test_a_folder_a_person_renamed_keeps_its_name(world: World) -> None:
    """The plan names who renamed it; --adopt-mine renames it back."""
    world.push(OLD)
    world.fake.state.folders[FOLDER].update(title="Ann's boards", updatedBy="ann")

    with pytest.raises(DeployError, match="folder 'Shop': it was changed by ann in Grafana"):
        world.push(OLD)
    world.push(OLD, adopt_mine=frozenset({FOLDER}))

    assert world.fake.state.folders[FOLDER]["title"] == "Shop"


def test_a_board_that_a_person_turned_into_tabs_is_refused_in_one_sentence(world: World) -> None:
    """The v2 schema can't be read through the classic API: plan and drift say so, and no panel is said to be gone."""
    world.push(OLD)
    world.fake.state.edited_by("ann", "shop-api", elements={}, layout={"kind": "TabsLayout"})
    refused = (
        'dashboard "shop-api" has the v2 schema (elements and layout); the classic model with "panels" is read: export '
        "it from Grafana as Classic"
    )

    (entry,) = drift(world.client(), OLD, OLD)
    planned = rendered(world.plan(OLD), "terminal")

    assert (entry.change.action, [one.text for one in entry.change.sentences]) == (
        "unread",
        [f"not compared: {refused}"],
    )
    assert planned.count(refused) == 1
    assert "removed" not in planned
    with pytest.raises(DeployError, match="v2 schema"):
        world.push(OLD)
