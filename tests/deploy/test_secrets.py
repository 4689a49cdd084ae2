"""Does a secret ever leave by another door than the request that needs it?"""

import logging
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from obs.cli.cli import obs
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired, Kind, item
from obs.deploy.plan import notifications
from obs.deploy.plan.plan import make_plan
from obs.deploy.push.report import rendered
from tests.deploy.conftest import MakeWorld
from tests.deploy.world import NEW, OLD, OWNER, SECRET, World
from tests.fake_grafana import Fault
from tests.fake_grafana.faults import How

TOKEN = "glsa_5d8f0c9e7b6a4f3d2c1b0a99"
EVERY_WAY: tuple[How, ...] = ("drop-after", "500-after", "forbidden", "html", "redirect", "429")


@pytest.mark.parametrize("how", EVERY_WAY)
def test_no_secret_is_in_output_logs_or_journal(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], how: How
) -> None:
    """With logging at its loudest and every request failing in turn, neither token nor routing key is anywhere."""
    caplog.set_level(logging.DEBUG)
    world = make_world(token=TOKEN)
    said = [rendered(world.plan(NEW), form) for form in ("terminal", "markdown", "json")]
    for at in range(0, 30, 3):
        world.fake.arm(Fault(how, at=at, times=3))
        try:
            said.append(repr(world.push(NEW)))
        except DeployError as error:
            said.append(repr(error))
    journals = [path.read_text(encoding="utf-8") for path in world.journals.iterdir()]

    printed = capfd.readouterr()
    everything = "\n".join([*said, *journals, caplog.text, printed.out, printed.err])

    assert "shop--page" in everything
    assert not re.search(f"{SECRET}|{TOKEN}", everything)


def test_a_server_that_repeats_the_secret_is_redacted(world: World) -> None:
    """Grafana's own error text may quote what it was sent; what is printed does not."""
    client = world.client()

    assert client.redact(f"invalid integrationKey {SECRET} for {world.fake.token}") == (
        "invalid integrationKey [REDACTED] for [REDACTED]"
    )


def test_a_rotated_secret_is_sent_when_asked(world: World) -> None:
    """Grafana never gives a secret back, so the same plan sees no change; --resend-secrets sends it all the same."""
    world.push(NEW)
    world.fake.state.secrets["shop--page"] = {"integrationKey": "old"}
    assert world.push(NEW).results == ()

    plan = make_plan(world.client(), NEW, resend_secrets=True)

    assert [(change.key.uid, change.action) for change in plan.writes] == [("shop--page", "update")]
    assert world.push(NEW, resend_secrets=True).state == "new"
    assert world.fake.state.secrets["shop--page"] == {"integrationKey": SECRET}


@pytest.mark.parametrize("place", ["url", "headers", "hmacConfig"])
def test_what_a_webhook_sends_elsewhere_is_seen_and_not_shown(world: World, place: str) -> None:
    """An address that was made another is planned and told; neither the old value nor the new one is printed."""
    old, new = "https://hooks.example/elsewhere-0c1", "https://hooks.example/ours-9b8"
    point = {"uid": "shop--hook", "name": "shop--hook", "type": "webhook", "settings": {"url": new}}
    wanted = Desired(OWNER, (item(Kind.CONTACT_POINT, point),))
    world.push(wanted)
    values = {"url": old, "headers": {"X-To": old}, "hmacConfig": {"header": old, "secret": "[REDACTED]"}}
    world.fake.state.contact_points["shop--hook"]["settings"][place] = values[place]

    plan = world.plan(wanted)
    said = "".join(rendered(plan, form) for form in ("terminal", "markdown", "json"))

    assert [change.action for change in plan.changes] == ["update"]
    assert f"settings.{place}" in said
    assert "0c1" not in said
    assert "9b8" not in said


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """The variable wins over the file; a file that cannot be read is named, without its content."""
    file = tmp_path / "token"
    file.write_text("from file\n", encoding="utf-8")

    assert notifications.secret({"X_FILE": str(file)}, "X") == "from file"
    assert notifications.secret({"X": "direct", "X_FILE": str(file)}, "X") == "direct"
    assert notifications.secret({}, "X") == ""
    with pytest.raises(DeployError, match="X_FILE = '/nowhere': cannot be read: No such file"):
        notifications.secret({"X_FILE": "/nowhere"}, "X")


def test_the_token_is_no_argument() -> None:
    """No option of any verb takes a token: it would be in the process list and the shell's history."""
    for verb in ("plan", "push", "drift", "rollback"):
        text = CliRunner().invoke(obs, [verb, "--help"]).output
        assert "GRAFANA_TOKEN" in text or verb in {"drift", "rollback"}
        assert not re.search(r"--token|--password", text)


def test_a_deleted_secret_that_cannot_be_put_back_is_reported(world: World) -> None:
    """A pruned contact point cannot come back from a copy without its secret: the report names it, and what used it."""
    world.push(NEW, commit="c0")
    world.fake.arm(Fault("forbidden", at=7, writes=True))  # the mute timing, deleted after the contact point

    outcome = world.push(OLD, prune=True)

    assert {entry.key.uid for entry in outcome.with_fate("left")} == {"shop--page", "shop"}
    assert any("Grafana never gives a secret back" in entry.why for entry in outcome.results)
