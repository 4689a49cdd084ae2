"""Where does each panel of a dashboard stand, and which of them did somebody really move?"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obs.diff.change import DiffError, Path
from obs.diff.values import objects, table

COLUMNS = 24  # https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
OLD_ROW_SPAN = 12  # rows before Grafana 5 were twelve spans wide
OLD_ROW_PIXELS = 30  # and their height in pixels is one grid unit of today per 30
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """
    One panel of a dashboard: its JSON model, the row it stands under, and its place (x, y, width, height).

    ``start`` is the grid row from which the place of a collapsed row's panel counts: it goes where its row goes.
    """

    model: dict[str, Any]
    row: str
    box: Box
    path: Path
    start: int = 0

    @property
    def title(self) -> str:
        """Return the title shown, "" for none."""
        return str(self.model.get("title") or "").strip()

    @property
    def kind(self) -> str:
        """Return the visualisation: timeseries, stat, row, ..."""
        return str(self.model.get("type") or "")

    @property
    def number(self) -> int | str | None:
        """Return the panel id, None where there is none."""
        number = self.model.get("id")
        return number if isinstance(number, (int, str)) else None

    @property
    def place(self) -> str:
        """Return the row and title a reader knows it by."""
        return f"{self.row} / {self.title}" if self.row else self.title


Pair = tuple[Panel, Panel]


def panels(dashboard: dict[str, Any]) -> list[Panel]:
    """List every panel in reading order, rows included, panels of collapsed rows after their row.

    Raises DiffError for a dashboard of the v2 schema, which has no panel list.
    """
    refuse_v2(dashboard)
    return [*_listed(dashboard), *_spanned(dashboard)]


def refuse_v2(dashboard: dict[str, Any]) -> None:
    """Raise DiffError for a dashboard of the v2 schema, which has no panel list."""
    spec = table(dashboard.get("spec")) or dashboard
    if "elements" in spec and "layout" in spec:
        title = spec.get("title") or table(dashboard.get("metadata")).get("name") or "without a title"
        raise DiffError(
            f'dashboard "{title}" has the v2 schema (elements and layout); the classic model with "panels" is read: '
            "export it from Grafana as Classic"
        )


def _listed(dashboard: dict[str, Any]) -> Iterator[Panel]:
    row = ""
    models = [(_box(model), index, model) for index, model in enumerate(objects(dashboard.get("panels")))]
    for at, index, model in sorted(models, key=lambda item: (item[0][1], item[0][0])):
        path: Path = ("panels", index)
        if model.get("type") != "row":
            yield Panel(model, row, at, path)
            continue
        row = str(model.get("title") or "").strip()
        yield Panel(model, "", at, path)
        inside = [(nested, _box(nested)) for nested in objects(model.get("panels"))]
        start, first = at[1] + 1, min((box[1] for _, box in inside), default=0)
        for inner, (nested, (x, y, width, height)) in enumerate(inside):
            yield Panel(nested, row, (x, start + y - first, width, height), (*path, "panels", inner), start)


def _spanned(dashboard: dict[str, Any]) -> Iterator[Panel]:
    """Read the row list that Grafana 4 wrote and grafanalib still can."""
    top = 0
    for index, model in enumerate(objects(dashboard.get("rows"))):
        title = str(model.get("title") or "").strip()
        yield Panel({**model, "type": "row", "panels": []}, "", (0, top, COLUMNS, 1), ("rows", index))
        height = _pixels(model.get("height")) // OLD_ROW_PIXELS or 8
        left = 0
        for inner, nested in enumerate(objects(model.get("panels"))):
            width = int(nested.get("span") or OLD_ROW_SPAN) * COLUMNS // OLD_ROW_SPAN
            yield Panel(nested, title, (left, top + 1, width, height), ("rows", index, "panels", inner))
            left += width
        top += height + 1


def _pixels(height: Any) -> int:
    digits = str(height or "").removesuffix("px")
    return int(digits) if digits.isdigit() else 0


def _box(model: dict[str, Any]) -> Box:
    place = table(model.get("gridPos"))
    return _units(place.get("x")), _units(place.get("y")), _units(place.get("w")), _units(place.get("h"))


def _units(value: Any) -> int:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, (int, float)) and math.isfinite(value) else 0


def moved(pairs: Sequence[Pair], rows: Mapping[str, str]) -> tuple[list[Pair], Counter[int]]:
    """Find the pairs that somebody moved, and how many others were pushed: grid rows down (negative: up) -> panels.

    Moved means to another row, sideways, or past a neighbour: the fewest panels that explain the new order.
    `rows` gives the new title of each row that was renamed.
    """
    together: dict[Path, list[Pair]] = defaultdict(list)
    for pair in pairs:
        together[pair[1].path[:2] if _nested(pair) else ()].append(pair)
    kept = set().union(*map(_longest_in_order, together.values()))
    chosen: list[Pair] = []
    pushed: Counter[int] = Counter()
    for pair in pairs:
        old, new = pair
        if rows.get(old.row, old.row) != new.row or old.box[0] != new.box[0] or id(pair) not in kept:
            chosen.append(pair)
        elif distance := lowered(pair):
            pushed[distance] += old.kind != "row"
    return chosen, pushed


def lowered(pair: Pair) -> int:
    """Return by how many grid rows a panel stands lower (negative: higher), within its row if that is collapsed."""
    before, after = _heights(pair)
    return after - before


def _nested(pair: Pair) -> bool:
    return all(panel.start for panel in pair)


def _heights(pair: Pair) -> tuple[int, int]:
    old, new = pair
    return (old.box[1] - old.start, new.box[1] - new.start) if _nested(pair) else (old.box[1], new.box[1])


def _longest_in_order(pairs: Sequence[Pair]) -> set[int]:
    """Find the largest set of pairs whose order from top to bottom did not change, by patience sorting."""
    ordered = sorted(pairs, key=_heights)
    tops: list[tuple[int, int]] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, pair in enumerate(ordered):
        top = _heights(pair)[1], index
        at = bisect_left(tops, top)
        previous.append(ends[at - 1] if at else -1)
        tops[at : at + 1], ends[at : at + 1] = [top], [index]
    kept, index = set(), ends[-1] if ends else -1
    while index >= 0:
        kept.add(id(ordered[index]))
        index = previous[index]
    return kept
