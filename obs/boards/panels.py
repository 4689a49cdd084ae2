"""Which questions can a panel answer? One word a question; no coordinates, colours or raw metric names beyond here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict, Unpack

from obs.alerting.slo import Slo
from obs.place import Place, caller
from obs.query import promql
from obs.query.units import GRAFANA, Unit
from obs.stack.settings import Target
from watchkeeper.contract.labels import (
    ALERTNAME,
    ALERTSTATE,
    ENVIRONMENT,
    INSTANCE,
    JOB,
    LE,
    SERVICE,
    SEVERITY,
    Label,
    Matcher,
)
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import ALERTS, ALERTS_SINCE
from watchkeeper.contract.scraping import UP as SCRAPED

RATE = "$__rate_interval"
"""At least four scrapes, whatever the zoom: https://grafana.com/docs/grafana/latest/datasources/prometheus/."""

NOW = "5m"
"""Window of a rate that is asked once, for what happens now: as long as the alerts look back."""

HARDLY_ANY = 0.001
"""What a rate a second must be above to be more than nothing: one in a quarter of an hour."""

PanelKind = Literal[
    "timeseries",
    "stat",
    "gauge",
    "bargauge",
    "piechart",
    "state-timeline",
    "table",
    "heatmap",
    "logs",
    "text",
    "other",
]
NAMED = ("timeseries", "bargauge", "piechart")
"""Kinds that show several series beside each other, each under its legend."""

Step = tuple[float | None, str]
States = Mapping[int, tuple[str, str]]
"""What each value of a state means: the word shown for it, and its colour."""

UP: States = {0: ("DOWN", "red"), 1: ("UP", "green")}
KNOWN: States = {-1: ("MISSING", "red"), **UP}
GOOD: States = {0: ("FAILED", "red"), 1: ("OK", "green")}


@dataclass(frozen=True, slots=True)
class Query:
    """
    One query: PromQL, or LogQL where ``source`` is loki. ``legend`` names its series: `{{route}}`, or a word.

    ``like`` and ``raw`` are laid over its JSON, as in `Panel`.
    """

    expr: str
    legend: str = ""
    source: Literal["prometheus", "loki"] = "prometheus"
    instant: bool = False
    exemplars: bool = False
    like: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no text: raise ValueError."""
        if not isinstance(self.expr, str):
            raise ValueError(f"a query is text, and this is {self.expr!r}")  # noqa: TRY004 - read with its siblings


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: an instant query with one series a row, its unit, where it turns red, what states mean."""

    query: str
    unit: str = ""
    steps: tuple[Step, ...] = ()
    states: States = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """An address to go on to, under the words a reader clicks."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """
    One panel, before it has a place. Build it with the words below.

    ``why`` is the description: what a change means and what to do about it. ``unit`` is Grafana's name
    of it, and derived from the queries where it is left out.
    ``width`` counts 24ths of the dashboard, ``height`` Grafana's rows of 30 pixels. ``slug`` keeps the id, and so
    saved links, when a panel is renamed. ``drill`` maps a table's label to the address its cells open.
    ``states`` gives the words and colours of values, ``empty`` what is shown where there is nothing.
    ``raw`` are settings that no word has, in Grafana's own JSON, laid over what the words make: objects are merged, any
    other value takes the place of the old one, and None removes it (a JSON merge patch, RFC 7386). ``like`` are those
    that several panels share, laid below ``raw``.
    """

    kind: PanelKind
    title: str
    why: str
    queries: tuple[Query, ...] = ()
    unit: str = ""
    steps: tuple[Step, ...] = ()
    width: int = 8
    height: int = 8
    slug: str = ""
    stacked: bool = False
    low: float | None = None
    high: float | None = None
    decimals: int | None = None
    links: tuple[Link, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    drill: Mapping[str, str] = field(default_factory=dict)
    states: States = field(default_factory=dict)
    empty: str = ""
    text: str = ""
    like: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    source: Place | None = field(default_factory=caller, compare=False, repr=False)
    """The line of a module that makes it."""

    def __post_init__(self) -> None:
        """Refuse a panel nobody could read; raise ValueError."""
        if self.kind == "other":
            return
        if not self.title or not self.why:
            raise ValueError(f"panel {self.title or self.queries!r}: takes a title, and why=, which says how to act")
        if self.kind in NAMED:
            for query in self.queries:
                if not query.legend:
                    raise ValueError(f"panel '{self.title}': a query has no legend; name its series: {query.expr}")


class Shape(TypedDict, total=False):
    """What every word takes beside its question: the fields of `Panel` that say how the answer is drawn."""

    unit: str
    steps: tuple[Step, ...]
    width: int
    height: int
    slug: str
    stacked: bool
    low: float | None
    high: float | None
    decimals: int | None
    links: tuple[Link, ...]
    drill: Mapping[str, str]
    states: States
    empty: str
    like: Mapping[str, Any]
    raw: Mapping[str, Any]


def scope(target: Target) -> tuple[Matcher, ...]:
    """Match one scrape job, narrowed to what the dashboard's variables select."""
    return (JOB.eq(target.job), ENVIRONMENT.re("$environment"), INSTANCE.re("$instance"))


def at_most(limit: float) -> tuple[Step, ...]:
    """Turn red at ``limit``: a reading that must stay below it."""
    return ((None, "green"), (limit, "red"))


def none_at_all() -> tuple[Step, ...]:
    """Be red above nothing: a rate of what must not happen."""
    return ((None, "green"), (HARDLY_ANY, "red"))


def any_at_all() -> tuple[Step, ...]:
    """Be red at nothing: a rate of what must not stop."""
    return at_least(HARDLY_ANY)


def at_least(limit: float, warn: float | None = None) -> tuple[Step, ...]:
    """Be red below ``limit`` (orange below ``warn``): a reading that must stay above it."""
    return ((None, "red"), (limit, "green")) if warn is None else ((None, "red"), (limit, "orange"), (warn, "green"))


def rated(good: float, poor: float) -> tuple[Step, ...]:
    """Be green up to ``good``, red from ``poor``, orange between."""
    return ((None, "green"), (good, "orange"), (poor, "red"))


def series(title: str, *queries: Query, why: str, **shape: Unpack[Shape]) -> Panel:
    """Plot queries over time, from zero up."""
    shape.setdefault("low", 0)
    return Panel(kind="timeseries", title=title, why=why, queries=queries, **shape)


def number(title: str, expr: str, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """
    Show what one query says now, large; an orange "no data" where it says nothing.

    Asked once: the last value of a range would stay on the screen when what it measures is dead. A rate in it
    looks back over `NOW`, or over `$__range` where it is about all of it.
    """
    query = Query(expr, title, instant=True)
    shape.setdefault("width", 4)
    shape.setdefault("height", 4)
    return Panel(kind="stat", title=title, why=why, queries=(query,), **shape)


def dial(title: str, expr: str, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """Show what one query says now on a scale from ``low``, 0, to ``high``, 1: of a share of a limit all of it."""
    shape.setdefault("low", 0)
    shape.setdefault("high", 1)
    return replace(number(title, expr, why=why, **shape), kind="gauge")


def bars(title: str, *queries: Query, why: str, **shape: Unpack[Shape]) -> Panel:
    """Show what each series says now as a bar, from zero up: which is longest, where a line over time tells nothing."""
    shape.setdefault("low", 0)
    asked = tuple(replace(query, instant=True) for query in queries)
    return Panel(kind="bargauge", title=title, why=why, queries=asked, **shape)


def pie(title: str, *queries: Query, why: str, **shape: Unpack[Shape]) -> Panel:
    """Show how a whole is split now, a slice for each series: for a handful of them, else take `bars`."""
    asked = tuple(replace(query, instant=True) for query in queries)
    return Panel(kind="piechart", title=title, why=why, queries=asked, **shape)


def while_up(target: Target, expr: str) -> str:
    """
    Answer only while a target is scraped.

    A window of hours says nothing of now, and goes on being green long after what it tells of is dead.
    """
    return f"({expr}) and on () ({promql.aggregate('max', promql.select(SCRAPED, *scope(target)))} == 1)"


def up(title: str, expr: str, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """Say UP or DOWN, now, of what is 1 or 0."""
    shape.setdefault("steps", at_least(1))
    shape.setdefault("states", UP)
    return number(title, expr, why=why, **shape)


def timeline(title: str, *queries: Query, why: str, **shape: Unpack[Shape]) -> Panel:
    """Draw the state of each series as a band over time, in the words and colours of ``states``."""
    shape.setdefault("states", UP)
    shape.setdefault("steps", at_least(1))
    return Panel(kind="state-timeline", title=title, why=why, queries=queries, **shape)


def targets(title: str, jobs: Sequence[str], *where: Matcher, why: str, **shape: Unpack[Shape]) -> Panel:
    """Draw over time which target is scraped: UP, DOWN, or MISSING where a job has no target any more."""
    there = promql.aggregate("min", promql.select(SCRAPED, *where), by=(JOB, INSTANCE))
    gone = (f"-1 * absent({promql.select(SCRAPED, JOB.eq(job))})" for job in jobs)
    shape.setdefault("states", KNOWN)
    return timeline(title, Query(" or ".join([there, *gone]), legend(JOB, INSTANCE)), why=why, **shape)


def traffic(
    title: str,
    metric: Metric,
    *where: Matcher,
    why: str,
    by: tuple[Label, ...] = (),
    most: int = 0,
    **shape: Unpack[Shape],
) -> Panel:
    """Plot how much of a counter happens per second: of all series, or of the ``most`` that are highest."""
    rate = promql.total(promql.rate(metric, *where, over=RATE), by=by)
    return series(
        title, Query(promql.top(most, rate) if most else rate, legend(*by, otherwise=title)), why=why, **shape
    )


def share(title: str, part: str, whole: str, *, why: str, by: tuple[Label, ...] = (), **shape: Unpack[Shape]) -> Panel:
    """Plot ``part / whole``, two rates with the labels ``by``, from 0 to 1; a gap where nothing happens."""
    return series(title, Query(promql.ratio(part, whole), legend(*by, otherwise=title)), why=why, **shape)


def used(title: str, *queries: Query, why: str, **shape: Unpack[Shape]) -> Panel:
    """Plot shares of a limit: the axis is the whole of it, 0 to 1."""
    shape.setdefault("high", 1)
    return series(title, *queries, why=why, **shape)


def latency(
    title: str,
    histogram: Metric,
    *where: Matcher,
    why: str,
    by: tuple[Label, ...] = (),
    quantiles: tuple[float, ...] = (0.5, 0.95, 0.99),
    **shape: Unpack[Shape],
) -> Panel:
    """Plot quantiles of a histogram, in its unit."""
    queries = tuple(
        Query(promql.quantile(q, histogram, *where, over=RATE, by=by), f"p{q * 100:g} {legend(*by)}".strip())
        for q in quantiles
    )
    return series(title, *queries, why=why, **shape)


def level(
    title: str,
    metric: Metric,
    *where: Matcher,
    why: str,
    by: tuple[Label, ...] = (),
    operator: Literal["sum", "max", "min", "avg"] = "sum",
    **shape: Unpack[Shape],
) -> Panel:
    """Plot a gauge as it stands."""
    query = Query(promql.aggregate(operator, promql.select(metric, *where), by=by), legend(*by, otherwise=title))
    return series(title, query, why=why, **shape)


def together(
    title: str,
    metrics: Mapping[str, Metric],
    *where: Matcher,
    why: str,
    by: tuple[Label, ...] = (),
    operator: Literal["sum", "max", "min", "avg"] = "sum",
    **shape: Unpack[Shape],
) -> Panel:
    """Plot metrics of one unit, each under its word: counters per second, gauges as they stand."""
    queries = tuple(
        Query(promql.aggregate(operator, _reading(metric, where), by=by), f"{legend(*by)} {word}".strip())
        for word, metric in metrics.items()
    )
    return series(title, *queries, why=why, **shape)


def _reading(metric: Metric, where: tuple[Matcher, ...]) -> str:
    counts = metric.kind == "counter"
    return promql.rate(metric, *where, over=RATE) if counts else promql.select(metric, *where)


def budget(slo: Slo, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """Show how much of a promise's error budget is left, from 100 % down to nothing and below."""
    title = f"{slo.title} budget left"
    shape.setdefault("steps", at_least(0, warn=0.25))
    shape.setdefault("unit", "percentunit")
    return number(title, slo.budget_left(), why=why, **shape)


def heatmap(title: str, histogram: Metric, *where: Matcher, why: str, **shape: Unpack[Shape]) -> Panel:
    """Plot how a histogram's observations spread over its buckets; a dot is an exemplar, and opens its trace."""
    expr = promql.total(promql.rate(histogram.bucket, *where, over=RATE), by=(LE,))
    queries = (Query(expr, "{{le}}", exemplars=True),)
    # The axis is that of the buckets; what is counted in them has no unit.
    shape.setdefault("unit", GRAFANA[Unit(histogram.unit)][0])
    return Panel(kind="heatmap", title=title, why=why, queries=queries, **shape)


def table(title: str, columns: Mapping[str, Column], *, why: str, **shape: Unpack[Shape]) -> Panel:
    """
    List one row per label set the queries of ``columns`` share, the worst first.

    The first column with limits says what is worst; where none has any, the first column, highest first.
    Rates look back over `NOW`, so that the table is about what is broken and not about what was.
    """
    queries = tuple(Query(column.query, name, instant=True) for name, column in columns.items())
    shape.setdefault("width", 24)
    return Panel(kind="table", title=title, why=why, queries=queries, columns=columns, **shape)


def firing(service: str, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """List the alerts that page now, the one that lasts longest first; not what is pending, over, or always fires."""
    pages = promql.select(ALERTS, ALERTSTATE.eq("firing"), *paging(service))
    since = promql.select(ALERTS_SINCE, *paging(service))
    lasts = f"(time() - {since}) and ignoring (alertstate) {pages}"
    columns = {"for": Column(promql.aggregate("max", lasts, by=(ALERTNAME, SEVERITY)), "s")}
    shape.setdefault("empty", "nothing pages")
    return table("Paging now", columns, why=why, **shape)


def paging(service: str) -> tuple[Matcher, ...]:
    """Match the alerts of a service that somebody is woken for."""
    return SERVICE.eq(service), SEVERITY.eq("page")


def logs(title: str, expr: str, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """List the log lines a LogQL query selects, newest first; each opens its trace."""
    queries = (Query(expr, source="loki"),)
    shape.setdefault("width", 24)
    shape.setdefault("height", 10)
    return Panel(kind="logs", title=title, why=why, queries=queries, **shape)


def note(title: str, text: str, *, why: str, **shape: Unpack[Shape]) -> Panel:
    """Show Markdown."""
    shape.setdefault("height", 4)
    return Panel(kind="text", title=title, why=why, text=text, **shape)


def other(title: str, *queries: Query, why: str = "", **shape: Unpack[Shape]) -> Panel:
    """Show what no word here says, as its ``raw`` has it: a panel that was imported and may lack title and reason."""
    return Panel(kind="other", title=title, why=why, queries=queries, **shape)


def legend(*by: Label, otherwise: str = "") -> str:
    """Return the legend of a query whose series differ in ``by``, `{{route}}`; ``otherwise`` where there is one."""
    return " ".join(f"{{{{{promql.called(label)}}}}}" for label in by) or otherwise
