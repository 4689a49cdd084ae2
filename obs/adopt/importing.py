"""What is left of a dashboard when it is said in the panel vocabulary, and what is lost?"""

from dataclasses import dataclass
from typing import Any

from obs.adopt.reading import Imported, read
from obs.adopt.writing import module
from obs.boards.board import board
from obs.diff import ObjectChange, diff_dashboard
from obs.stack import Stack


@dataclass(frozen=True, slots=True)
class Import:
    """A dashboard as a module of `dashboards/`: its source, and how what it builds differs from the original."""

    slug: str
    source: str
    losses: ObjectChange

    @property
    def path(self) -> str:
        """Return where the module belongs."""
        return f"dashboards/{self.slug.replace('-', '_')}.py"


def import_dashboard(model: dict[str, Any], stack: Stack, slug: str = "") -> Import:
    """Turn a dashboard's classic JSON, bare or as Grafana's API and export wrap it, into a module.

    What the vocabulary cannot say is found by comparing what the module builds with the original, so nothing is lost
    without a word. Raises DiffError for a v2 dashboard and for JSON that is none.
    """
    inner = model.get("dashboard")
    original = inner if isinstance(inner, dict) else model
    imported = read(original, stack, slug)
    return Import(imported.slug, module(imported), diff_dashboard(original, built(imported, stack)))


def built(imported: Imported, stack: Stack) -> dict[str, Any]:
    """Build the dashboard that the module of an import builds."""
    return board(stack, **imported.arguments()).model
