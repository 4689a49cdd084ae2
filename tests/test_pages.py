"""The pages name what is there."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [path for path in sorted(ROOT.glob("docs/**/*.md")) if path.is_file()]
PAGES += [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
FOLDERS = "obs|watchkeeper|alerts|dashboards|metrics|tests|docs|requirements|infra|scripts|examples|benchmarks"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*)`")
YOURS = re.compile(r"NAME|legacy|shop|^metrics/service\.py$|^infra/kubernetes$")
"""What a page tells the reader to make."""

COMMAND = re.compile(r"^[ $]*((?:make|python -m|sh) .*)$|`((?:make|python -m|sh) [^`]*)`", re.MULTILINE)
FENCED = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_a_page_names_is_there(page: Path) -> None:
    """A file or folder that moved leaves no trail that leads nowhere."""
    named = [path for path in PATH.findall(page.read_text(encoding="utf-8")) if not YOURS.search(path)]

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_a_page_names_is_there(page: Path) -> None:
    """A target of make, a module and a script stand where the page says."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCED.findall(text) for line in COMMAND.findall(block)]
    inline = [found for found in COMMAND.findall(text) if found[1]]
    for words in (shlex.split(one or other, comments=True) for one, other in [*lines, *inline]):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word and not word.startswith("-")} <= TARGETS, words
        elif words[0] == "python":
            assert find_spec(words[2]), words
        elif not words[1].startswith("-"):
            assert (ROOT / words[1]).is_file(), words
