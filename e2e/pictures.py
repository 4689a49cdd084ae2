"""Do the pictures in the documentation show what there is? `python -m e2e.pictures` draws them anew."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from obs.boards.model import panels
from obs.programs.chromium import Chromium
from obs.programs.programs import find

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/images"
MADE_FROM = FOLDER / "made-from.json"
BOARD = ROOT / "infra/observability/grafana/dashboards/overview.json"
INCIDENT = "Redis is dead, and the API with it"
OLD, NEW = 0.02, 0.03
"""The limit that README's example moves, and with it the soft maximum of its axis."""

CHANGED = ("API errors", "API error ratio")
REVIEW_WIDTH = 1280


def main() -> None:
    """Draw every picture of the documentation, and write down what each was made from."""
    with tempfile.TemporaryDirectory() as folder:
        for name, draw in PICTURES.items():
            print(f"drawing {name}", file=sys.stderr)  # noqa: T201 - a tool for the people of this repository
            (FOLDER / name).write_bytes(draw(Path(folder)))
    MADE_FROM.write_text(json.dumps({name: made_from() for name in PICTURES}, indent=2) + "\n", encoding="utf-8")


def made_from() -> str:
    """Return the digest of what the pictures show: the first board, as it is committed."""
    return hashlib.sha256(BOARD.read_bytes()).hexdigest()


def _first_screen(folder: Path) -> bytes:
    """Return the first screen of the first board in an incident."""
    _obs("preview", BOARD.stem, "--incident", INCIDENT, "--out", str(folder / "pages"))
    found: Path = next((folder / "pages").rglob(f"{BOARD.stem}.first.png"))
    return found.read_bytes()


def _review(folder: Path) -> bytes:
    """Return the page of a review, of a change of one limit."""
    text = BOARD.read_text(encoding="utf-8")
    changed: dict[str, Any] = json.loads(text)
    for panel in panels(changed):
        if panel.get("title") in CHANGED:
            _move_limit(panel["fieldConfig"]["defaults"])
    for side, content in (("old", text), ("new", json.dumps(changed))):
        (folder / side).mkdir()
        (folder / side / BOARD.name).write_text(content, encoding="utf-8")
    page = folder / "review.html"
    _obs("diff", str(folder / "old"), str(folder / "new"), "--html", str(page), "--pictures")
    chromium = Chromium(find(ROOT, names=("chromium",))["chromium"])
    with chromium, chromium.page(width=REVIEW_WIDTH, height=1) as opened:
        opened.open(page.as_uri())
        # As far as the grids, which unfold below.
        height = round(opened.evaluate("document.querySelector('.boards').getBoundingClientRect().top"))
        opened.resize(REVIEW_WIDTH, height)
        opened.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        return opened.picture(x=0, y=0, width=REVIEW_WIDTH, height=height)


def _move_limit(defaults: dict[str, Any]) -> None:
    for step in defaults["thresholds"]["steps"]:
        step.update({"value": NEW} if step.get("value") == OLD else {})
    custom = defaults.get("custom", {})
    if "axisSoftMax" in custom:
        custom["axisSoftMax"] = round(custom["axisSoftMax"] * NEW / OLD, 6)


def _obs(*arguments: str) -> None:
    subprocess.run([shutil.which("obs") or "obs", *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


PICTURES: dict[str, Callable[[Path], bytes]] = {"overview.png": _first_screen, "review.png": _review}
"""How each picture below docs/images is drawn."""

if __name__ == "__main__":
    main()
