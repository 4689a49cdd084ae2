"""What does each panel, and each rule, cost Prometheus? Its own statistics of each query say it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import promql_parser as ast

from obs.alerting import Alert, Group
from obs.boards.model import panels as panels_of
from obs.preview.ask import Asker
from obs.preview.asking import Server
from obs.query import expr
from obs.query.windows import reach

ANYTHING = re.compile(r'\w+=~"\.[*+]",? ?')
WINDOW = re.compile(r"\[(\w+)\]")


@dataclass(frozen=True, slots=True)
class Spent:
    """
    What one query cost: samples read, at most at once, and seconds of evaluation.

    https://prometheus.io/docs/prometheus/latest/querying/api/, ``stats=all``
    """

    samples: int
    peak: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a panel or rule costs: the board or group ``of`` which it is, its name, its dearest query and the sum."""

    of: str
    name: str
    query: str
    spent: Spent


@dataclass(frozen=True)
class Counting(Server):
    """A Prometheus that is asked for its statistics with every query, by the query's text."""

    spent: dict[str, Spent] = field(default_factory=dict)

    def _get(self, path: str, asked: Mapping[str, Any]) -> Any:
        if not path.startswith("query"):
            return super()._get(path, asked)
        answer = super()._get(path, {**asked, "stats": "all"})
        stats = answer.get("stats", {})
        samples, timings = stats.get("samples", {}), stats.get("timings", {})
        self.spent[asked["query"]] = Spent(
            samples.get("totalQueryableSamples", 0), samples.get("peakSamples", 0), timings.get("evalTotalTime", 0.0)
        )
        return answer


def panels(server: Counting, asker: Asker, slug: str, model: Mapping[str, Any]) -> Iterator[Cost]:
    """Yield what each panel of a board costs; raise AskError."""
    answers = asker.board(model)
    titles = {str(panel["id"]): panel.get("title", "") for panel in panels_of(answers["dashboard"])}
    for number, answered in answers["panels"].items():
        asked = [target["expr"] for target in answered["targets"] if target["expr"] in server.spent]
        if asked:
            yield _sum(f"board {slug}", titles.get(number, number), asked, server.spent)


def rules(server: Counting, group: Group, at: float) -> Iterator[Cost]:
    """Yield what each rule of a group costs at one evaluation; raise AskError."""
    for rule in group.rules:
        server.instant(rule.expr, at)
        name = rule.name if isinstance(rule, Alert) else rule.metric.name
        yield _sum(f"rules {group.file}", name, [rule.expr], server.spent)


def totals(costs: Sequence[Cost]) -> dict[str, int]:
    """Return the samples that each board or group reads."""
    found: dict[str, int] = defaultdict(int)
    for one in costs:
        found[one.of] += one.spent.samples
    return dict(found)


def recording(text: str) -> str:
    """Return the rule to record the part of a query that reads most for longest; nothing where nothing would help."""
    rates = [node for node in expr.parse(text).nodes if isinstance(node, ast.AggregateExpr) and _counts(node)]
    if not rates:
        return ""
    dearest = max(rates, key=lambda node: reach(node.prettify()))
    # What a board narrows by a variable is recorded for all of its values.
    line = ANYTHING.sub("", " ".join(dearest.prettify().split())).replace(",}", "}")
    selector = next(iter(expr.read(dearest)))
    window = "".join(WINDOW.findall(line)[:1])
    name = f"{'_'.join(_kept(line)) or 'all'}:{selector.name.removesuffix('_total')}:{selector.function}{window}"
    return f"record: {name}, expr: {line}"


def _counts(node: Any) -> bool:
    return any(selector.function in ("rate", "increase") for selector in expr.read(node))


def _kept(line: str) -> list[str]:
    inside = line.partition("(")[2].partition(")")[0] if " by (" in line.partition("{")[0] else ""
    return [label.strip() for label in inside.split(",") if label.strip()]


def _sum(of: str, name: str, asked: Sequence[str], spent: Mapping[str, Spent]) -> Cost:
    each = [spent[text] for text in asked]
    dearest = max(asked, key=lambda text: spent[text].samples)
    whole = Spent(sum(e.samples for e in each), max(e.peak for e in each), sum(e.seconds for e in each))
    return Cost(of, name, dearest, whole)
