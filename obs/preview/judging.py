"""Does every picture tell the truth? Boards in an ordinary hour, and the panel of each alert while it fires."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from obs.alerting import Alert
from obs.boards.model import panels
from obs.preview import lint
from obs.preview.answering import Boards, Data, answered
from obs.preview.answers import Answers, Layout
from obs.preview.history import Progress
from obs.preview.lint import Flaw
from obs.preview.story import Teller

SIDE_BY_SIDE = 2
"""Servers that are asked at once."""

Draw = Callable[[Mapping[str, Answers]], Mapping[str, Layout]]


@dataclass(frozen=True, slots=True)
class Linked:
    """An alert, and the panel that it links to."""

    alert: Alert
    board: str
    panel: Mapping[str, Any]


def linked(alerts: Sequence[Alert], boards: Boards) -> Iterator[Linked]:
    """Yield the alerts whose panel is on one of ``boards``."""
    for alert in alerts:
        for panel in panels(dict(boards.get(alert.panel.dashboard, {}))) if alert.panel else ():
            if alert.panel and panel.get("title") == alert.panel.title:
                yield Linked(alert, alert.panel.dashboard, panel)


def ordinary(answers: Mapping[str, Answers], layouts: Mapping[str, Layout], links: Sequence[Linked]) -> list[Flaw]:
    """Return what is wrong with boards that show an ordinary hour."""
    found: list[Flaw] = []
    for slug, layout in layouts.items():
        found += lint.annotated(slug, answers[slug])
        found += lint.ordinary(slug, answers[slug], layout)
        for one in links:
            drawn = layout["panels"].get(str(one.panel["id"]))
            if one.board == slug and drawn:
                found += lint.quiet(one.alert.name, slug, drawn)
    return found


def firing(
    data: Data, teller: Teller, boards: Boards, links: Sequence[Linked], *, draw: Draw, progress: Progress
) -> list[Flaw]:
    """Return what is wrong with the panels of alerts, each inside its firing case; raise what asking and drawing do."""
    links = [one for one in links if one.alert.severity != "none"]
    if not links:
        return []
    teller.ordinary().tell()  # drawn once, before threads ask for it
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        documents = list(pool.map(lambda one: _document(data, teller, boards, one, progress), links))
    pages: dict[str, list[tuple[Linked, Answers]]] = {}
    for one, answers in zip(links, documents, strict=True):
        pages.setdefault(f"firing-{answers['range']['from']}", []).append((one, answers))
    layouts = draw({name: _together([answers for _, answers in page]) for name, page in pages.items()})
    found: list[Flaw] = []
    for name, page in pages.items():
        for number, (one, answers) in enumerate(page, start=1):
            drawn = layouts[name]["panels"][str(number)]
            model = next(panels(answers["dashboard"]))
            found += lint.firing(one.alert.name, one.board, model, drawn)
    return found


def _document(data: Data, teller: Teller, boards: Boards, one: Linked, progress: Progress) -> Answers:
    """Return the answers of one panel inside its alert's firing case."""
    told = next(case for case in one.alert.cases if case.verdict == "fires")
    source = teller.case(one.alert, told)
    progress(f"asking for {one.alert.name}")
    model = dict(boards[one.board]) | {"panels": [one.panel], "annotations": {"list": []}}
    return answered(replace(data, source=source, keep=False), {one.board: model})[one.board]


def _together(documents: Sequence[Answers]) -> Answers:
    """Return one board with the panel of each document, below each other, under ids that count from 1."""
    shown: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    y = 0
    for number, answers in enumerate(documents, start=1):
        panel = next(panels(answers["dashboard"]))
        found[str(number)] = answers["panels"][str(panel["id"])]
        shown.append(panel | {"id": number, "gridPos": panel["gridPos"] | {"x": 0, "y": y}})
        y += panel["gridPos"]["h"]
    first = documents[0]
    whole = first["dashboard"] | {"title": "Alerts while they fire", "panels": shown}
    return {**first, "dashboard": whole, "panels": found, "source": "the firing case of each alert"}
