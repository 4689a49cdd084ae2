"""Can a pull request, whoever sends it, get hold of a token or of a branch through our workflows?"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
Model = dict[Any, Any]
TOKEN = re.compile(r"secrets\.|github\.token")


def load(file: Path) -> Model:
    """Read a workflow."""
    model: Model = yaml.safe_load(file.read_text(encoding="utf-8"))
    return model


def steps(workflow: Model) -> Iterator[tuple[Model, Model]]:
    """Yield every job and step."""
    for job in workflow["jobs"].values():
        yield from ((job, step) for step in job["steps"])


def triggers(workflow: Model) -> set[str]:
    """Return the events that start a workflow; YAML reads the key `on` as True."""
    return set(workflow[True])


@pytest.fixture(params=FILES, ids=lambda file: file.name)
def workflow(request: pytest.FixtureRequest) -> Model:
    """Return one workflow after the other."""
    return load(request.param)


def test_the_workflows_the_readme_speaks_of_exist() -> None:
    """Pull requests are checked and commented, main is deployed, drift is looked for."""
    assert {"pull-request.yml", "pull-request-comment.yml", "deploy.yml", "drift.yml"} <= {file.name for file in FILES}


def test_a_workflow_starts_without_permissions(workflow: Model) -> None:
    """Every job names what it may do; nothing is inherited."""
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for job in workflow["jobs"].values():
        assert job.get("permissions", workflow["permissions"]), "a job that names no permissions"


def test_only_the_comment_may_write(workflow: Model) -> None:
    """One job in all of them holds a write permission, and that is for comments."""
    written = {
        scope
        for job in workflow["jobs"].values()
        for scope, way in job.get("permissions", {}).items()
        if way == "write"
    }

    assert written <= {"pull-requests"}
    assert not written or triggers(workflow) == {"workflow_run"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_action_is_pinned_by_commit(file: Path) -> None:
    """A tag can be moved to other code; a commit cannot. The version stands beside it for people."""
    uses = re.findall(r"uses: *(.+)", file.read_text(encoding="utf-8"))

    assert uses
    for one in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one), one


def test_nothing_from_outside_is_pasted_into_a_script(workflow: Model) -> None:
    """A branch name is data: scripts read it from the environment, where it cannot become a command."""
    for _, step in steps(workflow):
        assert "${{" not in step.get("run", "")


def test_secrets_reach_protected_jobs_only_and_are_never_printed(workflow: Model) -> None:
    """A token is in the environment of one step of a job that an environment guards."""
    for job, step in steps(workflow):
        holds = [name for name, value in step.get("env", {}).items() if "secrets." in str(value)]
        assert not holds or job.get("environment")
        assert not any(re.search(rf"(echo|printf|cat)\b.*{name}", step.get("run", "")) for name in holds)
        assert "secrets." not in str({key: value for key, value in step.items() if key != "env"})
    assert all("secrets." not in str(job.get("env", {})) for job in workflow["jobs"].values())


def test_a_token_is_there_for_the_steps_that_use_it_alone(workflow: Model) -> None:
    """No job holds a token; the first make target of a job, which installs packages, runs without one."""
    for job in workflow["jobs"].values():
        assert not TOKEN.search(str(job.get("env", {})))
        scripts = [step for step in job["steps"] if "make " in step.get("run", "")]
        assert not scripts or not TOKEN.search(str(scripts[0].get("env", {})))
    for _, step in steps(workflow):
        if TOKEN.search(str(step.get("env", {}))):
            assert re.search(r"\bgh\b|make (-s )?(plan|push|drift)\b", step["run"]), step["name"]
            assert not re.search(r"\bpip\b|make (-s )?(tools|check|dashboards|diff)\b", step["run"]), step["name"]


def test_code_of_a_pull_request_never_runs_with_a_write_token_or_a_secret(workflow: Model) -> None:
    """Untrusted code runs on `pull_request`, without secrets; whoever may write checks out the default branch."""
    assert "pull_request_target" not in triggers(workflow)
    if "pull_request" in triggers(workflow):
        assert "secrets." not in str(workflow)
    if "workflow_run" in triggers(workflow):
        refs = [step["with"]["ref"] for _, step in steps(workflow) if "checkout" in step.get("uses", "")]
        assert refs == ["${{ github.event.repository.default_branch }}"]


def test_a_checkout_leaves_no_token_behind(workflow: Model) -> None:
    """What runs later cannot read git's credentials off the disk."""
    for _, step in steps(workflow):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_every_job_ends_and_every_step_can_be_run_by_hand(workflow: Model) -> None:
    """A hung job is stopped; what CI does is a make target anybody can call, but for GitHub's own business."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for job, step in steps(workflow):
        assert job["timeout-minutes"] <= 120
        script = step.get("run", "")
        called = re.findall(r"\bmake (?:-s )?([a-z0-9-]+)", script)
        assert not script or called or re.search(r"\bgh (api|auth)", script) or script == "bash .ci/run"
        assert set(called) <= targets
