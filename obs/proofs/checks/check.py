"""What is a check? A claim about the whole stack, with an id, and a function that finds what breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault


@dataclass(frozen=True, slots=True)
class Check:
    """
    One claim, and what finds the breaches of it.

    ``id`` is `family/name`: what waivers name, reports print and its page is called. ``claim`` is what holds when
    nothing is found, ``why`` what happens to people where it does not, ``fails`` an example in ``language`` that the
    check refuses, and ``remedy`` what to do. A ``whole`` check is about the checkout, not only about what a
    build writes.
    """

    id: str
    claim: str
    find: Callable[[Evidence], Iterator[Fault]]
    why: str
    fails: str
    remedy: str
    language: Literal["promql", "logql", "python", "json", "yaml", "toml", "markdown", "text"] = "promql"
    whole: bool = False

    @property
    def page(self) -> str:
        """The page that explains it, below the checkout."""
        return f"docs/checks/{self.id.replace('/', '-')}.md"
