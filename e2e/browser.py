"""What does a person's browser report of a page: a real Chromium with the real web-vitals library?"""

import shutil
from pathlib import Path

from obs.programs import npm
from obs.programs.chromium import Chromium, ChromiumError
from obs.programs.processes import ProcessError
from obs.programs.programs import Programs

PACKAGE = Path("tests/e2e/web-vitals")
"""The pinned versions of the library, with their hashes."""

LIBRARY = Path("npm/node_modules/web-vitals-6/dist/web-vitals.iife.js")
"""Where `install` puts the newest of them, below the folder of a run."""

MEASURED = ("LCP", "INP", "CLS", "FCP", "TTFB")
"""What that version measures of every visit with a click."""


def install(root: Path, folder: Path, programs: Programs) -> None:
    """Install the library below a run's folder; raise ProcessError when npm can't."""
    target = folder / LIBRARY.parts[0]
    target.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / PACKAGE / name, target)
    try:
        npm.install(programs["npm"], target)
    except npm.NpmError as error:
        raise ProcessError(f"{PACKAGE}: {error}") from error


def visit(url: str, programs: Programs) -> None:
    """Open a page, click its button, wait for the next frame, and leave; raise ProcessError when Chromium can't."""
    try:
        with Chromium(programs["chromium"]) as chromium, chromium.page(width=1280, height=720) as page:
            page.open(url)
            page.click("button")
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
            page.open("about:blank")
    except ChromiumError as error:
        raise ProcessError(str(error)) from error
