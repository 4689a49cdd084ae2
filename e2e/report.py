"""What was shown, what was not, and what could not be tried?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What came of a check; ``not run`` is never counted as passed."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Result:
    """One check: the part of the run it belongs to, what it shows, and in words what was found or what is missing."""

    part: str
    check: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One injected fault: the alert that came of it, and where and how soon somebody was told."""

    fault: str
    alert: str
    severity: str
    receiver: str
    told_after: float
    """Seconds from the fault to the notification."""
    ended_after: float
    """Seconds from the repair to the news of it."""


@dataclass
class Report:
    """Everything the run has to say, told to ``on_result`` as it comes; ``step`` is told what is being done."""

    on_result: Callable[[Result], None]
    step: Callable[[str], None]
    results: list[Result] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """What each program says of itself."""
    notifications: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """How often the receiver was told of the alert that it began or ended: everything that arrived in the run."""

    def add(self, part: str, check: str, outcome: Outcome, detail: str = "") -> None:
        """Keep and tell one result."""
        result = Result(part, check, outcome, detail)
        self.results.append(result)
        self.on_result(result)

    def passed(self, part: str, check: str, detail: str = "") -> None:
        """Keep a check that held."""
        self.add(part, check, Outcome.PASSED, detail)

    def failed(self, part: str, check: str, detail: str) -> None:
        """Keep a check that did not hold, with what was found instead."""
        self.add(part, check, Outcome.FAILED, detail)

    def not_run(self, part: str, check: str, detail: str) -> None:
        """Keep a check that could not be tried, with what is missing."""
        self.add(part, check, Outcome.NOT_RUN, detail)

    def count(self, outcome: Outcome) -> int:
        """Return how many checks came out so."""
        return sum(result.outcome is outcome for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON would hold it."""
        return {
            "results": [asdict(result) for result in self.results],
            "pages": [asdict(page) for page in self.pages],
            "versions": self.versions,
            "notifications": [
                {"receiver": receiver, "alert": alert, "event": event, "count": count}
                for (receiver, alert, event), count in sorted(self.notifications.items())
            ],
        }
