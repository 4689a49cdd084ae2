"""How do answers become pages and pictures? Grafana's own components, bundled once, in one Chromium for all boards."""

import contextlib
import fcntl
import hashlib
import html
import math
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import orjson

from obs.preview.answers import Answers, Layout
from obs.programs import npm
from obs.programs.chromium import Chromium, ChromiumError, Page
from obs.programs.programs import Programs, find

WEB = Path(__file__).with_name("web")
"""What is bundled: package.json, its lock, build.mjs and src."""

SCREEN_PIXELS = 1080
"""How much of a board somebody sees without scrolling."""

BUNDLE_SECONDS = 300
KEPT_SECONDS = 30 * 24 * 3600
ICON = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; font-src data:; img-src data: blob:"
)
"""A page may ask nobody for anything."""

Progress = Callable[[str], None]


class DrawingError(Exception):
    """Nothing can be drawn: a program is missing or too old, or failed; one sentence says which and what to do."""


def draw(
    documents: Mapping[str, Answers],
    into: Path,
    *,
    panels: Iterable[tuple[str, int]] = (),
    progress: Progress = lambda _: None,
) -> dict[str, Layout]:
    """
    Draw each board of ``documents`` below ``into``, and return how it came out.

    Writes `BOARD.html` (complete in itself), `BOARD.png` (all of it), `BOARD.first.png` (the first screen),
    `BOARD.layout.json`, and `BOARD.panel-ID.png` for each board and panel of ``panels``. A board whose answers, panels
    and program are those of the last time is left as it is. ``progress`` is told of each step in words.

    Raises DrawingError; the files of a board are then those of before or those of now, never a part of each.
    """
    program = _program(progress)
    wanted: dict[str, list[int]] = {}
    for board, panel in panels:
        wanted.setdefault(board, []).append(panel)
    pages = {board: page_of(answers, program) for board, answers in documents.items()}
    digests = {board: hashlib.sha256(page.encode()).hexdigest() for board, page in pages.items()}
    found = {board: _drawn_before(into, board, digests[board], wanted.get(board, [])) for board in documents}
    missing = [board for board, layout in found.items() if layout is None]
    if missing:
        with _told(into), Chromium(_programs("chromium")["chromium"]) as chromium:
            into.mkdir(parents=True, exist_ok=True)
            for board in missing:
                progress(f"drawing {board}")
                files, layout = _draw(
                    chromium,
                    into,
                    board,
                    pages[board],
                    width=documents[board]["width"],
                    panels=wanted.get(board, []),
                )
                layout["digest"] = digests[board]
                found[board] = layout
                _write(into, board, {**files, "html": pages[board].encode(), "layout.json": _json(layout)})
    return {board: layout for board, layout in found.items() if layout is not None}


def page_of(answers: Answers, program: tuple[str, str]) -> str:
    """Return the page of one board, complete in itself. ``program`` is its script and its style."""
    script, style = program
    # What ends a script's element or begins a comment in it must not stand in a text of somebody's panel.
    data = orjson.dumps(answers, option=orjson.OPT_SORT_KEYS).decode().replace("<", "\\u003c")
    title = html.escape(str(answers["dashboard"].get("title", "Dashboard")))
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" '
        f'content="{POLICY}">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="{ICON}">\n<title>{title}</title>\n<style>{style}</style>\n<div id="page"></div>\n'
        f'<script id="answers" type="application/json">{data}</script>\n<script>{script}</script>\n</html>\n'
    )


def _drawn_before(into: Path, board: str, digest: str, panels: Iterable[int]) -> Layout | None:
    """Return the layout of a board whose files are there and of the same content."""
    names = ["html", "png", "first.png", *(f"panel-{panel}.png" for panel in panels)]
    if not all((into / f"{board}.{name}").is_file() for name in names):
        return None
    try:
        layout = cast(Layout, orjson.loads((into / f"{board}.layout.json").read_bytes()))
    except (OSError, orjson.JSONDecodeError):
        return None
    return layout if isinstance(layout, dict) and layout.get("digest") == digest else None


def _draw(
    chromium: Chromium, into: Path, board: str, text: str, *, width: int, panels: Iterable[int]
) -> tuple[dict[str, bytes], Layout]:
    """Return a board's pictures by their endings, and its layout."""
    with (
        tempfile.TemporaryDirectory(prefix=f".{board}.", dir=into) as folder,
        chromium.page(width=width, height=SCREEN_PIXELS) as page,
    ):
        place = Path(folder, f"{board}.html")
        place.write_text(text, encoding="utf-8")
        page.open(place.resolve().as_uri())
        layout = _settled(page)
        files = {"first.png": page.picture(x=0, y=0, width=width, height=SCREEN_PIXELS)}
        _see_all(page, width, layout["pageHeight"])
        files["png"] = page.picture(x=0, y=0, width=width, height=max(SCREEN_PIXELS, layout["pageHeight"]))
        if page.evaluate("preview.openRows()"):
            opened = _settled(page)
            for key, drawn in opened["panels"].items():
                layout["panels"].setdefault(key, {**drawn, "collapsed": True})
            _see_all(page, width, opened["pageHeight"])
        for panel in panels:
            files[f"panel-{panel}.png"] = _panel(page, board, panel)
    return files, layout


def _see_all(page: Page, width: int, height: float) -> None:
    """Make the screen as high as the page: a browser under load drops what is drawn beyond its screen."""
    page.resize(width, math.ceil(max(SCREEN_PIXELS, height)))
    page.evaluate("preview.settled()")


def _panel(page: Page, board: str, panel: int) -> bytes:
    place = page.evaluate(f"preview.place({orjson.dumps(str(panel)).decode()})")
    if place is None:
        raise DrawingError(f"{board}: no panel has the id {panel}")
    return page.picture(**place)


def _settled(page: Page) -> Layout:
    """Wait until nothing on a page moves any more, and return how it came out."""
    page.evaluate("preview.settled()")
    return cast(Layout, page.evaluate("preview.measure()"))


def _write(into: Path, board: str, files: Mapping[str, bytes]) -> None:
    """Put a board's files in place; the layout, whose digest says that all is there, goes first and comes last."""
    with contextlib.ExitStack() as undo:
        staged = []
        for ending, content in files.items():
            handle, name = tempfile.mkstemp(prefix=f".{board}.", dir=into)
            undo.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).chmod(0o644)
            staged.append((Path(name), into / f"{board}.{ending}"))
        for old in (into / f"{board}.layout.json", *into.glob(f"{board}.panel-*.png")):
            old.unlink(missing_ok=True)
        for new, place in staged:
            new.replace(place)


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


@contextlib.contextmanager
def _told(into: Path) -> Iterator[None]:
    try:
        yield
    except ChromiumError as error:
        raise DrawingError(str(error)) from error
    except OSError as error:
        raise DrawingError(f"{error.filename or into}: can't be written: {error.strerror}") from error


def _program(progress: Progress) -> tuple[str, str]:
    """Return the page's script and style: from the user's cache, else made there by npm and esbuild."""
    sources = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in _sources()}
    pinned = _digest({name: sources[name] for name in ("package.json", "package-lock.json", ".npmrc")})
    home = _cache() / pinned
    bundle = home / f"bundle-{_digest(sources)}"
    if not (bundle / "page.js").is_file():
        programs = _programs("node", "npm", "chromium")
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            with (home.parent / "lock").open("w") as lock:
                # Whoever comes while another installs waits for it, and finds everything there.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (home / "node_modules").is_dir():
                    progress("installing Grafana's components, once (about 430 MB)")
                    _install(programs["npm"], home)
                if not (bundle / "page.js").is_file():
                    progress("bundling them, once")
                    _bundle(programs["node"], home, bundle, sources)
                    _forget(home.parent)
        except OSError as error:
            raise DrawingError(f"{error.filename or home}: can't be written: {error.strerror}") from error
    for used in (home, bundle):
        os.utime(used)  # used last now
    return tuple((bundle / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))  # type: ignore[return-value]


def _sources() -> Iterator[Path]:
    yield from (WEB / name for name in (".npmrc", "package.json", "package-lock.json", "build.mjs"))
    yield from sorted(path for path in (WEB / "src").rglob("*") if path.is_file())


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _cache() -> Path:
    """Return where this program keeps what can be made again: https://specifications.freedesktop.org/basedir-spec/."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "watchkeeper-obs" / "preview"


def _forget(folder: Path) -> None:
    """Remove packages and bundles of other versions that nobody has used for long."""
    oldest = time.time() - KEPT_SECONDS
    for path in [*folder.glob("*/bundle-*"), *folder.glob("*/")]:
        if path.is_dir() and path.stat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True)


def _install(npm_program: str, home: Path) -> None:
    """Install the pinned packages beside their place, and move them there whole."""
    with tempfile.TemporaryDirectory(prefix=".npm-", dir=home.parent) as folder:
        made = Path(folder, "home")
        made.mkdir()
        for name in (".npmrc", "package.json", "package-lock.json"):
            shutil.copy(WEB / name, made)
        try:
            npm.install(npm_program, made)
        except npm.NpmError as error:
            raise DrawingError(f"Grafana's components can't be installed: {error}") from error
        made.rename(home)


def _bundle(node: str, home: Path, bundle: Path, sources: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=home) as folder:
        place = Path(folder)
        for name, content in sources.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        (place / "node_modules").symlink_to(home / "node_modules")
        made = place / "made"
        command = [node, "build.mjs", str(made)]
        try:
            done = subprocess.run(
                command, cwd=place, capture_output=True, text=True, timeout=BUNDLE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DrawingError(f"the page's program was not bundled within {BUNDLE_SECONDS} s") from error
        if done.returncode:
            said = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr).strip().splitlines() or ["node said nothing"]
            raise DrawingError(f"the page's program can't be bundled: {said[0]}")
        made.rename(bundle)


def _programs(*names: str) -> Programs:
    """Return where programs are; raise DrawingError, which says what to install."""
    programs = find(Path.cwd(), names=names)
    lacking = programs.lacks(*names)
    if lacking:
        raise DrawingError(f"a preview is drawn with Node, npm and Chromium: {lacking}")
    return programs
