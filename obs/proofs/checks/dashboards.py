"""Would Grafana take every dashboard as it is, and show all of it?"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from obs.boards.board import COLUMNS, Dashboard
from obs.boards.model import panels
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.stack.identity import DEPLOYED, MAX_UID

UID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_UID}}}")
REF_ID = re.compile(r"[A-Z]{1,2}")
LARGEST_ID = 2**31 - 1
BUILT_IN = ("-- Grafana --", "-- Mixed --", "-- Dashboard --", "grafana")


def identities(evidence: Evidence) -> Iterator[Fault]:
    """Find uids, panel ids and refIds that Grafana refuses or that two things share."""
    uids = Counter(board.model.get("uid", "") for board in evidence.built.dashboards)
    for board in evidence.built.dashboards:
        uid = board.model.get("uid", "")
        if not UID.fullmatch(uid):
            yield Fault(
                board.place(), f"the uid is {uid!r}", f"it takes at most {MAX_UID} letters, digits, '-' and '_'"
            )
        if uids[uid] > 1:
            yield Fault(board.place(), f"{uids[uid]} dashboards have the uid '{uid}'", "uids are unique in Grafana")
        yield from _panel_identities(board)


def grid(evidence: Evidence) -> Iterator[Fault]:
    """Find panels outside of the grid, and those that lie on each other."""
    for board in evidence.built.dashboards:
        placed = [(panel, panel.get("gridPos", {})) for panel in board.model.get("panels", ())]
        for panel, at in placed:
            if not _inside(at):
                where = board.place_of(panel)
                yield Fault(where, f"it lies at {_place(at)}", f"the grid has {COLUMNS} columns, and rows from 0 down")
        legal = [(panel, at) for panel, at in placed if _inside(at)]
        for number, (panel, at) in enumerate(legal):
            for other, there in legal[:number]:
                if _overlap(at, there):
                    where = board.place_of(panel)
                    yield Fault(where, f"it lies on panel '{other.get('title', '')}'", f"both take {_place(at)}")


def explained(evidence: Evidence) -> Iterator[Fault]:
    """Find panels without a title, a description or a query."""
    for board in evidence.built.dashboards:
        for panel in panels(board.model):
            yield from (Fault(board.place_of(panel), what, instead) for what, instead in unexplained(panel))


def unexplained(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a panel lacks that only a person can say, and what to do about it."""
    if not panel.get("title"):
        yield f"it has no title, and the id {panel.get('id')}", "name what it answers"
    if not panel.get("description"):
        yield "it has no description", "say what a change means, and what to do"
    if not panel.get("targets") and panel.get("type") not in ("text", "dashlist", "alertlist", "news"):
        yield "it asks nothing", "give it a query"


def sources(evidence: Evidence) -> Iterator[Fault]:
    """Find data sources that do not exist."""
    configured = evidence.built.stack.datasources
    kinds = {source.uid: kind for kind, source in configured.items()}
    for board in evidence.built.dashboards:
        chosen = {
            f"${{{variable['name']}}}": str(variable.get("query", ""))
            for variable in board.model.get("templating", {}).get("list", ())
            if variable.get("type") == "datasource"
        }
        for where, source in _sources(board):
            uid, kind = source.get("uid", ""), source.get("type", "")
            found = (kinds | chosen).get(uid)
            if uid in BUILT_IN:
                continue
            if found is None:
                instead = f"there is {', '.join((*chosen, *kinds))}"
                yield Fault(where, f"no data source has the uid '{uid}'", instead)
            elif kind != found:
                yield Fault(where, f"the data source '{uid}' is taken for {kind}", f"it is {found}")
        for panel in panels(board.model):
            if not panel.get("datasource") and not all(one.get("datasource") for one in panel.get("targets", ())):
                what = "it has no data source, so Grafana asks whatever is the default"
                yield Fault(board.place_of(panel), what, f"there is {', '.join((*chosen, *kinds))}")


def untagged(evidence: Evidence) -> Iterator[Fault]:
    """Find annotations that wait for a tag nobody writes."""
    written = (DEPLOYED, evidence.built.stack.service.name)
    for board in evidence.built.dashboards:
        for annotation in board.model.get("annotations", {}).get("list", ()):
            target = annotation.get("target", {})
            for tag in target.get("tags", ()) if target.get("type") == "tags" else ():
                if tag not in written:
                    where = board.place(f"annotation '{annotation['name']}'")
                    yield Fault(where, f"nothing writes the tag '{tag}'", f"`obs push` writes {', '.join(written)}")


def _panel_identities(board: Dashboard) -> Iterator[Fault]:
    everything = [*board.model.get("panels", ()), *panels(board.model)]
    unique = {id(panel): panel for panel in everything}.values()
    ids = Counter(panel.get("id") for panel in unique)
    for panel in unique:
        where = board.place_of(panel)
        number = panel.get("id")
        if type(number) is not int or not 1 <= number <= LARGEST_ID:
            yield Fault(where, f"its id is {number!r}", f"take a whole number from 1 to {LARGEST_ID}")
        if ids[number] > 1:
            yield Fault(where, f"{ids[number]} panels have the id {number}", "give it a slug= of its own")
        refs = Counter(target.get("refId", "") for target in panel.get("targets", ()))
        for ref, times in refs.items():
            if not REF_ID.fullmatch(ref):
                yield Fault(where, f"a query has the refId {ref!r}", "take A, B, C and on")
            if times > 1:
                yield Fault(where, f"{times} queries have the refId '{ref}'", "refIds are unique in a panel")


def _sources(board: Dashboard) -> Iterator[tuple[Place, dict[str, Any]]]:
    for kind in ("templating", "annotations"):
        for item in board.model.get(kind, {}).get("list", ()):
            if isinstance(item.get("datasource"), dict):
                yield board.place(f"{kind.removesuffix('s')} '{item['name']}'"), item["datasource"]
    for panel in panels(board.model):
        where = board.place_of(panel)
        for holder in (panel, *panel.get("targets", ())):
            if isinstance(holder.get("datasource"), dict):
                yield where, holder["datasource"]


def _inside(at: dict[str, Any]) -> bool:
    numbers = [at.get(key) for key in ("x", "y", "w", "h")]
    if not all(type(number) is int for number in numbers):
        return False
    x, y, width, height = (int(number or 0) for number in numbers)
    return x >= 0 and y >= 0 and width >= 1 and height >= 1 and x + width <= COLUMNS


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)


def _place(at: dict[str, Any]) -> str:
    return f"x={at.get('x')} y={at.get('y')} w={at.get('w')} h={at.get('h')}"


CHECKS = (
    Check(
        "dashboard/identity",
        "uids, panel ids and refIds are legal and unique",
        identities,
        why="Grafana refuses or overwrites what shares a uid, and a link to a panel follows its id.",
        fails='{"panels": [{"id": 792927765}, {"id": 792927765}]}',
        remedy="Give the panel a `slug=` of its own; ids are made from it.",
        language="json",
    ),
    Check(
        "dashboard/grid",
        "no panel lies outside of the grid or on another",
        grid,
        why="Panels that lie on each other hide each other; Grafana moves them where nobody put them.",
        fails='{"gridPos": {"x": 13, "y": 0, "w": 12, "h": 8}}',
        remedy="Keep the widths of a line within 24.",
        language="json",
    ),
    Check(
        "dashboard/explained",
        "every panel has a title, a description and a query",
        explained,
        why="A panel without a sentence on how to act is a picture; who is woken needs the sentence.",
        fails='{"title": "Error ratio", "description": ""}',
        remedy="Say what a change means and what to do: `why=`.",
        language="json",
    ),
    Check(
        "dashboard/source",
        "every query has a data source that exists and is of its kind",
        sources,
        why="A data source that is not there makes every panel on it fail.",
        fails='{"datasource": {"type": "prometheus", "uid": "promethius"}}',
        remedy="Take a uid of [datasources] in stack.toml.",
        language="json",
    ),
    Check(
        "dashboard/annotation-tag",
        "annotations ask for tags that a push writes",
        untagged,
        why="An annotation by a misspelt tag shows nothing, so nobody sees that a deploy came before the fault.",
        fails='{"annotations": {"list": [{"name": "Deploys", "target": {"type": "tags", "tags": ["deploys"]}}]}}',
        remedy="Take the tags that `obs push` writes: `deploy`, and the name of the service.",
        language="json",
    ),
)
