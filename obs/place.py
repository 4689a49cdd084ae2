"""Where is something, as a person opens it?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A file below the checkout, a line of it (0 where the whole file is meant), and what stands there in words."""

    file: str
    line: int = 0
    item: str = ""

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        return " ".join(filter(None, (f"{self.file}{line}", self.item)))
