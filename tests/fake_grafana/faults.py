"""Which request goes wrong, and how?"""

from dataclasses import dataclass
from typing import Literal

How = Literal[
    "drop-before",  # the connection breaks before anything is applied
    "drop-after",  # it breaks after the request was applied: the answer is lost
    "429",
    "429-retry-after",
    "500-before",
    "500-after",
    "locked",  # SQLite under parallel writes
    "html",  # a proxy's page with status 200, nothing applied
    "502-html",
    "slow",  # slower than the client waits; applied
    "redirect",
    "forbidden",
    "call-before",  # runs `Fault.call`: a kill, or somebody else's write
    "call-after",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to requests number ``at`` (from 0) to ``at + times - 1``, writes alone if ``writes``."""

    how: How
    at: int = 0
    times: int = 1
    writes: bool = False

    def hits(self, index: int, write_index: int | None) -> bool:
        """Tell whether a request is affected; ``write_index`` is None for a read."""
        number = write_index if self.writes else index
        return number is not None and self.at <= number < self.at + self.times

    @property
    def applies(self) -> bool:
        """Whether the request is carried out all the same."""
        return self.how in {"drop-after", "500-after", "slow", "call-before", "call-after"}
