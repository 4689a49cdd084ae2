"""Is what was generated current, does it reach people, and is everything that is declared used?"""

from collections.abc import Iterator

from obs import content
from obs.output import changes
from obs.output.built import FOLDER
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.routes import routing
from obs.proofs.routes.files import ALERTMANAGER

REMEDY = "run `make dashboards`"


def outdated(evidence: Evidence) -> Iterator[Fault]:
    """Find generated files that are missing, differ, or that nothing makes any more."""
    for change in changes(evidence.built.texts, evidence.root):
        if change.action == "created":
            yield Fault(Place(change.path), "it is not there", REMEDY)
        elif change.action == "changed":
            yield Fault(Place(change.path, change.line), "it is not what its source makes", REMEDY)
        elif change.action == "removed":
            yield Fault(Place(change.path), "nothing makes it any more", f"{REMEDY}, which removes it")


def unrouted(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts that reach nobody, or the wrong ones."""
    files = {path.removeprefix(f"{FOLDER}/"): text for path, text in evidence.built.texts.items()}
    if ALERTMANAGER in files:
        yield from routing.faults(evidence.built.stack, evidence.alerts, files)


def unused(evidence: Evidence) -> Iterator[Fault]:
    """Find series of exporters that nothing asks for."""
    everybody = (*evidence.parsed, *evidence.left_out.parsed)
    asked = {selector.name for _, query in everybody for selector in query.selectors}
    found = content.here().of(evidence.built.stack)
    declared = {metric.name: f"metrics/{module}.py" for module, series in found.metrics.items() for metric in series}
    for family in found.exporters:
        names = {name for name, series in evidence.contract.series.items() if series.family.name == family.name}
        if names and not names & asked:
            module = declared.get(family.name, "watchkeeper/contract/scraping.py")
            yield Fault(Place(module), f"nothing asks for {family.name}", "ask for it, or remove it")


CHECKS = (
    Check(
        "file/outdated",
        "generated files are what their source makes, and nothing else lies there",
        outdated,
        why="What the programs load is the committed file; a review of Python alone would approve something else.",
        fails="# infra/observability/prometheus/prometheus.yml, edited by hand",
        remedy="Run `make dashboards`, and commit what it writes.",
        language="text",
        whole=True,
    ),
    Check(
        "alert/route",
        "every alert reaches the people it is meant for",
        unrouted,
        why="An alert that reaches nobody, two pagers or the wrong one is worse than none: it is counted on.",
        fails="receiver: pagr",
        remedy="Give the alert a severity and a team that a route takes.",
        language="yaml",
    ),
    Check(
        "metric/unused",
        "every series that is declared of an exporter is asked for",
        unused,
        why="What is declared and never asked for is a promise that nobody checks any more.",
        fails='IDLE = Metric("redis_idle", "gauge", "Nobody asks.")',
        remedy="Ask for the series on a board or in a rule, or remove its declaration.",
        language="python",
        whole=True,
    ),
)
