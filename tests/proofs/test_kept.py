"""Answers that were found out before are bounded, and one that is lost is found out again."""

import os
from pathlib import Path

from obs.proofs.kept import Kept


def test_what_was_not_read_for_longest_goes_first(tmp_path: Path) -> None:
    """An answer that is read stays; beyond the most, older ones go."""
    kept = Kept(tmp_path / "answers")
    for age, name in enumerate(("new", "old", "oldest")):
        kept.write(name, name)
        os.utime(tmp_path / "answers" / name, (1000 - age, 1000 - age))

    assert kept.read("oldest") == "oldest"
    kept.trim(files=2)

    assert (kept.read("oldest"), kept.read("new"), kept.read("old")) == ("oldest", "new", "")


def test_the_folder_has_a_size(tmp_path: Path) -> None:
    """Large answers are bounded by their bytes."""
    kept = Kept(tmp_path / "answers")
    for name in "abc":
        kept.write(name, "x" * 100)

    kept.trim(size=250)

    assert len(list((tmp_path / "answers").iterdir())) == 2


def test_what_an_interruption_left_is_deleted(tmp_path: Path) -> None:
    """Half an answer has a name that nobody asks for, and does not stay."""
    (tmp_path / ".half").write_text("x")
    os.utime(tmp_path / ".half", (0, 0))

    Kept(tmp_path).trim()

    assert list(tmp_path.iterdir()) == []
