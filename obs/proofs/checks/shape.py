"""Does a query ask what its author meant: rates before sums, quantiles of rates, windows that hold enough?"""

from collections.abc import Collection, Iterator
from typing import Any

import promql_parser as ast

from obs import durations
from obs.proofs.checks.check import Check, Judged, of_query
from obs.proofs.checks.functions import OF_COUNTERS, OF_GAUGES
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.query import expr, positions, variables
from obs.query.expr import Parsed, bare, children
from obs.query.positions import Part
from obs.query.series import Contract

TWO_SAMPLES = frozenset({*OF_COUNTERS, *OF_GAUGES, "changes"})
"""Functions that need two samples of a series."""

WITHOUT_VALUE = frozenset(
    {*TWO_SAMPLES, "timestamp", "absent", "absent_over_time", "count_over_time", "present_over_time", "count", "group"}
)
"""What a raw counter may be given to: it tells how fast it rises, or only whether and how often it is there.
(A slope of a counter is `function/kind`'s to report.)"""

PICKING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
SHOWN = ("panel", "alert", "recording", "template")


@of_query(known=False)
def rates_of_sums(query: Parsed, contract: Contract) -> Judged:
    """Find rates over what was aggregated before."""
    del contract
    for call in _calls(query, OF_COUNTERS):
        for node in expr.walk(call.args[0]):
            if isinstance(node, ast.AggregateExpr):
                name = call.func.name
                what = f"{name} of {node.op}: each restart of one process looks like a fall of all"
                yield what, f"take the {name} first: {node.op}({name}(...))", positions.word(query, call)


@of_query(origins=SHOWN)
def raw_counters(query: Parsed, contract: Contract) -> Judged:
    """Find counters that are shown or compared as they are."""
    for node in _raw(query.tree, contract):
        part = positions.word(query, node)
        name = expr.selector(node).name
        family = contract.series[name].family
        if name != family.name and family.kind == "histogram" and _within_quantile(query, name):
            what = f"{name} counts since the process started, so the quantile is of all time"
            yield what, "take the rate of the buckets", part
        else:
            what = f"{name} is a counter: as it is it only rises, and falls with a restart"
            yield what, f"write rate({name}[...])", part


@of_query(known=False)
def impossible_quantiles(query: Parsed, contract: Contract) -> Judged:
    """Find quantiles that are no share."""
    del contract
    for node in query.nodes:
        asked = _quantile(node)
        if asked is not None and not 0 <= asked <= 1:
            what = f"the quantile {asked:g} is not between 0 and 1, so the answer is infinite"
            yield what, f"write {asked / 100:g}" if asked > 1 else "write 0.5", _called(query, node, asked)


def short_windows(evidence: Evidence) -> Iterator[Fault]:
    """Find windows that hold no two samples, or follow the width of the screen."""
    scrape = durations.seconds(evidence.built.stack.prometheus.scrape_interval)
    asked = ((question, query, call) for question, query in evidence.parsed for call in _calls(query, TWO_SAMPLES))
    for question, query, call in asked:
        window = bare(call.args[0])
        if isinstance(window, ast.MatrixSelector) and window.range.total_seconds() < 2 * scrape:
            shown = durations.canonical(f"{round(window.range.total_seconds() * 1000)}ms")
            what = f"{call.func.name} over {shown} needs two samples, and one comes every {scrape:g}s"
            yield question.fault(
                what, f"take at least {4 * scrape:g}s, or [$__rate_interval] on a board", positions.word(query, call)
            )
        # A variable in the range is no window that the parser sees.
        written = positions.word(query, window) if "__interval" in question.text else None
        if written and "__interval" in variables.names(written.text):
            what = f"{call.func.name} over $__interval: zoomed in, it is shorter than two scrapes"
            yield question.fault(what, "write [$__rate_interval]", written)


@of_query(known=False)
def long_steps(query: Parsed, contract: Contract) -> Judged:
    """Find subqueries that look once or never within their range."""
    del contract
    for node in (node for node in query.nodes if isinstance(node, ast.SubqueryExpr)):
        step, span = node.step, node.range
        if step and span and step > span:
            every, whole = (durations.canonical(f"{round(one.total_seconds())}s") for one in (step, span))
            what = f"a subquery over {whole} with a step of {every} mostly has no sample"
            yield what, "take a step that fits into the range several times", positions.word(query, node)


@of_query(known=False)
def averaged_quantiles(query: Parsed, contract: Contract) -> Judged:
    """Find averages and sums of quantiles."""
    for node in query.nodes:
        name, inner = _averaging(node)
        if name and _is_quantile(inner, contract):
            what = f"{name} of quantiles is the quantile of nothing"
            yield what, "sum the buckets by le, then take histogram_quantile once", positions.word(query, node)


@of_query(known=False, origins=("alert",))
def changing_sets(query: Parsed, contract: Contract) -> Judged:
    """Find alerts whose series come and go with their rank."""
    del contract
    for node in query.nodes:
        if isinstance(node, ast.AggregateExpr) and str(node.op) in PICKING:
            what = f"{node.op} picks other series from one evaluation to the next, so 'for' begins again"
            yield what, "compare every series with a threshold", positions.word(query, node)


def _calls(query: Parsed, names: Collection[str]) -> Iterator[Any]:
    return (node for node in query.nodes if isinstance(node, ast.Call) and node.func.name in names and node.args)


def _raw(node: Any, contract: Contract) -> Iterator[ast.VectorSelector]:
    """Yield the counters whose value itself is part of the answer."""
    node = bare(node)
    if isinstance(node, ast.VectorSelector):
        name = expr.selector(node).name
        if contract.series[name].metric.kind == "counter":
            yield node
        return
    if _applied(node) in WITHOUT_VALUE:
        return
    if isinstance(node, ast.BinaryExpr):
        yield from _raw(node.lhs, contract)
        # Of what 'and' and 'unless' have on their right only the labels count, and nothing compares with a zero.
        if str(node.op) not in ("and", "unless"):
            yield from _raw(node.rhs, contract)
        return
    for child in children(node):
        yield from _raw(child, contract)


def _applied(node: Any) -> str:
    if isinstance(node, ast.Call):
        return str(node.func.name)
    return str(node.op) if isinstance(node, ast.AggregateExpr) else ""


def _within_quantile(query: Parsed, name: str) -> bool:
    quantiles = (node for node in query.nodes if _applied(node) == "histogram_quantile")
    return any(name == found.name for node in quantiles for found in expr.read(node))


def _quantile(node: Any) -> float | None:
    given: Any = None
    if isinstance(node, ast.Call) and node.func.name in ("histogram_quantile", "quantile_over_time"):
        given = node.args[0]
    elif isinstance(node, ast.AggregateExpr) and str(node.op) == "quantile":
        given = node.param
    given = bare(given)
    return given.val if isinstance(given, ast.NumberLiteral) else None


def _called(query: Parsed, node: Any, asked: float) -> Part:
    """Return the name of a function with the quantile it is given, or the name where that is written otherwise."""
    name = positions.word(query, node)
    called = f"{name.text}({asked:g}"
    return Part(called, name.start) if query.text.startswith(called, name.start) else name


def _averaging(node: Any) -> tuple[str, Any]:
    if isinstance(node, ast.AggregateExpr) and str(node.op) in ("avg", "sum"):
        return str(node.op), bare(node.expr)
    if isinstance(node, ast.Call) and node.func.name in ("avg_over_time", "sum_over_time"):
        window = bare(node.args[0])
        inner = window.vector_selector if isinstance(window, ast.MatrixSelector) else getattr(window, "expr", None)
        return node.func.name, bare(inner)
    return "", None


def _is_quantile(node: Any, contract: Contract) -> bool:
    if isinstance(node, ast.Call):
        return node.func.name in ("histogram_quantile", "quantile_over_time")
    if isinstance(node, ast.VectorSelector):
        series = contract.series.get(expr.selector(node).name)
        return series is not None and "quantile" in series.labels
    return isinstance(node, ast.AggregateExpr) and str(node.op) == "quantile"


CHECKS = (
    Check(
        "function/rate-of-sum",
        "rates are taken before sums",
        rates_of_sums,
        why=(
            "A counter falls to zero when its process restarts, and `rate` corrects that for each series. "
            "A sum hides which one fell: the rate of it shows a rise that never was."
        ),
        fails="rate(sum by (route) (http_requests_total)[5m:])",
        remedy="Aggregate last: `sum by (...) (rate(...[5m]))`.",
    ),
    Check(
        "function/raw-counter",
        "counters are shown and compared as rates",
        raw_counters,
        why=(
            "A counter only rises, and starts again with its process: its height tells how long that has run. "
            "Buckets of a histogram are counters too: a quantile of them is one of all time."
        ),
        fails="sum by (route) (http_requests_total)",
        remedy="Take `rate` or `increase` over a window.",
    ),
    Check(
        "function/quantile-range",
        "quantiles lie between 0 and 1",
        impossible_quantiles,
        why="Outside of 0 to 1 Prometheus answers +Inf or -Inf, which no threshold and no axis can show.",
        fails="histogram_quantile(95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
        remedy="Write 0.95 for the 95th percentile.",
    ),
    Check(
        "function/short-window",
        "windows hold at least two scrapes",
        short_windows,
        why=(
            "With fewer than two samples in its window a rate has no answer. `$__interval` shrinks to one scrape "
            "when somebody zooms in; `$__rate_interval` never does."
        ),
        fails="rate(http_requests_total[15s])",
        remedy="Take four scrape intervals or more in rules, `$__rate_interval` on boards.",
    ),
    Check(
        "function/long-step",
        "the step of a subquery fits into its range",
        long_steps,
        why="A step longer than the range leaves most evaluations without a sample.",
        fails="max_over_time(jobs_waiting[5m:10m])",
        remedy="Take a step that fits into the range several times.",
    ),
    Check(
        "function/average-quantile",
        "no quantiles are averaged or added",
        averaged_quantiles,
        why="The average of several 95th percentiles is the 95th percentile of nothing; it can be off by any amount.",
        fails="avg(histogram_quantile(0.95, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m]))))",
        remedy="Sum the buckets by `le` first, then take the quantile once.",
    ),
    Check(
        "alert/changing-set",
        "no alert asks for the highest few",
        changing_sets,
        why="The highest few are others a moment later: 'for' starts again, and an alert resolves while it burns.",
        fails='topk(3, up{job="rce-api"}) == 0',
        remedy="Compare every series with a threshold; take topk on a board.",
    ),
)
