"""What happened, sample by sample? An ordinary hour, an incident, or an alert's firing case over an ordinary hour."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from obs.alerting import Alert, Case
from obs.alerting.samples import expand
from obs.content import Content
from obs.durations import seconds
from obs.query import expr
from obs.replay import drawing
from obs.replay import scenario as scenarios
from obs.replay.drawing import grid, series
from obs.replay.scenario import SCRAPE_SECONDS, Scenario
from obs.replay.shapes import Clock
from obs.stack import Stack
from watchkeeper.contract.labels import ENVIRONMENT, JOB
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import SCRAPE_DURATION, SCRAPE_SAMPLES, SERIES_ADDED, UP

NOW = int(datetime(2026, 1, 15, 3, 0, tzinfo=UTC).timestamp())
"""When every story is looked at: always the same moment, so that the same story gives the same picture."""

HOUR = 3600
LEAD = 1200
"""Seconds told before the first moment that is looked at: rates look back, and alerts hold."""

CALM = 2 * HOUR
"""How much of an ordinary day stands around a case that takes days."""

LONGEST_INCIDENT = 1800
"""Seconds after which an incident is looked at, where it is not over by then."""

ORDINARY = "an ordinary hour"
USUAL_SCRAPE = {SCRAPE_DURATION: 0.02, SCRAPE_SAMPLES: 850.0, SERIES_ADDED: 0.0}

REACHED = re.compile(r"[a-z]+_up")
"""What an exporter says of the server that it asks: `redis_up`, `mongodb_up`."""

Labels = tuple[tuple[str, str], ...]
Sample = tuple[int, float | None]
"""Milliseconds since 1970, and a value; None marks the end of a series."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series, its name among its labels, and its samples in the order of time."""

    labels: Labels
    samples: tuple[Sample, ...]

    @property
    def name(self) -> str:
        """What the series is called."""
        return dict(self.labels)["__name__"]

    @property
    def job(self) -> str:
        """The scrape job that exposes it, nothing for none."""
        return dict(self.labels).get(JOB.name, "")


@dataclass(frozen=True, slots=True)
class Story:
    """
    What every series does, and the stretch of time that is looked at, in seconds since 1970.

    ``told`` are series that the story tells itself although a rule would write them. ``identity`` is equal for equal
    stories, and known before one is told.
    """

    name: str
    identity: str
    start: int
    end: int
    tell: Callable[[], tuple[Series, ...]]
    told: frozenset[str] = frozenset()

    @property
    def begin(self) -> int:
        """When its first sample is due."""
        return self.start - LEAD


class _Everything:
    def __contains__(self, _: object) -> bool:
        return True


class Teller:
    """Tells stories of one stack; what an ordinary day looks like is drawn once for each length."""

    def __init__(self, stack: Stack, content: Content) -> None:
        self.stack, self.content = stack, content
        self._calm: dict[int, tuple[Series, ...]] = {}
        folder = content.root / scenarios.FOLDER
        modules = (drawing.__file__, scenarios.__file__, __file__)
        files = [*map(Path, modules), *sorted(folder.glob("*.toml"))]
        read = [file.read_bytes() for file in files]
        facts = f"{stack.targets}\n{stack.service}\n{content.own}\n{content.exporters}"
        self._identity = hashlib.sha256(b"\n".join([facts.encode(), *read])).hexdigest()

    def ordinary(self, lasts: int = HOUR) -> Story:
        """Return ``lasts`` seconds in which nothing happens."""
        return Story(ORDINARY, f"{self._identity} {lasts}", NOW - lasts, NOW, lambda: self.calm(lasts + LEAD))

    def incident(self, scenario: Scenario, lasts: int = HOUR) -> Story:
        """Return a scenario as it is seen while it goes on, at most LONGEST_INCIDENT after its beginning."""
        shown = min(scenario.lasts, LONGEST_INCIDENT)
        before = max(lasts - shown, 0) + LEAD

        def tell() -> tuple[Series, ...]:
            usual = {track.key: track for track in scenarios.usual(self.stack, self.content)}
            usual |= {track.key: track for track in scenario.usual}
            played = replace(scenario, before=before, lasts=shown, after=0, usual=tuple(usual.values()))
            return tuple(_exposed(_drawn(self.stack, played)))

        identity = f"{self._identity} {lasts} {scenario.name}"
        return Story(scenario.name, identity, NOW - lasts, NOW, tell)

    def case(self, alert: Alert, told: Case) -> Story:
        """Return a case of an alert laid over an ordinary hour, up to the moment at which the case asks."""
        at, every = int(seconds(told.at)), int(seconds(told.every))

        def tell() -> tuple[Series, ...]:
            known = {metric.name: metric for metric in (*self.content.own, *self.content.exporters)}
            here = self.stack.service.environment
            begin = NOW - at - every // 12  # scraped before the rules are evaluated
            own = [_of_case(known, here, text, values, (begin, every)) for text, values in told.series.items()]
            calm = self.calm(min(max(at, HOUR), CALM) + LEAD)
            return tuple(_exposed([*_around(self.stack, alert, calm, own, (NOW - at) * 1000), *own]))

        identity = f"{self._identity} {alert.expr} {told}"
        names = frozenset(dict(_labels(text))["__name__"] for text in told.series)
        return Story(f"{alert.name}: {told.name}", identity, NOW - max(at, HOUR), NOW, tell, names)

    def calm(self, lasts: int) -> tuple[Series, ...]:
        """Return the samples of every series up to NOW while all is well; raise ScenarioError."""
        if lasts not in self._calm:
            usual = scenarios.usual(self.stack, self.content)
            self._calm[lasts] = _drawn(self.stack, Scenario("", "", 0, lasts, 0, "silence", 0, usual, (), {}))
        return self._calm[lasts]


def _drawn(stack: Stack, scenario: Scenario) -> tuple[Series, ...]:
    """Draw a scenario so that it ends at NOW."""
    begin = NOW - int(scenario.length)
    clocks = {t.metric.name: t.metric for t in scenario.usual if isinstance(t.shape, Clock)}
    found = [
        _placed(_labels(text), expand(values), begin, grid(scenario), clocks)
        for text, values in series(stack, scenario, _Everything()).items()
    ]
    ups = [one for one in found if one.name == UP.name]
    return (*found, *(_scraped(up, metric, value) for up in ups for metric, value in USUAL_SCRAPE.items()))


def _scraped(up: Series, metric: Metric, value: float) -> Series:
    labels = tuple(sorted((dict(up.labels) | {"__name__": metric.name}).items()))
    return Series(labels, tuple((at, None if one is None else value) for at, one in up.samples))


def _of_case(known: Mapping[str, Metric], environment: str, text: str, values: str, when: tuple[int, int]) -> Series:
    begin, every = when
    labels = _labels(text)
    metric = known.get(dict(labels)["__name__"])
    clocks = {metric.name: metric} if metric and (metric.unit == "timestamp" or _is_date(metric)) else {}
    if JOB.name in dict(labels) and ENVIRONMENT.name not in dict(labels):
        labels = tuple(sorted((*labels, (ENVIRONMENT.name, environment))))
    placed = _placed(labels, expand(values), begin, every, clocks)
    step = SCRAPE_SECONDS if every <= 60 else 60  # noqa: PLR2004 - seconds of a minute
    counts = placed.name.endswith(("_total", "_bucket", "_count", "_sum")) or bool(metric and metric.kind == "counter")
    return replace(placed, samples=tuple(_between(placed.samples, every * 1000, step * 1000, even=counts)))


def _is_date(metric: Metric) -> bool:
    return metric.unit == "milliseconds" and metric.name.endswith("Date")


def _between(samples: Sequence[Sample], every: int, step: int, *, even: bool) -> Iterator[Sample]:
    """Put scrapes between the samples of a case: a counter grows evenly, what is a level stays until the next."""
    for (at, value), (then, following) in zip(samples, [*samples[1:], (None, None)], strict=True):
        yield at, value
        if value is None or then is None or then - at > every:
            continue
        rises = even and following is not None and following >= value
        for moment in range(at + step, then, step):
            share = (moment - at) / (then - at)
            yield moment, value + (following - value) * share if rises and following is not None else value


def _placed(
    labels: Labels,
    values: Iterable[float | Literal["stale"] | None],
    begin: int,
    step: int,
    clocks: Mapping[str, Metric],
) -> Series:
    metric = clocks.get(dict(labels)["__name__"])
    zero = 0 if metric is None else begin * 1000 if metric.unit == "milliseconds" else begin
    samples = tuple(
        ((begin + place * step) * 1000, None if value == "stale" else float(value) + zero)
        for place, value in enumerate(values)
        if value is not None
    )
    return Series(labels, samples)


def _labels(text: str) -> Labels:
    selector = expr.parse(text).selectors[0]
    pairs = {condition.label: condition.value for condition in selector.conditions}
    return tuple(sorted({**pairs, "__name__": selector.name}.items()))


def _around(stack: Stack, alert: Alert, calm: Sequence[Series], own: Sequence[Series], begin: int) -> Iterator[Series]:
    """Yield what goes on around a case: what the case tells itself ends where it begins."""
    told = {(one.name, one.job) for one in own}
    lacking = {one.name for one in expr.parse(alert.expr).selectors} if "absent(" in alert.expr else set()
    ups = {(one.job, at): value for one in own if one.name == UP.name for at, value in one.samples}
    jobs = {job for job, _ in ups}
    every = {target.job for target in stack.targets.values()}
    silent = every - jobs if UP.name in lacking and UP.name in {one.name for one in own} else set()
    for one in calm:
        over = (one.name, one.job) in told or (one.name, "") in told or one.name in lacking or one.job in silent
        if over:
            yield _ended(one, begin)
        elif one.job in jobs:
            yield _hidden(one, begin, ups)
        else:
            yield one


def _exposed(series: Sequence[Series]) -> Iterator[Series]:
    """Yield what exporters expose: of a server that they can't reach nothing but that, `redis_up` 0."""
    dead = {
        (one.job, one.name.removesuffix("up")): one
        for one in series
        if REACHED.fullmatch(one.name) and any(value == 0 for _, value in one.samples)
    }
    for one in series:
        up = dead.get((one.job, one.name.partition("_")[0] + "_"))
        if up is None or REACHED.fullmatch(one.name):
            yield one
        else:
            yield _hidden(one, 0, {(one.job, at): value for at, value in up.samples})


def _ended(one: Series, begin: int) -> Series:
    before = tuple(sample for sample in one.samples if sample[0] < begin)
    return replace(one, samples=(*before, (begin - 1, None)) if before else ())


def _hidden(one: Series, begin: int, ups: Mapping[tuple[str, int], float | None]) -> Series:
    """Hide what a target exposes while it does not answer."""
    moments = sorted((at, value) for (job, at), value in ups.items() if job == one.job)
    found: list[Sample] = []
    place, up = 0, 1.0
    for at, value in one.samples:
        while place < len(moments) and moments[place][0] <= at:
            up, place = moments[place][1] or 0.0, place + 1
        if up == 1.0 or at < begin:
            found.append((at, value))
        elif found and found[-1][1] is not None:
            found.append((at, None))
    return replace(one, samples=tuple(found))
