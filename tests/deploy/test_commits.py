"""What an earlier commit rendered is found again, also where the tool lay in other folders then."""

import subprocess
from pathlib import Path

import pytest

from obs.deploy.push import commits
from tests.conftest import ROOT

STACK = (ROOT / "stack.toml").read_text(encoding="utf-8")

# What commits from before the tool had a folder of its own offer: the packages `stack` and `output` at the root.
OLD = {
    "stack/__init__.py": "def load(path, env): return (path.read_text().count('\\n'), env)\n",
    "output/__init__.py": "from output.built import build\n",
    "output/built.py": (
        "class Built:\n    def __init__(self, texts): self.texts = texts\n"
        "def build(stack): return Built({'infra/observability/old.yml': f'{stack[1]}: {stack[0] > 10}'})\n"
    ),
    "stack.toml": STACK,
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder."""
    command = ["git", "-C", str(folder), "-c", "user.name=ci", "-c", "user.email=ci@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def old(tmp_path: Path) -> str:
    """Return a commit of the old layout, in a repository whose working tree has the new one."""
    git(tmp_path, "init", "-q")
    for path, text in OLD.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "old")
    commit = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "rm", "-rq", "stack", "output")
    git(tmp_path, "commit", "-q", "-m", "the tool is installed now")
    return commit


def test_a_commit_of_the_old_layout_renders_itself(tmp_path: Path, old: str) -> None:
    """An overlay's files are in no commit: the code of that commit makes them, wherever it lay."""
    stack, texts = commits.state_at(tmp_path, old, tmp_path / "stack.toml", "staging")

    assert stack.service.environment == "staging"
    assert texts == {"infra/observability/old.yml": "staging: True"}


def test_a_commit_without_the_tool_is_rendered_by_the_installed_one(tmp_path: Path, old: str) -> None:
    """A service that keeps content alone is rendered from the content of that commit."""
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "__init__.py").write_text("", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "content")

    _, texts = commits.state_at(tmp_path, git(tmp_path, "rev-parse", "HEAD"), tmp_path / "stack.toml", "staging")

    assert old
    assert "environment: staging" in texts["infra/observability/prometheus/prometheus.yml"]
    assert "infra/observability/prometheus/rules/redis.yml" not in texts
