"""Does every alert tell the person it wakes what to do?"""

import re
from collections.abc import Iterator
from dataclasses import replace

from obs.output.figures import figures
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import SECTION, place

STEPS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation")
"""https://github.com/prometheus-operator/runbooks, and whom to call when it does not help."""

STEP = re.compile(r"^### (?P<title>.+?)\s*\n(?P<body>.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
UNFINISHED = re.compile(r"\b(TODO|TBD|FIXME|XXX)\b")


def missing(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts without a section of their runbook, and sections without their alert."""
    written: dict[str, set[str]] = {}
    sections = {path: {found["title"] for found in SECTION.finditer(text)} for path, text in evidence.pages.items()}
    for alert in evidence.alerts:
        path = f"docs/operations/{alert.runbook}"
        written.setdefault(path, set()).add(alert.name)
        if path not in evidence.pages:
            yield Fault(place(alert), f"there is no {path}", f"write it, with a section '## {alert.name}'")
        elif alert.name not in sections[path]:
            yield Fault(
                place(alert),
                f"{path} has no section '## {alert.name}'",
                f"write it: {', '.join(STEPS)}",
            )
    for path, text in evidence.pages.items():
        for section in SECTION.finditer(text):
            runbook = path in written or "### Meaning" in section["body"]
            if runbook and section["title"] not in written.get(path, set()):
                what = f"no alert has the section '## {section['title']}' as its runbook"
                yield Fault(_at(path, text, section), what, "remove it, or give it back its alert")


def unfinished(evidence: Evidence) -> Iterator[Fault]:
    """Find sections that leave a step out, empty, out of order or for later."""
    runbooks = {f"docs/operations/{alert.runbook}" for alert in evidence.alerts}
    for path, text in evidence.pages.items():
        for word in UNFINISHED.finditer(text):
            yield Fault(_at(path, text, word), f"it says {word[0]}", "finish it")
        for section in SECTION.finditer(text) if path in runbooks else ():
            where = replace(_at(path, text, section), item=section["title"])
            steps = {step["title"]: step["body"].strip() for step in STEP.finditer(section["body"])}
            if tuple(steps) != STEPS:
                yield Fault(
                    where, f"its steps are {', '.join(steps) or 'none'}", f"take {', '.join(STEPS)}, in this order"
                )
            yield from (Fault(where, f"'{title}' is empty", "say it") for title, body in steps.items() if not body)


def stale_figures(evidence: Evidence) -> Iterator[Fault]:
    """Find figures that are not what the setting named behind them is."""
    for path, text in evidence.pages.items():
        for figure in figures(text, evidence.built.stack):
            where = Place(path, text.count("\n", 0, figure.start) + 1)
            if figure.right is None:
                yield Fault(where, f"there is no setting {figure.key}", "name one of stack.toml, or none")
            elif figure.right != figure.says:
                what = f"it says {figure.says}, and {figure.key} is {figure.right}"
                yield Fault(where, what, "run `make dashboards`, which writes it")


def _at(path: str, text: str, found: re.Match[str]) -> Place:
    return Place(path, text.count("\n", 0, found.start()) + 1)


CHECKS = (
    Check(
        "runbook/figure",
        "figures with a setting's key behind them are what the setting is",
        stale_figures,
        why="A person who reads 2 % while the alert fires at 5 % looks for another fault.",
        fails="More than 7 % (`thresholds.api_error_ratio`) of requests fail.",
        remedy="`make dashboards` writes the figure anew; without its key behind it, it is prose.",
        language="markdown",
        whole=True,
    ),
    Check(
        "runbook/missing",
        "every alert has its section, every section its alert",
        missing,
        why="An alert without a section of its runbook wakes somebody who does not know what to do.",
        fails="## Apidown",
        remedy="Write `## AlertName` in the page that `runbook=` names.",
        language="markdown",
        whole=True,
    ),
    Check(
        "runbook/unfinished",
        "every section says all five things, and nothing is left for later",
        unfinished,
        why="A runbook is read under stress: what it leaves out is decided by a tired person.",
        fails="### Impact\n\nTODO",
        remedy="Say all five: Meaning, Impact, Diagnosis, Mitigation, Escalation.",
        language="markdown",
        whole=True,
    ),
)
