"""What is a check? A claim about the whole stack, with an id, and a function that finds what breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from obs.proofs.evidence import Evidence, Fault


@dataclass(frozen=True, slots=True)
class Check:
    """
    One claim, and what finds the breaches of it.

    ``id`` is `family/name`: what waivers name and reports print. ``claim`` is what holds when nothing is found. A
    ``whole`` check is about the checkout, and not only about what a build would write.
    """

    id: str
    claim: str
    find: Callable[[Evidence], Iterator[Fault]]
    whole: bool = False
