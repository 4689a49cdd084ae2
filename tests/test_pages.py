"""The pages for those who carry on name what is there."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "docs/architecture.md", *sorted((ROOT / "docs/decisions").glob("*.md"))]
PATH = re.compile(r"`((?:obs|watchkeeper|alerts|dashboards|metrics|tests|docs|requirements|infra)/[\w./-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_a_page_names_is_there(page: Path) -> None:
    """A file or folder that moved leaves no trail that leads nowhere; `NAME` stands for a name of your own."""
    named = [path for path in PATH.findall(page.read_text(encoding="utf-8")) if "NAME" not in path]

    assert [path for path in named if not (ROOT / path).exists() and path != "metrics/service.py"] == []
    assert named or page.name == "README.md"
