"""Does a push write what differs, all of it, and nothing else?"""

import functools

import pytest

from obs.deploy.grafana.state import Desired, Kind, item
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, OWNER, VERSIONS, World, board, folders
from tests.fake_grafana import Fault


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


def test_a_server_that_converts_what_it_shows_is_no_permanent_difference(world: World) -> None:
    """Options nobody sent appear on reading: the push is verified by what was sent, and the second writes nothing."""
    world.fake.state.converts = True
    assert world.push(OLD, commit="c0").state == "new"

    assert world.push(OLD).results == ()
    assert world.push(NEW).state == "new"
    assert world.push(NEW).results == ()


def test_an_undo_recognises_what_a_converting_server_shows(world: World) -> None:
    """A save of ours, shown with options nobody sent, is still ours to put back; the old state is there again."""
    world.fake.state.converts = True
    world.push(OLD, commit="c0")
    before = world.snapshot()
    world.fake.arm(Fault("forbidden", at=8, writes=True))

    outcome = world.push(NEW)

    assert outcome.state == "old", outcome
    assert world.snapshot() == before


def test_removing_a_field_is_a_change_even_where_the_server_shows_more(world: World) -> None:
    """What the server adds is forgiven, what the code no longer says is not."""
    world.fake.state.converts = True
    described = board("shop-api", "API")
    document = described.document
    document["description"] = "Old words."
    world.push(Desired(OWNER, (*folders(), item(Kind.DASHBOARD, document, folder_uid=described.folder_uid))))

    world.push(Desired(OWNER, (*folders(), described)))

    assert "description" not in world.fake.state.dashboards["shop-api"].model


def test_a_server_that_keeps_no_messages_still_takes_changes(world: World) -> None:
    """Then a dashboard with one author is ours to change, and one with two is not."""
    world.push(OLD, commit="c0")
    for stored in world.fake.state.dashboards.values():
        stored.history = [(model, "", author) for model, _, author in stored.history]

    assert world.push(NEW).state == "new"


def test_a_folder_somebody_moved_is_found_where_it_is(world: World) -> None:
    """Our folder below somebody else's is read by uid, and what people did to it is an obstacle, not a new folder."""
    world.push(OLD)
    world.fake.state.folders["theirs"] = {**world.fake.state.folders["shop--alerts"], "uid": "theirs"}
    world.fake.state.folders["shop--alerts"].update(parentUid="theirs", updatedBy="ann")

    (change,) = world.plan(OLD).refused

    assert (change.key.uid, change.action) == ("shop--alerts", "update")


def test_a_first_push_asks_for_nothing_it_can_know(world: World) -> None:
    """One save per dashboard, one list that verifies them, and requests that do not grow with their number."""
    boards = [board(f"shop-{number}", f"Board {number}") for number in range(60)]

    world.push(Desired(OWNER, (*folders(), *boards)))

    reads = [entry for entry in world.fake.log if "/dashboards/uid/" in entry.path]
    saves = [entry for entry in world.fake.log if entry.path == "/api/dashboards/db"]
    assert (len(reads), len(saves)) == (0, 60)
    assert len(world.fake.log) - len(reads) - len(saves) < 25


@pytest.mark.parametrize(("version", "requests"), [((12, 0), 20), ((13, 0), 20), ((11, 2), 320)])
def test_a_second_push_lists_where_the_version_can(
    make_world: MakeWorld, version: tuple[int, int], requests: int
) -> None:
    """Of 300 boards two differ: a list finds the others unchanged, and the two are read, saved and verified."""
    world = make_world(version)
    boards = [board(f"shop-{number}", f"Board {number}") for number in range(300)]
    world.push(Desired(OWNER, (*folders(), *boards)))
    boards[7:9] = [board(f"shop-{number}", f"Board {number}", threshold=4) for number in (7, 8)]
    world.fake.forget()

    outcome = world.push(Desired(OWNER, (*folders(), *boards)))

    assert sorted(entry.key.uid for entry in outcome.results) == ["shop-7", "shop-8"]
    assert len(world.fake.log) - 4 * 2 <= requests


def test_a_board_that_reads_back_differently_fails_the_push_whichever_way_it_is_read(world: World) -> None:
    """Somebody saves one of many boards right after its save was accepted: the list finds it, and all is put back."""
    boards = [board(f"shop-{number}", f"Board {number}") for number in range(20)]
    edit = functools.partial(world.fake.state.edited_by, "ann", "shop-3", title="By Ann")
    world.fake.on_path["/apis/dashboard.grafana.app"] = edit

    outcome = world.push(Desired(OWNER, (*folders(), *boards)))

    assert "shop-3: the write was accepted, and then title read back differently" in outcome.failure
    assert set(world.fake.state.dashboards) == {"shop-3"}


def test_a_list_is_not_asked_for_when_most_of_it_is_other_peoples(world: World) -> None:
    """Five boards of ours among a hundred: each is read by itself."""
    world.push(Desired("cart", tuple(board(f"cart-{number}", f"Cart {number}", folder="") for number in range(100))))
    ours = Desired(OWNER, (*folders(), *(board(f"shop-{number}", f"Board {number}") for number in range(5))))
    world.push(ours)
    world.fake.forget()

    assert world.push(ours).results == ()

    assert not [entry for entry in world.fake.log if entry.path.startswith("/apis")]


def test_a_list_that_is_refused_is_done_without(world: World) -> None:
    """A name space that is called otherwise, as in Grafana Cloud, is no failure: each board is read by itself."""
    ours = Desired(OWNER, (*folders(), *(board(f"shop-{number}", f"Board {number}") for number in range(5))))
    world.fake.state.name_space = "stacks-7"

    assert world.push(ours).state == "new"
    world.fake.forget()
    assert world.push(ours).results == ()

    assert [entry.status for entry in world.fake.log if entry.path.startswith("/apis/dashboard.grafana.app/")] == [403]


def test_alertmanager_objects_come_before_what_they_route(world: World) -> None:
    """Folders, then whatever notifies, one at a time, then dashboards and rules: no alert ever fires unrouted."""
    world.push(NEW)

    written = [entry.path for entry in world.fake.written]
    policy = next(at for at, path in enumerate(written) if path.endswith("/policies"))
    rules = [at for at, path in enumerate(written) if "rule-groups" in path]
    points = [at for at, path in enumerate(written) if "contact-points" in path]
    assert max(points) < policy < min(rules)


def test_folders_are_made_by_depth_and_pruned_from_it(world: World) -> None:
    """A child listed before its parent is made after it, and goes before it."""
    child = item(Kind.FOLDER, {"uid": "shop--child", "title": "Child", "parentUid": "shop--parent"})
    parent = item(Kind.FOLDER, {"uid": "shop--parent", "title": "Parent"})

    assert world.push(Desired(OWNER, (child, parent))).state == "new"
    assert world.push(Desired(OWNER, (child, parent))).results == ()
    world.push(Desired(OWNER, ()), prune=True)
    assert world.fake.state.folders == {}


def test_counts_that_trail_do_not_keep_an_empty_folder(world: World) -> None:
    """The index behind folder counts may show what was just deleted: the folder goes once it shows it no more."""
    world.push(OLD)
    gone = Desired(OWNER, ())
    plan = world.plan(gone, prune=True)
    assert len(plan.writes) == 5
    world.fake.state.stale_counts = 0
    world.fake.call = lambda: setattr(world.fake.state, "stale_counts", 1)
    world.fake.arm(Fault("call-before", at=3, writes=True))  # the last of the dashboards and groups

    assert world.push(gone, prune=True).state == "new"
    assert world.fake.state.folders == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_group_that_refuses_our_uids_gets_its_rules_one_by_one(
    make_world: MakeWorld, version: tuple[int, int]
) -> None:
    """Which releases answer 500 to new uids in a group is uncertain: the push works either way, on all of them."""
    world = make_world(version)
    world.fake.state.new_uids_in_groups = False

    assert world.push(NEW).state == "new"
    assert world.push(NEW).results == ()
