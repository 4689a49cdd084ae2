"""What do checks look at? One compiled stack, the checkout around it, and every query in both, parsed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from obs import content
from obs.alerting.model import Alert
from obs.alerting.recording import RECORDED
from obs.output.built import Built
from obs.proofs import questions, sources
from obs.proofs.questions import Question
from obs.query.expr import ExprError, Parsed, parse
from obs.query.series import Contract
from watchkeeper.contract.metrics import Metric


def _known() -> tuple[Metric, ...]:
    found = content.here()
    return (*found.own, *found.exporters, *RECORDED)


@dataclass(frozen=True)
class Evidence:
    """
    A compiled stack, the checkout ``root`` it belongs to, and the metrics that exist.

    Where not the ``whole`` checkout is judged, its pages are left out: another service may be compiled in it.
    """

    built: Built
    root: Path
    metrics: Sequence[Metric] = field(default_factory=_known)
    whole: bool = True

    @cached_property
    def contract(self) -> Contract:
        """Every series that can be asked for."""
        return Contract(self.metrics, sources.decided(self.built))

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        """Every alert of the stack."""
        return tuple(alert for group in self.built.groups for alert in group.alerts)

    @cached_property
    def pages(self) -> dict[str, str]:
        """The pages of docs/operations, by their path."""
        return questions.pages(self.root) if self.whole else {}

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Every query, wherever it is written."""
        boards = (asked for board in self.built.dashboards for asked in questions.of_dashboard(board))
        pages = (asked for path, text in self.pages.items() for asked in questions.of_page(path, text))
        saved = questions.of_saved(self.built.stack)
        return (*questions.of_groups(self.built.groups), *boards, *pages, *saved)

    @cached_property
    def parsed(self) -> tuple[tuple[Question, Parsed], ...]:
        """Every PromQL query that parses, with its tree; the others are `query/syntax`'s to report."""
        return tuple(self._parse())

    @cached_property
    def answerable(self) -> tuple[tuple[Question, Parsed], ...]:
        """The parsed queries that read nothing but series that exist: only of those can more be said."""
        known = self.contract.series
        return tuple((asked, query) for asked, query in self.parsed if all(s.name in known for s in query.selectors))

    def _parse(self) -> Iterator[tuple[Question, Parsed]]:
        for question in self.questions:
            if question.language == "promql":
                try:
                    yield question, parse(question.text)
                except ExprError:
                    continue
