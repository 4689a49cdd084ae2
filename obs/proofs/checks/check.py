"""What is a check? A claim about the whole stack, with an id, and a function that finds what breaks it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Literal

from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.query.expr import Parsed
from obs.query.positions import Part
from obs.query.series import Contract

QUERIES = 1024
"""What is remembered of so many queries: a service asks about 700, most of them as others do."""

Judged = Iterator[tuple[str, str, Part]]
"""What is wrong with a query, what to write instead, and the guilty part."""


def of_query(
    *, known: bool = True, origins: Collection[str] = ()
) -> Callable[[Callable[[Parsed, Contract], Judged]], Callable[[Evidence], Iterator[Fault]]]:
    """
    Make a check of what judges one query: it is asked of every query, wherever that is written.

    With ``known`` only queries are judged that read nothing but series that exist; ``origins`` are those of the
    queries, where not all are meant. A query is judged once in a run, however many panels, rules and services ask it.
    """

    def decorate(judge: Callable[[Parsed, Contract], Judged]) -> Callable[[Evidence], Iterator[Fault]]:
        @lru_cache(maxsize=QUERIES)
        def judged(query: Parsed, contract: Contract) -> tuple[tuple[str, str, Part], ...]:
            return tuple(judge(query, contract))

        @wraps(judge)
        def find(evidence: Evidence) -> Iterator[Fault]:
            contract = evidence.contract
            for question, query in evidence.answerable if known else evidence.parsed:
                if not origins or question.origin in origins:
                    for one in judged(query, contract):
                        yield question.fault(*one)

        return find

    return decorate


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
