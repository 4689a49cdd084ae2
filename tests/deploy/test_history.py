"""Drift, rollback and diff across the move of the tool behind its wall, on this repository's own commits."""

import shutil
from pathlib import Path

import pytest

from obs.deploy.push import commits
from tests.deploy.conftest import ROOT
from tests.deploy.test_verbs import edit, git, run
from tests.deploy.world import World


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> str:
    """Return the last commit of the old layout, in a clone of this repository that is the current folder."""
    monkeypatch.chdir(ROOT)
    if not shutil.which("git") or not Path(".git").exists():
        pytest.skip("this is no clone of the repository, so there is no history")
    moved = git("log", "-1", "--diff-filter=D", "--format=%H", "--", "output/built.py")
    if not moved:
        pytest.skip("this clone does not reach back to the old layout: git fetch --unshallow")
    git("clone", "-q", "--shared", str(ROOT), str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.setenv("GRAFANA_URL", world.fake.url)
    monkeypatch.setenv("GRAFANA_TOKEN", world.fake.token)
    return git("rev-parse", f"{moved}^")


def test_what_the_old_layout_deployed_is_compared_and_put_back(world: World, old: str) -> None:
    """A deploy of before the move has no drift but people's, yields to today's code, and comes back as it was."""
    assert run("rollback", "--to", old).exit_code == 0
    before = world.snapshot()
    assert world.fake.state.annotations[-1]["tags"][2] == f"sha:{old}"
    quiet = run("drift")
    edit(world, description="Ann was here.")
    told = run("drift")
    pushed = run("push", "--adopt-mine", "rce-api-api")
    assert world.snapshot() != before

    back = run("rollback")

    assert quiet.exit_code == 0
    assert quiet.output.endswith("No drift.\n")
    assert told.exit_code == 1
    assert "In flight" in told.output
    assert pushed.exit_code == back.exit_code == 0, pushed.output + back.output
    assert world.snapshot() == before


def test_an_overlay_of_the_old_layout_is_rendered_by_its_own_code(old: str) -> None:
    """No commit keeps the files of staging: the packages at the root of that commit make them."""
    stack, texts = commits.state_at(Path.cwd(), old, Path("stack.toml"), "staging")

    assert stack.service.environment == "staging"
    assert "environment: staging" in texts["infra/observability/prometheus/prometheus.yml"]


def test_the_old_layout_is_compared_with_the_new_in_words(old: str) -> None:
    """Dashboards and rules lie where they lay; what moved is the code alone."""
    told = run("diff", f"{old}..HEAD")

    assert told.exit_code == 0
    assert "dashboard" in told.output
    assert run("diff", f"{old}..{old}").output.endswith(" unchanged\n")
