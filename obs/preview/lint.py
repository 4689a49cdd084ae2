"""What is wrong with a picture, read from where a browser put things, without eyes?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from obs.boards.model import panels
from obs.preview.answers import Answers, Drawn, Layout
from obs.preview.ask import NO_LOKI

SCREEN_PIXELS = 1080
MOST_SCREENS = 3
LEAST_PLOT = 0.5
"""Share of a panel that its plot takes, at least: else the legend is what is drawn."""

HUNDRED = 100
"""The end of an axis over zeros alone, where nothing says how far it reaches: 100 requests, or 10000 %."""

MOST_DIGITS = 4
"""That a reader takes in of one number; the share of a promise has more (`99.95%`)."""

TROUBLE = re.compile(r"(?:dark-|light-|semi-dark-|super-light-)?(?:red|orange)")
NUMBER = re.compile(r"-?(?P<whole>\d+)(?:\.(?P<part>\d+))?")
NUMBERS = ("stat", "gauge", "bargauge", "table")
PLOTTED = ("timeseries", "heatmap", "state-timeline", "barchart", "histogram", "status-history")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a panel, or with a whole board where ``panel`` is empty."""

    board: str
    panel: str
    what: str

    def __str__(self) -> str:
        """Say it as one line."""
        where = f"{self.board} / {self.panel}" if self.panel else self.board
        return f"{where}: {self.what}"


def ordinary(board: str, answers: Answers, layout: Layout) -> Iterator[Flaw]:
    """Yield what is wrong with a board that shows an hour in which nothing is."""
    models = {str(panel["id"]): panel for panel in panels(answers["dashboard"])}
    if layout["pageHeight"] > MOST_SCREENS * SCREEN_PIXELS:
        screens = layout["pageHeight"] / SCREEN_PIXELS
        yield Flaw(board, "", f"is {screens:.1f} screens high, {MOST_SCREENS} are read: fold rows that are rarely read")
    for key, drawn in layout["panels"].items():
        if key in models:
            for what in _flaws(models[key], drawn):
                yield Flaw(board, drawn["title"], what)
    yield from _uneven(board, layout)


def _flaws(model: Mapping[str, Any], drawn: Drawn) -> Iterator[str]:
    if drawn["type"] in NUMBERS and not all(target.get("instant") for target in model.get("targets", ())):
        yield "shows the last value of a range: what is dead keeps it, in green; ask once, with instant"
    if drawn["error"]:
        if refused := _refused(drawn):
            yield f"a query fails: {refused}"
    elif drawn["noData"]:
        if not model.get("fieldConfig", {}).get("defaults", {}).get("noValue"):
            yield "shows 'No data' in an ordinary hour: say with empty= what that means"
    else:
        for judge in (_room, _reach, _words):
            yield from judge(drawn)


def _refused(drawn: Drawn) -> str:
    """Return what was refused; lines that no Loki was there to ask for are missing, and are not wrong."""
    return "\n".join(line for line in (drawn["error"] or "").splitlines() if not line.endswith(NO_LOKI))


def _room(drawn: Drawn) -> Iterator[str]:
    plot, legend = drawn["plot"], drawn["legend"]
    if plot and drawn["type"] in PLOTTED:
        share = plot["width"] * plot["height"] / (drawn["width"] * drawn["height"])
        if share < LEAST_PLOT:
            yield f"its plot takes {share:.0%} of it, a legend or a title the rest: make it wider or the legend shorter"
    if legend and legend["hidden"]:
        yield f"{legend['hidden']} of {legend['rows']} rows of its legend are hidden: show fewer series or give it room"


def _reach(drawn: Drawn) -> Iterator[str]:
    for limit in drawn["thresholds"]:
        if not limit["inView"]:
            yield f"its limit {limit['value']:g} is off the axis: let the axis reach it"
    readings = [value["numeric"] for value in drawn["values"] if value["numeric"] is not None]
    for axis in drawn["axes"]:
        if readings and not any(readings) and axis["max"] >= HUNDRED and not drawn["thresholds"]:
            yield f"its axis runs to {axis['max']:g} over nothing but zeros: give it a soft maximum"


def _words(drawn: Drawn) -> Iterator[str]:
    for text in drawn["texts"]:
        if text["cut"]:
            yield f"the text '{text['text']}' is cut"
    for value in drawn["values"] if drawn["type"] in NUMBERS else ():
        if not _readable(value["text"]):
            yield f"'{value['text']}' has more digits than anybody reads: say decimals="


def _readable(text: str) -> bool:
    found = NUMBER.search(text)
    if not found or not found["part"]:
        return True
    if text.rstrip().endswith("%") and int(found["whole"]) >= 99:  # noqa: PLR2004 - a promise is told by its nines
        return True
    digits = len((found["whole"] + found["part"]).lstrip("0"))
    padded = len(found["whole"]) > 1 and found["part"].strip("0") == "" and len(found["part"]) > 1
    return digits <= MOST_DIGITS and len(found["part"]) < MOST_DIGITS and not padded


def _uneven(board: str, layout: Layout) -> Iterator[Flaw]:
    """Yield numbers beside each other of which one is larger: their size says nothing."""
    rows: dict[float, dict[str, float]] = {}
    for drawn in layout["panels"].values():
        if drawn["type"] == "stat" and drawn["texts"]:
            sizes = rows.setdefault(drawn["y"], {})
            sizes[drawn["title"]] = max(text["fontSize"] for text in drawn["texts"])
    for sizes in rows.values():
        if sizes and max(sizes.values()) > min(sizes.values()) + 1:
            small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
            what = f"its number is {sizes[small]:g} px high, that of '{large}' beside it {sizes[large]:g}"
            yield Flaw(board, small, what)


def trouble(drawn: Drawn, model: Mapping[str, Any] | None = None) -> str:
    """Return what a panel shows of trouble, nothing for none: a value, or a series of that name, in red or orange."""
    for value in drawn["values"]:
        if TROUBLE.fullmatch(value["color"]):
            return f"{value['text']} in {value['color']}"
        for pattern, color in _named(model or {}):
            if value["numeric"] and pattern.search(str(value.get("name", ""))) and TROUBLE.fullmatch(color):
                return f"{value.get('name', '')} {value['text']} in {color}"
    return next((f"a value in {color}" for color in drawn["colors"] if TROUBLE.fullmatch(color)), "")


def _named(model: Mapping[str, Any]) -> Iterator[tuple[re.Pattern[str], str]]:
    """Yield the colours that series have by name."""
    for override in model.get("fieldConfig", {}).get("overrides", ()):
        for prop in override["properties"]:
            if prop["id"] == "color" and override["matcher"]["id"] in ("byRegexp", "byName"):
                text = str(override["matcher"]["options"])
                pattern = text.strip("/") if override["matcher"]["id"] == "byRegexp" else f"^{re.escape(text)}$"
                yield re.compile(pattern), str(prop["value"].get("fixedColor", ""))


def firing(alert: str, board: str, model: Mapping[str, Any], drawn: Drawn) -> Iterator[Flaw]:
    """Yield why somebody who follows ``alert`` to its panel while it fires would not see the trouble."""
    title = drawn["title"]
    if drawn["error"]:
        yield Flaw(board, title, f"its query fails while {alert} fires: {drawn['error']}")
    elif drawn["noData"] and not drawn["values"]:
        yield Flaw(board, title, f"is empty while {alert} fires")
    elif not trouble(drawn, model):
        yield Flaw(board, title, f"shows no trouble while {alert} fires: {_said(drawn)}")
    for limit in drawn["thresholds"]:
        if not limit["inView"]:
            yield Flaw(board, title, f"its limit {limit['value']:g} is off the axis while {alert} fires")
    worst = _worst_is_first(drawn)
    if worst:
        yield Flaw(board, title, f"{worst} while {alert} fires")


def incident(board: str, layout: Layout) -> Iterator[Flaw]:
    """Yield what hides the trouble on a board that shows an incident."""
    for drawn in layout["panels"].values():
        if refused := _refused(drawn):
            yield Flaw(board, drawn["title"], f"a query fails: {refused}")
        if worst := _worst_is_first(drawn):
            yield Flaw(board, drawn["title"], worst)


def quiet(alert: str, board: str, drawn: Drawn) -> Iterator[Flaw]:
    """Yield what the panel of ``alert`` shows of trouble in an hour in which nothing is wrong."""
    if shown := trouble(drawn):
        yield Flaw(board, drawn["title"], f"shows trouble in an ordinary hour, in which {alert} is silent: {shown}")


def annotated(board: str, answers: Answers) -> Iterator[Flaw]:
    """Yield marks on every plot of an hour in which nothing happened."""
    for mark in answers["annotations"]:
        yield Flaw(board, "", f"the annotation '{mark['name']}' marks an ordinary hour: {mark['text']}")


def _worst_is_first(drawn: Drawn) -> str:
    """Return what is wrong with the order of a table: its first row is well, and one below is not."""
    rows = drawn.get("rows") or []
    if drawn["type"] != "table" or not rows:
        return ""
    wide = len(drawn["values"]) // len(rows)
    ill = [
        any(TROUBLE.fullmatch(value["color"]) for value in drawn["values"][row * wide : (row + 1) * wide])
        for row in range(len(rows))
    ]
    return f"the first row is well and row {ill.index(True) + 1} is not" if any(ill) and not ill[0] else ""


def _said(drawn: Drawn) -> str:
    shown = [f"{value['text']} in {value['color']}" for value in drawn["values"]][:3]
    return ", ".join(shown) or "nothing"
