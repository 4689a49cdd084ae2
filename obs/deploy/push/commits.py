"""Which files did an earlier commit render, and which commit is this?"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import orjson

from obs import stack as stacks
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired
from obs.deploy.plan.desired import desired
from obs.output.built import FOLDER
from obs.stack import Stack

BUILD = """
import importlib, json, pathlib, sys
# Commits from before the tool had a folder of its own hold it in the folders `output` and `stack`.
of = "" if pathlib.Path("output", "built.py").exists() else "obs."
output, stack = (importlib.import_module(of + name) for name in ("output", "stack"))
built = output.build(stack.load(pathlib.Path(sys.argv[1]), sys.argv[2]))
json.dump(built.texts, sys.stdout)
"""
DIRTY = "-dirty"


def head(folder: Path) -> str:
    """Return the commit checked out; raise DeployError outside git."""
    return _git(folder, "rev-parse", "HEAD").strip()


def name(folder: Path, file: Path, env: str, wanted: Desired, environment: Mapping[str, str]) -> str:
    """Return what to call a deployment: the commit checked out if `state_at` gives back just that, else one of its own.

    The other name is "COMMIT-dirty-HASH"; the hash is of what is deployed. Raise DeployError outside git.
    """
    commit = head(folder)
    if env or not _kept(folder, commit, file.absolute()):
        given_back = not _git(folder, "status", "--porcelain").strip()
    else:
        try:
            given_back = _meaning(desired(*state_at(folder, commit, file, env), environment)) == _meaning(wanted)
        except (DeployError, stacks.StackError):
            given_back = False
    return commit if given_back else f"{commit}{DIRTY}-{hashlib.sha256(_meaning(wanted)).hexdigest()[:12]}"


def _meaning(wanted: Desired) -> bytes:
    return b"\n".join(sorted(str(item.key).encode() + b" " + item.comparable() for item in wanted))


def resolve(folder: Path, revision: str) -> str:
    """Return the full commit of a revision; raise DeployError for one git does not know."""
    return _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()


def state_at(folder: Path, commit: str, file: Path, env: str) -> tuple[Stack, dict[str, str]]:
    """Return the stack settings and the rendered files of a commit, path to text; raise DeployError or StackError.

    Files are committed for the stack without an overlay. With one, or with a stack file git does not keep, the commit's
    own code renders them again.
    """
    path = file.absolute()
    if not _kept(folder, commit, path):
        return stacks.load(file, env), _rebuilt(folder, commit, path, env)
    inside = path.relative_to(folder.absolute())
    text = _git(folder, "show", f"{commit}:./{inside.as_posix()}")
    stack = stacks.loads(text, env, where=f"{file} of {commit[:12]}")
    return stack, _rebuilt(folder, commit, inside, env) if env else _committed(folder, commit)


def _kept(folder: Path, commit: str, path: Path) -> bool:
    listed = path.is_relative_to(folder.absolute()) and _git(folder, "ls-tree", "--name-only", commit, "--", str(path))
    return bool(listed and listed.strip())


def _committed(folder: Path, commit: str) -> dict[str, str]:
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit, "--", FOLDER)
    paths = [path for path in listed.split("\0") if path.endswith((".json", ".yml"))]
    return {path: _git(folder, "show", f"{commit}:{path}") for path in paths}


def _rebuilt(folder: Path, commit: str, file: Path, env: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as checkout:
        archive = Path(checkout, "commit.zip")
        _git(folder, "archive", "--format=zip", f"--output={archive}", commit)
        with zipfile.ZipFile(archive) as files:
            files.extractall(checkout)
        command = [sys.executable, "-c", BUILD, str(file), env]
        ran = subprocess.run(command, cwd=checkout, capture_output=True, check=False)
    if ran.returncode:
        reason = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise DeployError(f"the code of {commit[:12]} cannot render its files here: {reason}")
    texts: dict[str, str] = orjson.loads(ran.stdout)
    return texts


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
