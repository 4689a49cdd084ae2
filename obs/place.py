"""Where is something, as a person opens it?"""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

BETWEEN = ("obs", "dataclasses")
"""Packages whose frames stand between a line of a service's own Python and what it makes."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file below the checkout, a line of it (0 where the whole file is meant), and what stands there in words."""

    file: str
    line: int = 0
    item: str = ""

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        return " ".join(filter(None, (f"{self.file}{line}", self.item)))


def caller() -> Place | None:
    """Return the nearest line up the stack that is not the tool's own: the one that asked for something to be made."""
    # `inspect.stack` would read every source file of the stack.
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame = frame.f_back
    return Place(_shown(frame.f_code.co_filename), frame.f_lineno) if frame else None


@cache
def _shown(file: str) -> str:
    """Return a module of a service below its folder, such as `dashboards/api.py`."""
    return "/".join(Path(file).parts[-2:])
