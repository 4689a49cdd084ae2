"""The checks take time in proportion to what they read."""

import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from obs.boards.board import Dashboard
from obs.output import Built
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine


def copies(board: Dashboard, count: int) -> tuple[Dashboard, ...]:
    """Return a dashboard several times, each with queries of its own."""
    made = []
    for number in range(count):
        model: dict[str, Any] = deepcopy(board.model)
        for panel in model["panels"]:
            for target in panel.get("targets", ()):
                target["expr"] = target.get("expr", "") + " " * (20 * count + number)  # parsed before by nobody
        made.append(replace(board, slug=f"{board.slug}-{number}", source=f"dashboards/{number}.py", model=model))
    return tuple(made)


def calls(evidence: Evidence) -> int:
    """Return how many calls of Python functions the checks take: a count no other load on the machine changes."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        examine(evidence)
    finally:
        sys.setprofile(None)
    return counted


def test_ten_times_the_boards_take_ten_times_the_work(built: Built, tmp_path: Path) -> None:
    """What a dashboard more costs does not rise with the number of dashboards."""
    board = next(one for one in built.dashboards if one.slug == "redis")
    examine(Evidence(built, tmp_path))
    two, four, twelve = (calls(Evidence(replace(built, dashboards=copies(board, n)), tmp_path)) for n in (2, 4, 12))

    assert twelve - four < 1.1 * 4 * (four - two)
