"""Which files did an earlier commit render, and which commit is this?"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import stack as stacks
from deploy.errors import DeployError
from stack import Stack

RENDERED = "infra/observability"
ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER")


def head(folder: Path) -> str:
    """Return the commit checked out; with uncommitted changes it ends in "-dirty". Raise DeployError outside git."""
    commit = _git(folder, "rev-parse", "HEAD").strip()
    return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--untracked-files=no").strip() else commit


def resolve(folder: Path, revision: str) -> str:
    """Return the full commit of a revision; raise DeployError for one git does not know."""
    return _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()


def rendered(folder: Path, commit: str) -> dict[str, str]:
    """Return the rendered files committed in ``commit``, path to text."""
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, "--", RENDERED)
    paths = [path for path in listed.split("\0") if path.endswith((".json", ".yml"))]
    return {path: _git(folder, "show", f"{commit}:{path}") for path in paths}


def stack_of(folder: Path, commit: str, file: Path, env: str) -> Stack:
    """Return the stack settings as committed in ``commit``; raise DeployError or StackError.

    A stack file git does not keep is read as it is now.
    """
    path, root = file.absolute(), folder.absolute()
    if not path.is_relative_to(root) or not _git(folder, "ls-tree", "--name-only", commit, "--", str(path)).strip():
        return stacks.load(file, env)
    text = _git(folder, "show", f"{commit}:./{path.relative_to(root).as_posix()}")
    return stacks.loads(text, env, where=f"{file} of {commit[:12]}")


def author(environment: Mapping[str, str]) -> str:
    """Return who deploys: the CI job's actor, else the user."""
    return (
        environment.get("GITHUB_ACTOR") or environment.get("GITLAB_USER_LOGIN") or environment.get("USER") or "unknown"
    )


def _git(folder: Path, *arguments: str) -> str:
    try:
        ran = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except FileNotFoundError as error:
        raise DeployError("git is not installed; deploying needs it to know which commit this is") from error
    if ran.returncode:
        reason = ran.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise DeployError(f"git {arguments[0]} {arguments[-1]}: {reason}")
    return ran.stdout.decode("utf-8", errors="surrogateescape")
