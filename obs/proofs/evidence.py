"""What do checks look at? One compiled stack, the checkout around it, and every query in both, parsed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from obs import content, stack
from obs.alerting import Alert
from obs.alerting.recording import recordings
from obs.boards.board import Dashboard
from obs.output.built import Built, build
from obs.proofs import questions, sources
from obs.proofs.questions import Question
from obs.query import expr
from obs.query.expr import ExprError, Parsed, parse
from obs.query.series import Contract
from obs.stack.identity import dashboard_uid
from watchkeeper.contract.metrics import Metric


def _known(built: Built) -> tuple[Metric, ...]:
    found = content.here().of(built.stack)
    return (*found.own, *found.exporters, *(rule.metric for rule in recordings(built.stack)))


@lru_cache(maxsize=8)
def _contract(
    metrics: tuple[Metric, ...], decided: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
) -> Contract:
    """Return one contract for all services that expose the same: what is known of a query holds for all of them."""
    return Contract(metrics, {name: dict(values) for name, values in decided})


@dataclass(frozen=True)
class Evidence:
    """
    A compiled stack, the checkout ``root`` it belongs to, and the metrics that exist: those of its parts, unless given.

    Where not the ``whole`` checkout is judged, its pages are left out: another service may be compiled in it.
    """

    built: Built
    root: Path
    metrics: Sequence[Metric] = ()
    whole: bool = True

    @cached_property
    def contract(self) -> Contract:
        """Every series that can be asked for."""
        decided = sources.decided(self.built)
        shape = tuple((name, tuple(values.items())) for name, values in decided.items())
        return _contract(tuple(self.metrics or _known(self.built)), shape)

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        """Every alert of the stack."""
        return tuple(alert for group in self.built.groups for alert in group.alerts)

    @cached_property
    def left_out(self) -> "Evidence":
        """The stack with every part that it lacks, to tell what is left out from what is nobody's."""
        roles = set(content.here().metrics) - {content.OWN}
        whole = stack.whole(self.built.stack, sorted(roles))
        return self if whole == self.built.stack else Evidence(build(whole), self.root, self.metrics, whole=False)

    @cached_property
    def pages(self) -> dict[str, str]:
        """The pages of docs/operations, by their path, without the sections of alerts that are left out."""
        gone = {alert.name for alert in self.left_out.alerts} - {alert.name for alert in self.alerts}
        found = questions.pages(self.root) if self.whole else {}
        return {path: questions.without(text, gone) for path, text in found.items()}

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Every query, wherever it is written."""
        boards = (asked for board in self.built.dashboards for asked in questions.of_dashboard(board))
        pages = (asked for path, text in self.pages.items() for asked in questions.of_page(path, text))
        there = (asked for asked in pages if not self._absent(asked))
        saved = questions.of_saved(self.built.stack) if "loki" in self.built.stack.datasources else ()
        return (*questions.of_groups(self.built.groups), *boards, *there, *saved)

    @cached_property
    def parsed(self) -> tuple[tuple[Question, Parsed], ...]:
        """Every PromQL query that parses, with its tree; the others are `query/syntax`'s to report."""
        return tuple((question, read) for question, read in self.read if isinstance(read, Parsed))

    @cached_property
    def read(self) -> tuple[tuple[Question, Parsed | ExprError], ...]:
        """Every PromQL query, and its tree or why it has none."""
        return tuple((question, _read(question.text)) for question in self.questions if question.language == "promql")

    @cached_property
    def answerable(self) -> tuple[tuple[Question, Parsed], ...]:
        """The parsed queries that read nothing but series that exist: only of those can more be said."""
        known = self.contract.series
        return tuple((asked, query) for asked, query in self.parsed if all(s.name in known for s in query.selectors))

    @cached_property
    def by_board(self) -> dict[str, list[tuple[Question, Parsed]]]:
        """The answerable queries of dashboards, by the slug."""
        found: dict[str, list[tuple[Question, Parsed]]] = {}
        for question, query in self.answerable:
            found.setdefault(question.board, []).append((question, query))
        return found

    @cached_property
    def boards(self) -> dict[str, Dashboard]:
        """The dashboards by their uid."""
        return {dashboard_uid(self.built.stack, board.slug): board for board in self.built.dashboards}

    def _absent(self, asked: Question) -> bool:
        """Tell whether a runbook asks for what this stack does not have."""
        if asked.language == "logql":
            return "loki" not in self.built.stack.datasources
        known = self.contract.series
        everything = self.left_out.contract.series
        return any(name in everything and name not in known for name in expr.names(asked.text))


def _read(text: str) -> Parsed | ExprError:
    try:
        return parse(text)
    except ExprError as error:
        return error
