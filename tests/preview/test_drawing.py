"""What is said when nothing can be drawn, and what the drawing is made of; no program runs here."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from obs.preview import drawing
from obs.preview.drawing import DrawingError, draw, page_of
from tests.preview.documents import board, now, panel

DOCUMENT = board(panel("stat", now(a=1)), title="Prices </script><b>")
OPEN = re.compile(r"MIT|Apache-2\.0|BSD-[23]-Clause|ISC|0BSD|Unlicense|CC0-1\.0|OFL-1\.1|BlueOak-1\.0\.0|Zlib")
UNSAID = {"fast-shallow-equal", "get-document", "react-universal-interface"}
"""Published without the field; their files say Unlicense, MIT and Unlicense."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is all of PATH, with no bundle in the cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def write(folder: Path, name: str, script: str) -> None:
    """Put a program in a folder."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_missing_programs_are_named_in_one_sentence(programs: Path, tmp_path: Path) -> None:
    """Which, and what they are for; nothing is written."""
    with pytest.raises(DrawingError) as told:
        draw({"board": DOCUMENT}, tmp_path / "out")
    assert str(told.value) == (
        "a preview is drawn with Node, npm and Chromium: node is neither on PATH nor in .tools/bin; "
        "npm is neither on PATH nor in .tools/bin; chromium is neither on PATH nor in .tools/bin"
    )
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache").exists()


def test_a_program_that_is_too_old_is_named_with_its_release(programs: Path, tmp_path: Path) -> None:
    """Beside what needs the newer one."""
    write(programs, "node", "echo v16.20.2")
    write(programs, "npm", "echo 10.8.2")
    write(programs, "chromium", "echo Chromium 130.0.6723.58")
    with pytest.raises(DrawingError, match=r"node is 16\.20, and esbuild needs 18\.0$"):
        draw({"board": DOCUMENT}, tmp_path / "out")


def test_what_npm_or_the_bundler_says_is_quoted(programs: Path, tmp_path: Path) -> None:
    """Its first sentence, without colours, and no half of an installation is left."""
    write(programs, "node", '[ "$1" = --version ] && echo v20.1.0 || { echo "✘ [ERROR] No such file" >&2; exit 1; }')
    write(programs, "chromium", "echo Chromium 130.0.6723.58")
    write(
        programs,
        "npm",
        '[ "$1" = --version ] && echo 10.8.2 || { echo "npm error code E404\nnpm error 404 gone" >&2; exit 1; }',
    )
    cache = tmp_path / "cache/watchkeeper-obs/preview"
    with pytest.raises(DrawingError, match=r"components can't be installed: npm ci ended with status 1: 404 gone$"):
        draw({"board": DOCUMENT}, tmp_path / "out")
    assert [path.name for path in cache.iterdir()] == ["lock"]

    write(programs, "npm", '[ "$1" = --version ] && echo 10.8.2 || /bin/mkdir node_modules')
    with pytest.raises(DrawingError, match=r"can't be bundled: ✘ .ERROR. No such file$"):
        draw({"board": DOCUMENT}, tmp_path / "out")
    assert not list(cache.rglob(".bundle*"))


def test_a_folder_that_cannot_be_written_is_named(programs: Path, tmp_path: Path) -> None:
    """The cache's as well as that of the pictures."""
    for name, version in (("node", "v20.1.0"), ("npm", "10.8.2"), ("chromium", "Chromium 130.0.1")):
        write(programs, name, f"echo {version}")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DrawingError, match=r"cache/watchkeeper-obs.*: can't be written: Not a directory"):
        draw({"board": DOCUMENT}, tmp_path / "out")


def test_packages_nobody_has_used_for_long_are_removed(programs: Path, tmp_path: Path) -> None:
    """After the next bundle: those of 31 days ago go, those of yesterday stay."""
    node = '[ "$1" = --version ] && echo v20.1.0 || { /bin/mkdir "$2"; echo a >"$2/page.js"; echo b >"$2/page.css"; }'
    write(programs, "node", node)
    write(programs, "npm", '[ "$1" = --version ] && echo 10.8.2 || /bin/mkdir node_modules')
    write(programs, "chromium", '[ "$1" = --version ] && echo Chromium 130.0.1 || exit 1')
    cache = tmp_path / "cache/watchkeeper-obs/preview"
    for name, days in (("old", 31), ("new", 1)):
        (cache / name / "node_modules").mkdir(parents=True)
        then = time.time() - days * 24 * 3600
        os.utime(cache / name, (then, then))
    with pytest.raises(DrawingError, match=r"chromium ended with status 1"):
        draw({"board": DOCUMENT}, tmp_path / "out")
    assert not (cache / "old").exists()
    assert (cache / "new/node_modules").is_dir()
    assert len(list(cache.glob("*/bundle-*/page.js"))) == 1


def test_a_page_is_complete_and_holds_no_markup_of_its_answers() -> None:
    """Whatever a title says, it ends no element; the policy lets the page ask nobody."""
    page = page_of(DOCUMENT, ("program()", "main {}"))
    assert "</script><b>" not in page
    assert page.count("</script>") == 2
    assert "default-src 'none'" in page
    data = re.search(r'<script id="answers" type="application/json">(.*?)</script>', page)
    assert data
    assert json.loads(data[1])["dashboard"]["title"] == "Prices </script><b>"


def test_nothing_that_is_bundled_obliges_who_passes_it_on() -> None:
    """Every package of the lock is under a permissive licence, pinned by its hash, and names no registry."""
    text = (drawing.WEB / "package-lock.json").read_text()
    packages = {name: found for name, found in json.loads(text)["packages"].items() if name}
    assert len(packages) > 300
    for name, found in packages.items():
        licence = found.get("license", "")
        said = OPEN.search(licence) or name.removeprefix("node_modules/") in UNSAID
        assert said, f"{name}: {licence or 'no licence'}"
        assert "GPL" not in licence, name
        assert found["integrity"].startswith("sha512-"), name
        assert "resolved" not in found, name
    assert not re.search(r"registry\.|https?://[^\"]*npm", text)
    assert packages["node_modules/@grafana/ui"]["version"] == "13.2.3"


def test_versions_are_exact() -> None:
    """What the page imports is declared, and no range lets another in."""
    declared = json.loads((drawing.WEB / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in declared.values())
    imported = {
        re.match(r"(@[^/]+/[^/]+|[^/]+)", name)[0]  # type: ignore[index]
        for path in (drawing.WEB / "src").rglob("*.js*")
        for name in re.findall(r'from "([^."][^"]*)"', path.read_text())
        if not name.startswith("virtual:")
    }
    assert imported <= set(declared)
