"""What is left of a dashboard when it is said in the panel vocabulary, and what is lost?"""

from dataclasses import dataclass
from typing import Any

from obs.adopt.reading import Imported, read
from obs.adopt.remainder import unwrapped
from obs.adopt.writing import module
from obs.boards.board import board
from obs.diff import ObjectChange, Sentence, diff_dashboard
from obs.diff.documents import opened
from obs.diff.layout import panels
from obs.diff.values import finite, objects, table
from obs.place import Place
from obs.proofs.checks.dashboards import unexplained
from obs.proofs.finding import Fault, Finding
from obs.stack import Stack

LEFT = frozenset({"__inputs", "__requires", "__elements", "folderUid"})
"""What an export says about itself: the inputs become variables, the rest is for Grafana's import page."""


RANKS = ("panel", "query", "repeated for variable", "variable", "visualisation", "data source", "thresholds", "unit")
"""What a loss means, the gravest first; any other setting comes after these, plugin versions and ids last."""

INSTEAD = "say it in raw= of the module, or let it go"


@dataclass(frozen=True, slots=True)
class Import:
    """A dashboard as a module of `dashboards/`: its source, and how what it builds differs from the original."""

    slug: str
    source: str
    losses: ObjectChange
    panels: int
    foreign: tuple[str, ...]
    """Titles of the panels that ask another data source than Prometheus or Loki: kept, and not checked."""
    unexplained: int = 0
    """How many panels lack a title, a description or a query, which only a person can say."""

    @property
    def path(self) -> str:
        """Return where the module belongs."""
        return f"dashboards/{self.slug.replace('-', '_')}.py"

    @property
    def findings(self) -> list[Finding]:
        """What the module says otherwise than the original, the gravest first; what it adds is not among it."""
        lost = sorted((one for one in self.losses.sentences if one.old is not None), key=_rank)
        return [
            Finding(
                Fault(Place(self.path, item=one.subject or "the dashboard"), one.text, INSTEAD),
                f"import/{one.field.replace(' ', '-') or 'other'}",
            )
            for one in lost
        ]

    @property
    def unequal(self) -> int:
        """Count the panels that are not the same when the module has built them."""
        said = (one for one in self.losses.sentences if one.subject and not one.subject.startswith("row "))
        return len({one.subject for one in said if not one.hidden})


def _rank(sentence: Sentence) -> int:
    if sentence.hidden or sentence.field == "plugin version":
        return len(RANKS) + 1
    return RANKS.index(sentence.field) if sentence.field in RANKS else len(RANKS)


def import_dashboard(model: dict[str, Any], stack: Stack, slug: str = "", job: str = "") -> Import:
    """Turn a dashboard's classic JSON, bare or as Grafana's API, export and resources wrap it, into a module.

    What no word says is laid over in Grafana's own JSON; what the module builds is then compared with the original, so
    nothing is lost without a word. Raises DiffError for a v2 dashboard.
    """
    whole = finite(unwrapped(opened(model)))
    original = {key: value for key, value in whole.items() if key not in LEFT}
    imported = read({**original, "__inputs": model.get("__inputs")}, stack, slug, job)
    shown = [panel for panel in panels(original) if panel.kind != "row"]
    foreign = tuple(panel.title or f"untitled {panel.kind}" for panel in shown if _asks_others(panel.model))
    losses = diff_dashboard(original, built(imported, stack))
    silent = sum(any(unexplained(panel.model)) for panel in shown)
    return Import(imported.slug, module(imported), losses, len(shown), foreign, silent)


def _asks_others(model: dict[str, Any]) -> bool:
    sources = [model.get("datasource"), *(target.get("datasource") for target in objects(model.get("targets")))]
    kinds = {table(source).get("type") for source in sources}
    return bool(kinds - {None, "prometheus", "loki", "datasource"})


def built(imported: Imported, stack: Stack) -> dict[str, Any]:
    """Build the dashboard that the module of an import builds."""
    return board(stack, **imported.arguments()).model
