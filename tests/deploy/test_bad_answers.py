"""Does every mistake and every odd server get one clear sentence, with nothing written?"""

import datetime as dt
import email.utils
import re
import socket
import time

import pytest

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.patience import Patience
from obs.deploy.grafana.state import Desired, Kind, item
from obs.deploy.plan.plan import make_plan
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import FOLDER, NEW, OLD, OWNER, World, board, folders, group, rule
from tests.fake_grafana import FakeGrafana, Fault
from tests.fake_grafana.faults import How
from tests.fake_grafana.routes import EVERY_ACTION


def plan_at(url: str, token: str = "") -> DeployError:
    """Plan against an address that must not work; return the error."""
    with pytest.raises(DeployError) as caught:
        make_plan(Client(url, token, patience=Patience(0.2, 0.01), timeout_seconds=(0.5, 0.5)), OLD)
    return caught.value


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("grafana.example.com", "takes an http:// or https:// address"),
        ("ftp://grafana.example.com", "takes an http:// or https:// address"),
        ("http://admin:hunter2@127.0.0.1:1", "put a token into GRAFANA_TOKEN"),
        ("http://127.0.0.1:1", "Connection refused"),
    ],
)
def test_a_wrong_address_is_named(url: str, says: str) -> None:
    """An address that cannot be Grafana's is said to be, without the password somebody put into it."""
    error = plan_at(url)

    assert says in str(error)
    assert "hunter2" not in str(error)


def test_a_wrong_token_is_said_to_be_the_token(world: World) -> None:
    """An invalid token is refused by Grafana once, not retried, and not repeated to the reader."""
    error = plan_at(world.fake.url, "glsa_expired")

    assert "Invalid API key" in str(error)
    assert "glsa_expired" not in str(error)
    assert len([entry for entry in world.fake.log if entry.status == 401]) == 1


def test_a_missing_permission_is_named_before_anything_is_written(make_world: MakeWorld) -> None:
    """A token that may read all and write no rules writes nothing at all, and the sentence names the permission."""
    world = make_world(permissions=EVERY_ACTION - {"alert.provisioning:write"})

    with pytest.raises(DeployError, match=r"the token lacks alert\.provisioning:write"):
        world.push(OLD)

    assert world.fake.written == []


def test_a_permission_grafana_names_is_repeated(make_world: MakeWorld) -> None:
    """A refusal to read says which permission is missing, in Grafana's own words."""
    world = make_world(permissions=EVERY_ACTION - {"folders:read"})

    with pytest.raises(DeployError, match="Permissions needed: folders:read"):
        world.plan(OLD)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("html", "is a proxy or a login page in the way?"),
        ("redirect", r"redirected to https://login\.example\.com/; set grafana\.url"),
    ],
)
def test_what_stands_before_grafana_is_recognised(world: World, how: How, says: str) -> None:
    """A login page and a redirect are not followed, not parsed, and said to be what they are."""
    world.fake.arm(Fault(how, times=1000))

    with pytest.raises(DeployError, match=says):
        world.plan(OLD)


def test_another_programs_json_is_not_taken_for_grafana(world: World) -> None:
    """A server that answers JSON of another shape gets a sentence, not a traceback."""
    world.fake.state.rules = {"x": {"unexpected": True}}

    with pytest.raises(DeployError, match="is it Grafana"):
        world.plan(OLD)


def test_tls_that_fails_is_said_to_be_tls(world: World) -> None:
    """An https address of a server that speaks plain HTTP: one sentence, with what to do about an own authority."""
    error = plan_at(world.fake.url.replace("http://", "https://"))

    assert re.search("TLS failed: .*(wrong version number|record layer failure)", str(error))
    assert "REQUESTS_CA_BUNDLE" in str(error)


def test_a_server_that_never_answers_ends_within_the_limit() -> None:
    """A port that accepts and stays silent ends in a sentence when the patience does."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "no answer" in str(plan_at(f"http://127.0.0.1:{silent.getsockname()[1]}"))


def test_a_slow_write_is_asked_about_not_repeated(world: World) -> None:
    """A save slower than the client waits is found done when it is read back."""
    world.push(OLD)
    world.timeout_seconds = (1.0, 0.5)
    world.fake.arm(Fault("slow", at=1, writes=True))

    assert world.push(Desired(OWNER, (*folders(), board("shop-api", "API", threshold=7)))).state == "new"

    assert len(world.fake.state.dashboards["shop-api"].history) == 2


def test_grafana_may_live_below_a_path(make_world: MakeWorld) -> None:
    """Every request stays below the sub-path."""
    world = make_world(sub_path="/tools/grafana")

    assert world.push(NEW).state == "new"
    assert all(entry.path.startswith("/tools/grafana/api/") for entry in world.fake.log)


def test_names_with_slashes_and_unicode_arrive_whole(world: World) -> None:
    """A rule group named with slashes, spaces and umlauts is one path segment, and unchanged the second time."""
    wanted = Desired(OWNER, (*folders(), group("Größe / 100 % #?ß", rule("shop-down", "Störung / Ausfall"))))

    assert world.push(wanted).state == "new"
    assert world.push(wanted).results == ()
    assert world.fake.state.rules["shop-down"]["ruleGroup"] == "Größe / 100 % #?ß"


def test_a_storm_of_500_ends_in_the_old_state_and_says_so(world: World) -> None:
    """A server that answers every write with 500 for longer than the patience leaves what was there."""
    world.push(OLD)
    before = world.snapshot()
    world.limit_seconds = 0.3
    world.fake.arm(Fault("500-before", at=1, times=400, writes=True))

    outcome = world.push(NEW)

    world.fake.arm()
    assert "internal" in outcome.failure
    world.fake.state.folders.pop("shop--deploying", None)
    assert world.snapshot() == before


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured_as_seconds_and_as_a_date(world: World, as_date: bool) -> None:
    """A server that asks for time gets it: the next request comes no sooner."""
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)  # a date has no fractions: at least one second from now
    world.fake.retry_after = email.utils.format_datetime(soon, usegmt=True) if as_date else "1"
    world.fake.arm(Fault("429-retry-after", at=1))
    started = time.monotonic()

    world.plan(OLD)

    assert time.monotonic() - started >= 0.9


def test_a_server_that_asks_for_an_hour_is_not_waited_for(world: World) -> None:
    """Longer than the patience: the sentence comes at once."""
    world.fake.retry_after = "3600"
    world.fake.arm(Fault("429-retry-after", at=1, times=1000))

    with pytest.raises(DeployError, match="429 rate limit"):
        world.plan(OLD)

    assert len(world.fake.log) < 10


def test_sqlite_trouble_ends_parallel_writes(world: World) -> None:
    """After "database is locked" the push goes on, one write at a time, and gets through."""
    world.fake.arm(Fault("locked", at=3, times=2, writes=True))

    assert world.push(NEW).state == "new"


def test_a_folder_deleted_meanwhile_fails_the_push_and_not_the_next(world: World) -> None:
    """Somebody deletes the folder between plan and write: the save is refused, and the next push makes the folder."""
    world.push(OLD)

    def delete() -> None:
        for uid in [uid for uid, one in world.fake.state.dashboards.items() if one.folder_uid == FOLDER]:
            del world.fake.state.dashboards[uid]
        world.fake.state.folders.pop(FOLDER, None)

    world.fake.call = delete
    world.fake.arm(Fault("call-before", at=1, writes=True))
    outcome = world.push(Desired(OWNER, (*folders(), board("shop-new", "New"))))
    world.fake.arm()

    assert "folder not found" in outcome.failure
    assert world.push(OLD).state == "new"


def test_a_title_clash_is_found_in_the_plan(make_world: MakeWorld) -> None:
    """Before 11.3 two dashboards of a folder may not share a title; that is said before anything is written."""
    world = make_world((10, 4))
    world.push(OLD)
    world.fake.forget()

    with pytest.raises(DeployError, match="'shop-api' in its folder has the same title"):
        world.push(Desired(OWNER, (*folders(), board("shop-api-2", "API"))))

    assert world.fake.written == []


def test_a_uid_of_41_characters_is_refused_when_the_item_is_made() -> None:
    """The sentence says how long a uid may be."""
    with pytest.raises(DeployError, match="41 characters; Grafana takes 1 to 40"):
        board("x" * 41, "Long")


def test_two_objects_of_one_uid_are_refused() -> None:
    """The second would replace the first without a word."""
    with pytest.raises(DeployError, match="dashboard shop-api is there twice"):
        Desired(OWNER, (board("shop-api", "API"), board("shop-api", "API again")))


def test_nan_in_a_model_is_refused_by_its_path() -> None:
    """NaN is not JSON and would be stored as null: the field is named instead."""
    model = {"uid": "nan", "title": "NaN", "panels": [{"fieldConfig": {"defaults": {"max": float("nan")}}}]}

    with pytest.raises(DeployError, match=r"panels\[0\]\.fieldConfig\.defaults\.max is not a number"):
        item(Kind.DASHBOARD, model)


def large(megabytes: int) -> Desired:
    """Return a dashboard of about so many megabytes."""
    model = {"uid": "large", "title": "Large", "tags": [f"managed-by:{OWNER}"]}
    panels = [{"id": number, "type": "text", "description": "x" * 1_000_000} for number in range(megabytes)]
    return Desired(OWNER, (*folders(), item(Kind.DASHBOARD, {**model, "panels": panels}, folder_uid=FOLDER)))


def test_a_dashboard_of_5_megabytes_is_pushed(world: World) -> None:
    """Grafana has no limit there, so neither have we; the second push finds it unchanged."""
    assert world.push(large(5)).state == "new"
    assert world.push(large(5)).results == ()


def test_a_proxys_limit_on_bodies_is_reported_and_undone(make_world: MakeWorld) -> None:
    """413 is no reason to retry; the folders of the same push are gone again."""
    world = make_world(body_limit_bytes=1_000_000)

    outcome = world.push(large(2))

    assert "413" in outcome.failure
    assert world.fake.state.folders == {}


def test_a_provisioned_dashboard_with_our_uid_is_found_in_the_plan(world: World) -> None:
    """What a file provisions cannot be saved: the plan names the file, and nothing is written."""
    world.push(OLD)
    world.fake.state.dashboards["shop-api"].provisioned = "api.json"
    world.fake.forget()

    with pytest.raises(DeployError, match=r"provisions it from the file api\.json"):
        world.push(NEW)

    assert world.fake.written == []


def test_another_tools_rule_in_our_group_is_never_deleted(world: World) -> None:
    """A group PUT would delete it: the push is refused with the rule's name."""
    world.push(OLD)
    foreign = {**world.fake.state.rules["shop-down"], "uid": "theirs", "title": "Theirs", "labels": {}}
    world.fake.state.rules["theirs"] = foreign

    with pytest.raises(DeployError, match="'Theirs', which is not ours"):
        world.push(NEW)

    assert "theirs" in world.fake.state.rules


def test_a_rule_with_foreign_provenance_is_found_in_the_plan(world: World) -> None:
    """A rule made editable in the user interface would be refused for ever: the plan says so first."""
    world.push(OLD)
    world.fake.state.rules["shop-down"]["provenance"] = ""

    with pytest.raises(DeployError, match="lost its provenance, so that people can edit it"):
        world.push(NEW)


def test_an_unknown_data_source_is_found_in_the_plan(world: World) -> None:
    """Grafana saves a dashboard with a data source it does not have; the plan refuses it and lists those there are."""
    del world.fake.state.datasources["prometheus"]

    with pytest.raises(DeployError, match="the data source prometheus, which Grafana does not have; it has: alert"):
        world.push(OLD)


def test_a_grafana_too_old_is_refused() -> None:
    """The oldest supported version is named."""
    with FakeGrafana((9, 5)) as fake:
        assert "older than 10.4" in str(plan_at(fake.url, fake.token))


def test_a_stale_search_index_does_not_hide_a_dashboard(world: World) -> None:
    """The index trails writes: what it does not show yet is asked for by uid, and so found unchanged."""
    world.push(OLD)
    world.fake.state.searchable = set()

    assert world.push(OLD).results == ()
