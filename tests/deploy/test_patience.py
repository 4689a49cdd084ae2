"""Is a server that fails borne with for a while, together, and not in silence?"""

import threading
import time

import pytest
from click.testing import CliRunner

from obs.cli import grafana
from obs.cli.cli import obs
from obs.deploy.grafana.errors import DeployError, Unusable
from obs.deploy.grafana.patience import LIMIT_SECONDS, Patience
from tests.deploy.world import OLD, World
from tests.fake_grafana import Fault


def test_patience_is_half_a_minute_in_all() -> None:
    """What eight connections lose at once is lost once; what would go beyond is not waited for."""
    patience = Patience(first_seconds=0)
    began = time.monotonic() - 20

    assert LIMIT_SECONDS == 30
    assert all(patience.wait(0, since=began) for _ in range(8))
    assert 0 < patience.left_seconds <= 10
    assert not patience.wait(0, asked_seconds=60.0)


def test_all_connections_heed_what_one_was_asked(world: World) -> None:
    """A 429 with Retry-After holds every request of the run back, not the one that got it alone."""
    world.fake.retry_after = "1"
    world.fake.arm(Fault("429-retry-after"))
    client = world.client()
    first = threading.Thread(target=client.read, args=("/api/org",))
    asked = time.monotonic()
    first.start()
    while not client.progress.trouble:
        time.sleep(0.001)

    client.read("/api/health")

    assert time.monotonic() - asked >= 1
    first.join()


def test_a_server_that_stopped_answering_is_given_up_once(world: World) -> None:
    """With --keep-going the objects left are not each tried against a server that is gone."""
    world.push(OLD)
    world.limit_seconds = 0.05
    world.fake.arm(Fault("drop-before", at=1, times=10_000))
    client = world.client()
    with pytest.raises(DeployError):
        client.read("/api/org"), client.read("/api/org")
    requests = len(world.fake.log)

    with pytest.raises(Unusable, match="has stopped answering"):
        client.read("/api/health")

    assert len(world.fake.log) == requests
    assert client.afresh().patience.limit_seconds < 0.05


def test_a_verb_that_waits_says_for_what(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two seconds, and ever more rarely: how many answers came, which request is repeated, and why."""
    said = threading.Event()
    lines: list[str] = []

    def hear(line: str, *, err: bool) -> None:
        lines.append(line)
        if "trouble" in line and err:
            said.set()

    monkeypatch.setattr(grafana, "SILENT_SECONDS", 0.01)
    monkeypatch.setattr("obs.cli.grafana.click.echo", hear)
    monkeypatch.setenv("GRAFANA_URL", world.fake.url)
    monkeypatch.setenv("GRAFANA_TOKEN", world.fake.token)
    world.fake.call = lambda: said.wait(20)
    world.fake.arm(Fault("502-html", at=0, times=2), Fault("call-before", at=2, times=3))

    CliRunner().invoke(obs, ["plan", "--patience", "5"])

    assert any("answers so far; trouble: GET " in line and "502" in line for line in lines)


def test_the_patience_can_be_asked_for() -> None:
    """Every verb that talks to a server has the option, with its default in the help."""
    for verb in ("plan", "push", "drift", "rollback"):
        assert "--patience SECONDS" in CliRunner().invoke(obs, [verb, "--help"]).output
