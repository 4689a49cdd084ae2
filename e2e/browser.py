"""What does a person's browser report of a page: a real Chromium with the real web-vitals library?"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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

INTERACTION_MEASURED = """new Promise(done => {
    new PerformanceObserver(() => requestIdleCallback(() => done())).observe({type: "first-input", buffered: true});
    (function draw() { requestAnimationFrame(draw); })();
})"""
"""
Wait until the library has seen a click: Chromium hands out its timing after the next paint, and the library reads it in
the idle callback before this one. A page that draws nothing is never idle without a window.
"""


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


@contextmanager
def visit(url: str, programs: Programs) -> Iterator[None]:
    """
    Open a page, click its button, and leave once the library has seen it; raise ProcessError when Chromium can't.

    Chromium runs until the context ends: what a page sends as it is left goes out afterwards.
    """
    try:
        with Chromium(programs["chromium"]) as chromium, chromium.page(width=1280, height=720) as page:
            page.open(url)
            page.click("button")
            page.evaluate(INTERACTION_MEASURED)
            page.open("about:blank")
            yield
    except ChromiumError as error:
        raise ProcessError(str(error)) from error
