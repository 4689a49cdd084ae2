"""A disk that is full, or a file that may grow no further, changes nothing and is told by the file."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from obs.cli.writing import write
from tests.checkout import PROGRAM, Checkout

LIMIT = 65_536
"""More than any rule file has, and less than the largest dashboards."""


def limited(checkout: Checkout, *arguments: str, limit: int = LIMIT) -> subprocess.CompletedProcess[str]:
    """Run `obs` where no file may grow beyond ``limit`` bytes: the write fails as on a full disk."""
    environment = {"PYTHONPATH": str(checkout.root), "PROMTOOL": str(checkout.promtool), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=checkout.root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def files(root: Path) -> dict[str, bytes]:
    """Return everything below a folder, what begins with a dot too."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_build_on_a_full_disk_changes_nothing(checkout: Checkout) -> None:
    """The file that did not fit is named, those before it stay as they were, and nothing half-written is left."""
    for slug in ("jobs", "stack"):
        path = checkout.root / f"infra/observability/grafana/dashboards/{slug}.json"
        path.write_text(path.read_text().replace("observability-as-code", "by hand", 1))
    before = files(checkout.root / "infra"), checkout.written()

    done = limited(checkout, "build")

    assert done.returncode == 2, done.stdout + done.stderr
    unfit = "infra/observability/grafana/dashboards/stack.json"
    assert done.stderr == f"obs: {unfit}: can't be written: File too large; nothing was changed\n"
    assert (files(checkout.root / "infra"), checkout.written()) == before


def exported(checkout: Checkout, out: str) -> list[str]:
    """Return the arguments of an import into a module."""
    return ["import", str(checkout.root / "infra/observability/grafana/dashboards/redis.json"), "--out", out]


def test_a_module_that_does_not_fit_is_not_there(checkout: Checkout) -> None:
    """An import leaves no half of a module behind, which the next build would trip over."""
    done = limited(checkout, *exported(checkout, "dashboards/legacy.py"), limit=4096)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "dashboards/legacy.py can't be written: File too large" in done.stderr
    assert not list((checkout.root / "dashboards").glob("*legacy*"))


def test_what_stood_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is to be written over is whole, the old one or the new one; a pipe is written to as it is."""
    out = tmp_path / "page.html"
    out.write_text("old")
    write(out, "new")
    assert out.read_text() == "new"
    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(Exception, match=r"page.html can't be written: No space left on device"):
        write(out, "newer")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"page.html": "new"}
    write(Path("/dev/null"), "gone")


def full(*_: object) -> None:
    """Refuse, as a full disk does."""
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("verb", [["catalog"], ["check", "--list"]])
def test_a_full_disk_behind_standard_output_is_no_bug(checkout: Checkout, verb: list[str]) -> None:
    """Where what is printed can't be kept, the sentence says so."""
    with Path("/dev/full").open("w") as out:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *verb],
            cwd=checkout.root,
            env={**os.environ, "PYTHONPATH": str(checkout.root)},
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.stderr.startswith("obs: standard output or a file can't be written: No space left on device")
    assert "bug" not in done.stderr
    assert done.returncode == 2
