"""Is everything written, or nothing?"""

import os
from pathlib import Path

import pytest

from obs.output import OutputError, Staging, changes

RULES, BOARDS = "infra/observability/prometheus/rules", "infra/observability/grafana/dashboards"


def tree(root: Path) -> dict[str, str]:
    """Return every file below a folder, hidden ones included, with its text."""
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def write(files: dict[str, str], root: Path) -> None:
    """Bring a folder in line with ``files``."""
    with Staging() as staging:
        staging.add(changes(files, root), root)
        staging.commit()


def test_files_are_created_changed_and_removed(tmp_path: Path) -> None:
    """What the list of made files names goes when it is rendered no more."""
    made = "infra/files.txt"
    write({f"{RULES}/a.yml": "1", f"{RULES}/b.yml": "1", made: f"{RULES}/a.yml\n{RULES}/b.yml\n"}, tmp_path)
    files = {f"{RULES}/a.yml": "2", f"{BOARDS}/c.json": "1", made: f"{RULES}/a.yml\n{BOARDS}/c.json\n"}

    write(files, tmp_path)

    assert tree(tmp_path) == files


def test_a_second_write_touches_nothing(tmp_path: Path) -> None:
    """A file that is right already keeps its inode and its time."""
    files = {f"{RULES}/a.yml": "1"}
    write(files, tmp_path)
    before = (tmp_path / RULES / "a.yml").stat()

    write(files, tmp_path)

    after = (tmp_path / RULES / "a.yml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_change_names_the_first_line_that_differs(tmp_path: Path) -> None:
    """A stale file is reported with the line to look at."""
    write({f"{RULES}/a.yml": "one\ntwo\nthree\n"}, tmp_path)

    (change,) = changes({f"{RULES}/a.yml": "one\n2\nthree\n"}, tmp_path)

    assert (change.action, change.line) == ("changed", 2)


def test_an_error_before_the_commit_changes_nothing(tmp_path: Path) -> None:
    """A build that fails after staging leaves the old files, and no others."""
    old = {f"{RULES}/a.yml": "1"}
    write(old, tmp_path)

    with Staging() as staging:
        staging.add(changes({f"{RULES}/a.yml": "2", f"{RULES}/b.yml": "2"}, tmp_path), tmp_path)

    assert tree(tmp_path) == old


def test_a_failing_commit_puts_everything_back(tmp_path: Path) -> None:
    """When the third file can't take its place, the first two are as they were."""
    old = {f"{RULES}/a.yml": "1", f"{RULES}/b.yml": "1"}
    write(old, tmp_path)
    blocked = tmp_path / RULES / "c.yml" / "in the way"

    with Staging() as staging:
        staging.add(changes({**dict.fromkeys(old, "2"), f"{RULES}/c.yml": "2"}, tmp_path), tmp_path)
        blocked.parent.mkdir()
        blocked.touch()
        with pytest.raises(OutputError, match="nothing was changed"):
            staging.commit()
    blocked.unlink()

    assert tree(tmp_path) == old


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    """Where nothing can be written, root or not, the path is said and nothing changes."""
    (tmp_path / "infra").write_text("not a folder")

    with pytest.raises(OutputError, match=r"^infra.*: can't be (read|written): Not a directory"):
        write({f"{RULES}/a.yml": "1"}, tmp_path)

    assert tree(tmp_path) == {"infra": "not a folder"}


def test_files_can_be_read_by_the_programs_that_load_them(tmp_path: Path) -> None:
    """Prometheus and Grafana run as other users: files are readable by all."""
    write({f"{RULES}/a.yml": "1"}, tmp_path)

    assert (tmp_path / RULES / "a.yml").stat().st_mode & 0o777 == 0o644
    assert os.access(tmp_path / RULES / "a.yml", os.R_OK)
