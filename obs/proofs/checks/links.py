"""Does every link, runbook address and panel reference lead somewhere?"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from obs.boards.board import Dashboard
from obs.boards.model import panels
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import place

BOARD = re.compile(r"/d/(?P<uid>[^/?#]+)[^?#]*(?:\?(?P<query>[^#]*))?")
PANEL = re.compile(r"viewPanel=(?:panel-)?(\d+)")
PASSED = re.compile(r"(?:^|&)var-(\w+)=")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def broken(evidence: Evidence) -> Iterator[Fault]:
    """Find links of dashboards and alerts that lead nowhere."""
    stack = evidence.built.stack
    for board in evidence.built.dashboards:
        for where, url in _links(board):
            yield from (Fault(where, what, instead) for what, instead in _broken(evidence, url))
        yield from _tags(evidence, board)
    for alert in evidence.alerts:
        for key in ("runbook_url", "dashboard_url"):
            url = alert.annotations(stack).get(key, "")
            yield from (Fault(place(alert), f"{key}: {what}", instead) for what, instead in _broken(evidence, url))


def panel_references(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts whose panel does not exist, or plots something else."""
    if not evidence.built.stack.grafana.url:
        return
    boards = {board.slug: board for board in evidence.built.dashboards}
    recorded = {q.where.item: query for q, query in evidence.parsed if q.origin == "recording"}
    expressions = {q.where: query for q, query in evidence.parsed if q.origin == "alert"}
    shown = _shown(evidence)
    for alert in evidence.alerts:
        if not alert.panel:
            continue
        board = boards.get(alert.panel.dashboard)
        if not board:
            yield Fault(
                place(alert), f"there is no dashboard '{alert.panel.dashboard}'", f"there is {', '.join(boards)}"
            )
            continue
        found = [panel for panel in panels(board.model) if panel.get("title") == alert.panel.title]
        if not found:
            titles = ", ".join(f"'{panel.get('title')}'" for panel in panels(board.model))
            yield Fault(place(alert), f"{board.source} has no panel '{alert.panel.title}'", f"it has {titles}")
        elif place(alert) in expressions:
            asked = _families(evidence, recorded, [selector.name for selector in expressions[place(alert)].selectors])
            plotted = [name for panel in found for name in shown.get(board.place_of(panel), ())]
            shown_families = _families(evidence, recorded, plotted)
            if asked and not asked & shown_families:
                what = f"panel '{alert.panel.title}' plots none of what the alert reads"
                yield Fault(place(alert), what, f"it reads {', '.join(sorted(asked))}")


def _links(board: Dashboard) -> Iterator[tuple[Place, str]]:
    for link in board.model.get("links", ()):
        if link.get("url"):
            yield board.place(f"link '{link.get('title', '')}'"), link["url"]
    for panel in panels(board.model):
        for url in _urls({key: panel.get(key) for key in ("links", "fieldConfig")}):
            yield board.place_of(panel), url


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield value["url"]
        for inner in value.values():
            yield from _urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _urls(inner)


def _tags(evidence: Evidence, board: Dashboard) -> Iterator[Fault]:
    tagged = [set(other.model.get("tags", ())) for other in evidence.built.dashboards]
    for link in board.model.get("links", ()):
        tags = set(link.get("tags", ()))
        if link.get("type") == "dashboards" and not any(tags <= there for there in tagged):
            what = f"no dashboard has the tags {', '.join(sorted(tags))}"
            yield Fault(board.place(f"link '{link.get('title', '')}'"), what, "link by a tag that boards carry")


def _broken(evidence: Evidence, url: str) -> Iterator[tuple[str, str]]:
    stack = evidence.built.stack
    runbooks = stack.runbooks.base_url.rstrip("/") + "/"
    if url.startswith(runbooks):
        yield from _page(evidence, url.removeprefix(runbooks))
    elif (found := BOARD.search(url)) and not urlsplit(url).netloc.startswith("$"):
        boards = evidence.boards
        uid = found["uid"]
        if uid not in boards and "$" not in uid:
            yield f"no dashboard has the uid '{uid}'", f"there is {', '.join(boards)}"
        elif uid in boards and (number := PANEL.search(found["query"] or "")):
            ids = {panel.get("id") for panel in panels(boards[uid].model)}
            if int(number[1]) not in ids:
                yield f"{boards[uid].source} has no panel with id {number[1]}", "link it by its title"
        if uid in boards:
            listed = [one["name"] for one in boards[uid].model.get("templating", {}).get("list", ())]
            for name in PASSED.findall(found["query"] or ""):
                if name not in listed:
                    yield (
                        f"{boards[uid].source} has no variable '{name}' to pass a value to",
                        f"it has {', '.join(listed)}",
                    )


def _page(evidence: Evidence, address: str) -> Iterator[tuple[str, str]]:
    name, _, anchor = address.partition("#")
    path = f"docs/operations/{name}"
    if path not in evidence.pages:
        yield f"there is no {path}", f"there is {', '.join(evidence.pages)}"
    elif anchor and anchor not in anchors(evidence.pages[path]):
        yield f"{path} has no section '#{anchor}'", "write it"


def anchors(text: str) -> set[str]:
    """Return the anchors of a Markdown page, as GitHub makes them of its headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def _families(evidence: Evidence, recorded: dict[str, Any], names: list[str]) -> set[str]:
    found = set()
    for name in names:
        series = evidence.contract.series.get(name)
        found.add(series.family.name if series else name)
        if name in recorded:
            found |= _families(evidence, recorded, [selector.name for selector in recorded[name].selectors])
    return found


def _shown(evidence: Evidence) -> dict[Place, list[str]]:
    """Return the series that each panel reads."""
    found: dict[Place, list[str]] = {}
    for question, query in evidence.parsed:
        if question.origin == "panel":
            found.setdefault(question.where, []).extend(selector.name for selector in query.selectors)
    return found


CHECKS = (
    Check(
        "link/broken",
        "every link leads to a page, section, dashboard, panel or variable that is there",
        broken,
        why="A link that leads nowhere is found by the person who needs it most.",
        fails="/d/rce-api-reddis?from=now-1h",
        remedy="Link boards and panels by their slug and title.",
        language="text",
        whole=True,
    ),
    Check(
        "alert/panel",
        "the panel of an alert exists and plots what the alert reads",
        panel_references,
        why="Who is woken opens the alert's panel first; it has to show what woke them.",
        fails='Alert(panel=PanelRef("api", "Targets"), expr="redis_up == 0", summary="It is down.")',
        remedy="Name a panel that plots a series the alert reads.",
        language="python",
    ),
)
