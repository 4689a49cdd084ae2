"""Do `obs plan`, `push`, `drift` and `rollback` do what they say, for this repository's own dashboards and alerts?"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from obs import content, output
from obs import stack as stacks
from obs.cli.cli import obs
from obs.deploy.grafana.errors import DeployError
from obs.deploy.push import commits
from tests.deploy.conftest import ROOT, MakeWorld
from tests.deploy.world import World
from tests.fake_grafana.routes import EVERY_ACTION

Checkout = Callable[..., Path]
API = "rce-api-api"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World) -> Path:
    """Give a checkout of this repository whose Grafana is the fake; it is the current folder."""
    folder = tmp_path / "checkout"
    for part in ("alerts", "dashboards", "metrics"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text(".obs/\n", encoding="utf-8")
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")
    (folder / "stack.toml").write_text(text.replace("http://localhost:3001", world.fake.url), encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GRAFANA_TOKEN", world.fake.token)
    monkeypatch.delenv("GRAFANA_URL", raising=False)
    git("init", "-q")
    commit()
    return folder


def git(*arguments: str) -> str:
    """Run git in the current folder."""
    identity = ["-c", "user.name=ci", "-c", "user.email=ci@example.com"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def commit(**replace: str) -> str:
    """Replace texts in stack.toml, render, commit; return the commit."""
    file = Path("stack.toml")
    text = file.read_text(encoding="utf-8")
    for old, new in replace.items():
        text = text.replace(f"{old} = 0.02", f"{old} = {new}")
    file.write_text(text, encoding="utf-8")
    for path, rendered in output.build(stacks.load(file)).texts.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(rendered, encoding="utf-8")
    git("add", "-A")
    git("commit", "-q", "-m", "change")
    return commits.head(Path.cwd())


def run(*arguments: str) -> Result:
    """Run a verb; a failure that is not an exit code is the test's."""
    return CliRunner().invoke(obs, list(arguments), catch_exceptions=False)


def edit(world: World, **fields: Any) -> None:
    """Let Ann edit the panel "In flight" of the API dashboard."""
    panels = json.loads(json.dumps(world.fake.state.dashboards[API].model["panels"]))
    next(panel for panel in panels if panel["title"] == "In flight").update(fields)
    world.fake.state.edited_by("ann", API, panels=panels)


@pytest.mark.usefixtures("checkout")
def test_plan_push_plan(world: World) -> None:
    """What a plan announces is what a push does, after which a plan announces nothing; a plan writes nothing."""
    planned = run("plan", "--json")
    counted = json.loads(planned.output)["summary"]
    assert world.fake.written == []
    assert counted.endswith("0 to change, 0 to delete, 0 unchanged")

    pushed = run("push")
    again = run("push")

    assert (planned.exit_code, pushed.exit_code, again.exit_code) == (0, 0, 0)
    assert "Everything is as planned." in pushed.output
    assert again.output.endswith("Nothing to do.\n")
    assert run("plan", "--exit-code").exit_code == 0
    assert world.fake.state.annotations[0]["tags"][2] == f"sha:{commits.head(Path.cwd())}"


@pytest.mark.usefixtures("checkout")
def test_a_dry_run_writes_nothing(world: World) -> None:
    """--dry-run prints the plan and leaves Grafana alone."""
    done = run("push", "--dry-run")

    assert "to create" in done.output
    assert world.fake.written == []
    assert run("plan", "--exit-code").exit_code == 1


@pytest.mark.usefixtures("checkout")
def test_a_push_does_what_was_approved_or_nothing(world: World) -> None:
    """A saved plan is applied as it is; when code or Grafana have moved since, each difference is named."""
    assert run("plan", "--out", ".obs/approved.json").exit_code == 0
    assert "Everything is as planned." in run("push", ".obs/approved.json").output
    run("plan", "--out", ".obs/approved.json")
    world.fake.forget()

    commit(api_error_ratio="0.05")
    world.fake.state.dashboards.pop("rce-api-redis")
    moved = run("push", ".obs/approved.json")

    assert moved.exit_code == 1
    assert "not as approved: dashboard rce-api-redis" in moved.output
    assert "Nothing was written" in moved.output
    assert world.fake.written == []
    assert run("push", ".obs/approved.json", "--prune").exit_code == 2


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "can't be read: No such file"),
        ("{", "is no plan"),
        ("[]", "is no plan"),
        ('{"format": 0}', "another version"),
    ],
)
def test_what_is_no_plan_is_refused(world: World, text: str | None, reason: str) -> None:
    """Nothing is asked of Grafana for a file that `obs plan` did not write."""
    if text is not None:
        Path("approved.json").write_text(text, encoding="utf-8")

    with pytest.raises(DeployError, match=reason):
        run("push", "approved.json")

    assert world.fake.written == []


@pytest.mark.usefixtures("checkout")
def test_an_edit_in_the_way_is_exit_code_1(world: World) -> None:
    """The edit is told in words and nothing is written."""
    run("push")
    edit(world, title="Renamed by Ann")
    world.fake.forget()

    done = run("push")

    assert done.exit_code == 1
    assert "Renamed by Ann" in done.output
    assert "it was edited by ann in Grafana since the last push" in done.output
    assert world.fake.written == []


@pytest.mark.usefixtures("checkout")
def test_a_plan_needs_no_permission_to_write(world: World) -> None:
    """A token that may only read plans, with a note on what a push would lack; the push itself is refused."""
    world.fake.permissions = frozenset(action for action in EVERY_ACTION if action.endswith(":read"))

    planned = run("plan")

    assert planned.exit_code == 0
    assert "a push with this token would be refused: it lacks alert.provisioning:write" in planned.output
    with pytest.raises(DeployError, match="the token lacks"):
        run("push")
    assert world.fake.written == []


@pytest.mark.usefixtures("checkout")
def test_a_threshold_change_is_told_in_the_plan(world: World) -> None:
    """One number in stack.toml: the plan names the alert and both values."""
    run("push")
    commit(api_error_ratio="0.05")

    planned = run("plan")

    assert "ApiErrorRatioHigh" in planned.output
    assert "0 to create" in planned.output
    assert world.fake.state.rules


@pytest.mark.usefixtures("checkout")
def test_rollback_puts_back_the_deploy_before(world: World) -> None:
    """After two deploys a rollback restores the first one's thresholds, and says so in a new annotation."""
    first = commits.head(Path.cwd())
    run("push")
    before = world.snapshot()
    commit(api_error_ratio="0.05")
    run("push")
    assert world.snapshot() != before

    done = run("rollback")

    assert done.exit_code == 0, done.output
    assert world.snapshot() == before
    assert world.fake.state.annotations[-1]["tags"][2] == f"sha:{first}"


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("change", ["uncommitted", "unbuilt", "untracked"])
def test_what_no_commit_has_is_not_deployed_under_a_commits_name(world: World, change: str) -> None:
    """Edited, committed without its build, or new to git: it gets a name with a hash of its own, and says so."""
    stack_file, new = Path("stack.toml"), Path("dashboards/extra.py")
    if change == "untracked":
        text = Path("dashboards/stack.py").read_text(encoding="utf-8")
        new.write_text(text.replace('slug="stack"', 'slug="extra"'), encoding="utf-8")
        content.load.cache_clear()  # as a process of its own would find it
    else:
        text = stack_file.read_text(encoding="utf-8")
        stack_file.write_text(text.replace("api_error_ratio = 0.02", "api_error_ratio = 0.05"), encoding="utf-8")
    if change == "unbuilt":
        git("commit", "-q", "-a", "-m", "thresholds alone")

    done = run("push")

    (tag,) = (tag for tag in world.fake.state.annotations[-1]["tags"] if tag.startswith("sha:"))
    assert re.fullmatch(rf"sha:{commits.head(Path.cwd())}-dirty-[0-9a-f]{{12}}", tag)
    assert "no commit has what is pushed" in done.output
    with pytest.raises(DeployError, match="deployed from files no commit has"):
        run("drift")
    assert run("push").output.endswith("Nothing to do.\n")


@pytest.mark.usefixtures("checkout")
def test_rollback_of_an_overlay_is_rendered_by_the_commits_own_code(world: World) -> None:
    """Committed files know no overlay: `--env staging` is rendered again, and comes back as it was deployed."""
    run("--env", "staging", "push")
    before = world.snapshot()
    commit(api_error_ratio="0.05")
    run("--env", "staging", "push")
    assert world.snapshot() != before

    done = run("--env", "staging", "rollback")

    assert done.exit_code == 0, done.output
    assert world.snapshot() == before
    assert run("--env", "staging", "drift").exit_code == 0


@pytest.mark.usefixtures("checkout")
def test_rollback_to_a_commit_git_does_not_know(world: World) -> None:
    """A wrong revision is git's sentence; nothing is sent but reads."""
    with pytest.raises(DeployError, match="git rev-parse"):
        run("rollback", "--to", "v99")
    with pytest.raises(DeployError, match="no earlier deploy of 'rce-api'"):
        run("rollback")

    assert world.fake.written == []


@pytest.mark.usefixtures("checkout")
def test_drift_tells_an_edit_and_nothing_else(world: World) -> None:
    """Deployed, code and live agree: no drift. A change in the code alone: no drift. A person's edit: told, exit 1."""
    run("push")
    quiet = run("drift")
    commit(api_error_ratio="0.05")
    ahead = run("drift")
    edit(world, description="Ann knows better.")
    drifted = run("drift", "--format", "markdown")

    assert (quiet.exit_code, ahead.exit_code, drifted.exit_code) == (0, 0, 1)
    assert quiet.output == ahead.output == "No drift.\n"
    assert "Ann knows better." in drifted.output
    assert world.fake.state.dashboards[API].model["panels"]


def test_drift_is_offered_back_as_python(world: World, checkout: Path) -> None:
    """An edited description becomes a patch of the module; applied, the code says what Ann said."""
    run("push")
    edit(world, description="Ann knows better.")

    run("drift", "--patch", "edits.patch")

    subprocess.run(["git", "apply", "--check", "edits.patch"], check=True)
    assert "Ann knows better." in (checkout / "edits.patch").read_text(encoding="utf-8")


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("change", ["tag", "folder"])
def test_drift_does_not_say_that_the_code_has_what_a_push_adds(world: World, change: str) -> None:
    """A removed mark and a moved board are in no module: the next push would put them back, and drift says that."""
    run("push")
    stored = world.fake.state.dashboards[API]
    if change == "tag":
        world.fake.state.edited_by("ann", API, tags=["mine"])
    else:
        world.fake.state.folders["theirs"] = {**world.fake.state.folders["rce-api--alerts"], "uid": "theirs"}
        stored.folder_uid = "theirs"

    done = run("drift")

    assert done.exit_code == 1
    assert "the code already says so" not in done.output
    assert f"a push sets it, and puts it back with --adopt-mine {API}" in done.output


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("verb", ["plan", "push"])
def test_a_deleted_board_comes_back_with_a_word(world: World, verb: str) -> None:
    """What was deployed and is gone was deleted by somebody: plan and push say so; a board that is new is just new."""
    run("push")
    del world.fake.state.dashboards[API]

    done = run(verb)

    assert "dashboard 'rce-api / API' was deployed with" in done.output
    assert done.output.count("somebody deleted it since") == 1


@pytest.mark.usefixtures("checkout")
def test_drift_sees_what_somebody_deleted(world: World) -> None:
    """A dashboard deleted in Grafana is drift too."""
    run("push")
    del world.fake.state.dashboards[API]

    done = run("drift")

    assert done.exit_code == 1
    assert "rce-api / API" in done.output


@pytest.mark.usefixtures("checkout")
def test_grafana_pages_only_with_its_secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """grafana.pages = true without secrets names them; with them rules are live and routed by our own branch."""
    file = Path("stack.toml")
    file.write_text(file.read_text(encoding="utf-8").replace("pages = false", "pages = true "), encoding="utf-8")
    with pytest.raises(DeployError, match="PAGERDUTY_ROUTING_KEY and WEBHOOK_URL and DEADMAN_URL"):
        run("plan")
    for name in ("PAGERDUTY_ROUTING_KEY", "WEBHOOK_URL", "DEADMAN_URL"):
        monkeypatch.setenv(name, f"https://example.com/{name}")

    assert run("push").exit_code == 0
    assert run("push").output.endswith("Nothing to do.\n")

    assert not any(rule["isPaused"] for rule in world.fake.state.rules.values())
    (branch,) = world.fake.state.policy["routes"]
    assert [route["receiver"] for route in branch["routes"]] == ["rce-api--page", "rce-api--ticket", "rce-api--none"]


def test_a_missing_token_is_said_before_anything_is_sent(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, make_world: MakeWorld
) -> None:
    """No token: one sentence that says where it comes from."""
    del checkout, make_world
    monkeypatch.delenv("GRAFANA_TOKEN")

    with pytest.raises(DeployError, match="GRAFANA_TOKEN_FILE"):
        run("plan")
