"""Are the pictures in the documentation those of what there is now?"""

import json
import re

import pytest

from e2e import pictures
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_shows_the_board_as_it_is(name: str) -> None:
    """What it was made from is written beside it; a board that has changed since is drawn again."""
    made_from = json.loads(pictures.MADE_FROM.read_text(encoding="utf-8"))
    assert made_from[name] == pictures.made_from(), f"{name} shows an older state of its board: run `make pictures`"
    assert (pictures.FOLDER / name).read_bytes().startswith(b"\x89PNG")


def test_every_picture_is_shown_and_made_by_a_command() -> None:
    """None lies about that nobody draws again, and no page shows one that is not there."""
    shown = {
        (page.parent / name).resolve()
        for page in PAGES
        for name in re.findall(r"!\[[^]]*]\(([^)]+\.png)\)", page.read_text(encoding="utf-8"))
    }
    assert shown == {pictures.FOLDER / name for name in pictures.PICTURES}
    assert {path.name for path in pictures.FOLDER.glob("*.png")} == set(pictures.PICTURES)
