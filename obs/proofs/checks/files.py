"""Is what was generated current, does it reach people, and is everything that is declared used?"""

from collections.abc import Iterator

from obs import content
from obs.output import changes
from obs.output.built import FOLDER
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence, Fault
from obs.proofs.routes import routing

REMEDY = "run `make dashboards`"


def outdated(evidence: Evidence) -> Iterator[Fault]:
    """Find generated files that are missing, differ, or that nothing makes any more."""
    for change in changes(evidence.built.texts, evidence.root):
        if change.action == "created":
            yield change.path, "it is not there", REMEDY
        elif change.action == "changed":
            yield f"{change.path}:{change.line}", "it is not what its source makes", REMEDY
        elif change.action == "removed":
            yield change.path, "nothing makes it any more", f"{REMEDY}, which removes it"


def unrouted(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts that reach nobody, or the wrong ones."""
    files = {path.removeprefix(f"{FOLDER}/"): text for path, text in evidence.built.texts.items()}
    for sentence in routing.problems(evidence.built.stack, evidence.alerts, files):
        where, _, what = sentence.partition(": ")
        yield where, what, ""


def unused(evidence: Evidence) -> Iterator[Fault]:
    """Find series of exporters that nothing asks for."""
    asked = {selector.name for _, query in evidence.parsed for selector in query.selectors}
    for family in content.here().exporters:
        names = {name for name, series in evidence.contract.series.items() if series.family.name == family.name}
        if names and not names & asked:
            yield "metrics/", f"nothing asks for {family.name}", "ask for it, or remove it"


CHECKS = (
    Check(
        "file/outdated",
        "generated files are what their source makes, and nothing else lies there",
        outdated,
        whole=True,
    ),
    Check("alert/route", "every alert reaches the people it is meant for", unrouted),
    Check("metric/unused", "every series that is declared of an exporter is asked for", unused, whole=True),
)
