"""How do a panel and a row that repeat for each value of a variable stand on the page?"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from obs.boards.board import COLUMNS
from obs.preview.filling import ALL, Choice

CLONED = 100_000
"""Distance between the ids of a panel's copies."""


def repeated(
    model: dict[str, Any], options: Mapping[str, Sequence[str]], choices: Mapping[str, Choice]
) -> dict[str, Any]:
    """Return a dashboard with each repeated panel and row as often as its variable has values."""
    values = {name: _values(options.get(name, ()), choice) for name, choice in choices.items()}
    placed: list[dict[str, Any]] = []
    cursor = bottom = 0
    for section in _sections(model.get("panels", ())):
        top = min(panel["gridPos"]["y"] for panel in section)
        cursor += max(top - bottom, 0)
        bottom = _bottom(section)
        for copied in _copies(section, values):
            placed += _grown(copied, cursor - top, values)
            cursor = _bottom(placed)
    return model | {"panels": placed}


def _grown(
    section: Sequence[dict[str, Any]], shift: int, values: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield the panels of a section, those below a repeated one as much lower as it grew."""
    grown = 0
    for panel in section:
        copies = _panels_of(panel, values)
        extra = _bottom(copies) - _bottom([panel])
        for one in copies:
            yield one | {"gridPos": one["gridPos"] | {"y": one["gridPos"]["y"] + shift + grown}}
        grown += extra


def _values(options: Sequence[str], choice: Choice) -> Sequence[str]:
    if choice.text == "All" or choice.value == ALL:
        return options
    return (choice.value,) if isinstance(choice.value, str) else choice.value


def _sections(panels: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield what stands above the first row, then each row with what stands below it."""
    section: list[dict[str, Any]] = []
    for panel in panels:
        if panel.get("type") == "row" and section:
            yield section
            section = []
        section.append(panel)
    if section:
        yield section


def _copies(section: list[dict[str, Any]], values: Mapping[str, Sequence[str]]) -> Iterator[list[dict[str, Any]]]:
    head = section[0]
    name = head.get("repeat") if head.get("type") == "row" else None
    if not name or not values.get(name):
        yield section
        return
    for place, value in enumerate(values[name]):
        copied = [_scoped(panel, name, value, place) for panel in section]
        for panel in copied:
            panel["panels"] = [_scoped(one, name, value, place) for one in panel.get("panels", ())]
        yield copied


def _panels_of(panel: dict[str, Any], values: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    name = panel.get("repeat")
    if panel.get("type") == "row" or not name or not values.get(name):
        return [panel]
    across = panel.get("repeatDirection", "h") == "h"
    count = len(values[name])
    columns = min(count, panel.get("maxPerRow") or 4) if across else 1
    grid = panel["gridPos"]
    width = COLUMNS // columns if across else grid["w"]
    found = []
    for place, value in enumerate(values[name]):
        one = _scoped(panel, name, value, place)
        one["gridPos"] = {
            "w": width,
            "h": grid["h"],
            "x": (place % columns) * width if across else grid["x"],
            "y": grid["y"] + (place // columns) * grid["h"],
        }
        found.append(one)
    return found


def _scoped(panel: dict[str, Any], name: str, value: str, place: int) -> dict[str, Any]:
    """Return a copy of a panel that stands for one value; the first keeps its id, under which links find it."""
    one = copy.deepcopy(panel)
    one["id"] = panel.get("id", 0) + place * CLONED
    one["scopedVars"] = one.get("scopedVars", {}) | {name: {"text": value, "value": value}}
    for spelled in (f"${{{name}}}", f"[[{name}]]", f"${name}"):
        one["title"] = one.get("title", "").replace(spelled, value)
    if panel.get("type") != "row":
        one.pop("repeat", None)
    return one


def _bottom(panels: Sequence[Mapping[str, Any]]) -> int:
    return max((panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels), default=0)
