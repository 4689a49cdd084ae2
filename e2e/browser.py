"""What does a person's browser report of a page: a real Chromium with the real web-vitals library?"""

import importlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

from obs.programs.processes import ProcessError
from obs.programs.programs import Programs

PACKAGE = Path("tests/e2e/web-vitals")
"""The pinned versions of the library, with their hashes."""

LIBRARY = Path("npm/node_modules/web-vitals-6/dist/web-vitals.iife.js")
"""Where `install` puts the newest of them, below the folder of a run."""

MEASURED = ("LCP", "INP", "CLS", "FCP", "TTFB")
"""What that version measures of every visit with a click."""

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
INSTALL_SECONDS = 120


def lacks(programs: Programs) -> str:
    """Return what keeps a browser from being used; nothing when all is there."""
    missing = programs.lacks("chromium", "npm")
    if not missing and importlib.util.find_spec("playwright") is None:
        missing = "playwright is not installed: sh scripts/setup dev e2e"
    return missing


def install(root: Path, folder: Path, programs: Programs) -> None:
    """Install the library below a run's folder; raise ProcessError when npm can't."""
    target = folder / LIBRARY.parts[0]
    target.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / PACKAGE / name, target)
    npm = [programs["npm"], "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(npm, cwd=target, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "npm said nothing").splitlines()[-1]
        raise ProcessError(f"npm ci of {PACKAGE} ended with status {done.returncode}: {last}")


def visit(url: str, programs: Programs) -> None:
    """Open a page, click its button, wait for the next frame, and leave."""
    playwright_api = importlib.import_module("playwright.sync_api")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programs["chromium"], args=FLAGS)
        page = browser.new_page()
        page.goto(url, wait_until="load")
        page.get_by_role("button").click()
        page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
        page.goto("about:blank")
        browser.close()
