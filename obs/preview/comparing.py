"""Which panels differ between two states of dashboards, and how do both look over the same data?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obs import content
from obs.alerting import rules
from obs.alerting.render import group_body
from obs.boards.model import panels
from obs.diff.page import Drawn
from obs.diff.sources import Files
from obs.preview.answering import BoardError, Boards, Data, answered, read
from obs.preview.drawing import Progress, draw
from obs.preview.history import KEPT
from obs.preview.story import Teller
from obs.programs import programs
from obs.stack import Stack

PAGES = KEPT / "review"
"""Where the pages of a comparison are kept: what has not changed since the last one is not drawn again."""


def sides(old: Boards, new: Boards) -> tuple[dict[str, Mapping[str, Any]], list[tuple[str, int]]]:
    """
    Return the boards that differ, each as `NAME.before` and `NAME.after`, and the panels in which they differ.

    A panel is compared by its id, and its place does not count: what has only moved looks as it did.
    """
    boards: dict[str, Mapping[str, Any]] = {}
    shown: list[tuple[str, int]] = []
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) == new.get(name):
            continue
        was, now = (_drawn(side.get(name, {})) for side in (old, new))
        for side, models, there in (("before", old, was), ("after", new, now)):
            if name in models:
                boards[f"{name}.{side}"] = models[name]
                shown += [(f"{name}.{side}", key) for key in there if was.get(key) != now.get(key)]
    return boards, shown


def _drawn(model: Mapping[str, Any]) -> dict[int, Any]:
    return {
        panel["id"]: {key: value for key, value in panel.items() if key != "gridPos"}
        for panel in panels(dict(model))
        if panel.get("type") != "row" and "id" in panel
    }


def pictures(stack: Stack, old: Files, new: Files, progress: Progress = lambda _: None) -> Drawn:
    """
    Draw the dashboards among two sets of files that differ, and return the pictures of their changed panels by uid.

    Both sides are drawn over the same ordinary hour of ``stack``. Raises what answering and drawing do.
    """
    boards, shown = sides(_boards(old), _boards(new))
    if not boards:
        return {}
    bodies = [group_body(stack, group) for group in rules.groups(stack)]
    data = Data(programs.find(Path.cwd()), stack, bodies, Teller(stack, content.here()).ordinary())
    draw(answered(data, boards, progress), PAGES, panels=shown, progress=progress)
    found: dict[str, tuple[dict[int | str, bytes], dict[int | str, bytes]]] = {}
    for board, panel in shown:
        uid, _, side = board.rpartition(".")
        found.setdefault(uid, ({}, {}))[side == "after"][panel] = (PAGES / f"{board}.panel-{panel}.png").read_bytes()
    return found


def _boards(files: Files) -> dict[str, dict[str, Any]]:
    """Return the dashboards among files by their uid; what holds none is told in words alone."""
    found = {}
    for path, text in files.items():
        if path.endswith(".json"):
            try:
                model = read(path, text)
            except BoardError:
                continue
            found[str(model.get("uid") or path.rpartition("/")[2].removesuffix(".json"))] = model
    return found
