"""What happens in an incident, to which series, and who should hear of it?"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from obs import toml
from obs.content import STANDARD, Content
from obs.durations import seconds
from obs.place import Place
from obs.query import expr
from obs.query.expr import ExprError
from obs.replay.shapes import Clock, Daily, Ramp, Shape, Steps
from obs.stack import Stack
from obs.stack.names import Spoken, spoken
from watchkeeper.contract.labels import ENVIRONMENT, INSTANCE, JOB, TARGET
from watchkeeper.contract.metrics import Metric

FOLDER = Path("alerts/drill")
HEALTHY = "healthy.toml"
"""The file of what every series does while nothing is wrong; the others hold incidents."""

SHOWN = "shown.toml"
"""What the series do besides that only dashboards read: no rule looks at them, so no incident is played with them."""

Want = Literal["page", "ticket", "silence"]
WANTS: tuple[Want, ...] = get_args(Want)
STATES = {"up": 1.0, "down": 0.0, "gone": None}
ROLES = {metric.name: role for role, series in STANDARD.items() for metric in series}
"""The target that exposes a standard series."""

ANSWERED = "200"
"""The status of requests whose duration alone a scenario tells."""

SCRAPE_SECONDS = 15
"""How often targets are scraped where a file does not say otherwise, as `stack.toml` has it."""

KEYS = {"name", "lasts", "before", "after", "wants", "within", "scrape", "series", "target", "detects", "silent"}


TIMES = ("before", "lasts", "after", "within", "scrape")


class ScenarioError(ValueError):
    """A scenario that can't happen, or can't be read; the message names the file, the incident and the part."""


@dataclass(frozen=True, slots=True)
class Track:
    """
    What one series does: a counter's level is events a second, a gauge's the value.

    ``spread`` are the observations of a histogram, one as frequent as the other, in its unit.
    """

    metric: Metric
    labels: tuple[tuple[str, str], ...]
    shape: Shape
    spread: tuple[float, ...] = ()

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What tells this series from all others."""
        return self.metric.name, self.labels

    @property
    def job(self) -> str:
        """The scrape job that exposes it."""
        return dict(self.labels)[JOB.name]


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    One incident: ``usual`` holds for ``before`` seconds, then ``tracks`` for ``lasts``, then ``usual`` again.

    ``targets`` says which scrape jobs fail meanwhile: 1 answers, 0 does not, None is not scraped at all. ``differs`` is
    what is usual here and not elsewhere. Wanted is a
    notification of the severity ``wants`` at most ``within`` seconds after the beginning, and one only. Targets are
    scraped, and rules asked, every ``scrape`` seconds.

    ``detects`` are alerts that have to fire so many seconds after the beginning, whether they are told or silenced by
    another; ``silent`` are alerts that must not fire from the beginning on.
    """

    name: str
    part: str
    before: float
    lasts: float
    after: float
    wants: Want
    within: float
    usual: tuple[Track, ...]
    tracks: tuple[Track, ...]
    targets: Mapping[str, Shape]
    differs: tuple[Track, ...] = ()
    scrape: int = SCRAPE_SECONDS
    detects: tuple[tuple[str, float], ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def length(self) -> float:
        """Seconds played."""
        return self.before + self.lasts + self.after


def read(stack: Stack, content: Content) -> tuple[Scenario, ...]:
    """Read the scenarios of a service; raise ScenarioError."""
    folder = content.root / FOLDER
    if not (folder / HEALTHY).is_file():
        raise ScenarioError(
            f"{FOLDER / HEALTHY}: there is no such file; it says what each series does while all is well"
        )
    reader = _reader(stack, content)
    healthy = tuple(reader.healthy(HEALTHY, _toml(folder / HEALTHY)))
    files = [file for file in sorted(folder.glob("*.toml")) if file.name not in (HEALTHY, SHOWN)]
    scenarios = [scenario for file in files for scenario in reader.incidents(file.stem, _toml(file), healthy)]
    names = [scenario.name for scenario in scenarios]
    for twin in {name for name in names if names.count(name) > 1}:
        raise ScenarioError(f"{FOLDER}: two incidents are called '{twin}'; rename one")
    return tuple(scenarios)


def usual(stack: Stack, content: Content) -> tuple[Track, ...]:
    """Return what every series does while all is well, also those that dashboards alone read; raise ScenarioError."""
    reader = _reader(stack, content)
    files = [file for name in (HEALTHY, SHOWN) if (file := content.root / FOLDER / name).is_file()]
    tracks = [track for file in files for track in reader.healthy(file.name, _toml(file))]
    return tuple({track.key: track for track in tracks}.values())


def _reader(stack: Stack, content: Content) -> "Reader":
    known = {metric.name: metric for metric in (*content.own, *content.exporters)}
    return Reader(stack, known, frozenset(metric.name for metric in content.own))


def _toml(file: Path) -> dict[str, Any]:
    try:
        return toml.parse(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{FOLDER / file.name}: {error}") from error


@dataclass(frozen=True)
class Reader:
    """Reads what a file says of series that ``known`` declares; ``own`` are those the service itself exposes."""

    stack: Stack
    known: Mapping[str, Metric]
    own: frozenset[str]

    @cached_property
    def addresses(self) -> dict[str, str]:
        """The address of each scrape job."""
        return {target.job: target.address for target in self.stack.targets.values()}

    def job(self, name: str) -> str:
        """Return the scrape job of a role (`api`); what is no role is a job itself."""
        return self.stack.targets[name].job if name in self.stack.targets else name

    @cached_property
    def spoken(self) -> Spoken:
        """What the service calls the standard series."""
        return spoken(self.stack)

    def healthy(self, file: str, raw: Mapping[str, Any]) -> Iterator[Track]:
        """Yield what each series of a file does while all is well."""
        yield from self._tracks(Place(str(FOLDER / file)), raw, 0.0, {})

    def incidents(self, part: str, raw: Mapping[str, Any], healthy: tuple[Track, ...]) -> Iterator[Scenario]:
        """Yield the incidents of one file, all of one part of the stack."""
        here = Place(f"{FOLDER / part}.toml", item="usual")
        own = list(self._tracks(here, raw.get("usual", {}), 0.0, {}))
        usual = {track.key: track for track in (*healthy, *own)}
        for one in raw.get("incident", ()):
            where = Place(f"{FOLDER / part}.toml", item=f"incident '{one.get('name', '')}'")
            if unknown := set(one) - KEYS:
                raise ScenarioError(f"{where}: unknown key '{min(unknown)}'; takes {', '.join(sorted(KEYS))}")
            if one.get("wants") not in WANTS:
                raise ScenarioError(f"{where}: wants = {one.get('wants')!r}; takes one of {', '.join(WANTS)}")
            usually = {"before": "1h", "after": "1h", "within": "0s", "scrape": f"{SCRAPE_SECONDS}s"}
            times = usually | {key: raw[key] for key in ("before", "after") if key in raw} | one
            try:
                before, lasts, after, within, scrape = (seconds(times[key]) for key in TIMES)
            except (KeyError, ValueError, TypeError) as error:
                raise ScenarioError(f"{where}: {', '.join(TIMES)}: {error}") from error
            series, targets = one.get("series", {}), one.get("target", {})
            known, absent = self.stack.targets.KNOWN, map(self._is_absent, series)
            if (series and all(absent)) or any(role in known and role not in self.stack.targets for role in targets):
                continue  # what it happens to is not there
            tracks = tuple(self._tracks(where, series, lasts, usual))
            downs = {self.job(name): self._target(where, self.job(name), state) for name, state in targets.items()}
            always = tuple(usual.values())
            yield Scenario(
                one["name"],
                part,
                before,
                lasts,
                after,
                one["wants"],
                within,
                always,
                tracks,
                downs,
                tuple(own),
                int(scrape),
                tuple(self._detects(where, one.get("detects", {}))),
                tuple(one.get("silent", ())),
            )

    def _detects(self, where: Place, raw: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
        for alert, within in raw.items():
            try:
                yield alert, seconds(within)
            except (ValueError, TypeError, AttributeError) as error:
                raise ScenarioError(f"{where}: detects.{alert} = {within!r}: takes a duration such as '5m'") from error

    def _target(self, where: Place, job: str, state: Any) -> Shape:
        if job not in self.addresses:
            raise ScenarioError(f"{where}: there is no target '{job}'; there is {', '.join(self.addresses)}")
        return _shape(where, job, state, 1.0, 1.0)

    def _tracks(
        self, where: Place, raw: Mapping[str, Any], lasts: float, usual: Mapping[Any, Track]
    ) -> Iterator[Track]:
        """Yield what the series of a table do, but for those that are not there."""
        for text, value in raw.items():
            if not self._is_absent(text):
                yield self._track(where, text, value, lasts, usual)

    def _is_absent(self, text: str) -> bool:
        """Tell whether the series is one of a part that this stack does not have, or that the service lacks."""
        targets = self.stack.targets
        roles = {*expr.values(text, JOB.name), *(ROLES[name] for name in expr.names(text) if name in ROLES)}
        lacking = any(role in targets.KNOWN and not targets.has(role) for role in roles)
        return lacking or bool(self.spoken.absent & set(expr.names(text)))

    def _track(self, where: Place, text: str, value: Any, lasts: float, usual: Mapping[Any, Track]) -> Track:
        try:
            selector = expr.parse(text).selectors[0]
        except (ExprError, IndexError) as error:
            raise ScenarioError(f"{where}: {text} is no series: {error}") from error
        metric = self.known.get(selector.name)
        if metric is None:
            raise ScenarioError(f"{where}: nobody writes {selector.name}; declare it in metrics/, or correct the name")
        labels = {condition.label: condition.value for condition in selector.conditions}
        if selector.name in self.own:
            labels.setdefault(JOB.name, self.stack.targets.api.job)
        if JOB.name in labels:
            labels[JOB.name] = self.job(labels[JOB.name])
        self._judge_labels(where, text, metric, labels)
        metric, labels = self._called(metric, labels)
        job = labels[JOB.name]
        labels |= {INSTANCE.name: self.addresses[job], ENVIRONMENT.name: self.stack.service.environment}
        key = tuple(sorted(labels.items()))
        spread: tuple[float, ...] = ()
        if metric.kind == "histogram":
            if not isinstance(value, dict) or set(value) != {"rate", "values"} or not value["values"]:
                raise ScenarioError(f"{where}: {text} is a histogram; takes {{ rate = ..., values = [...] }}")
            spread, value = tuple(value["values"]), value["rate"]
        elif isinstance(value, dict):
            raise ScenarioError(f"{where}: {text} is a {metric.kind}; takes a number, 'to 5', 'gone' or steps")
        before = usual.get((metric.name, key))
        start = before.shape.at(0.0) if before else 0.0
        return Track(metric, key, _shape(where, text, value, start or 0.0, lasts), spread)

    def _called(self, metric: Metric, labels: Mapping[str, str]) -> tuple[Metric, dict[str, str]]:
        """Return a standard series and its labels as the service calls them."""
        real = self.spoken.metrics.get(metric.name, metric)
        own = {label.name: self.spoken.labels.get(label, label).name for label in metric.labels}
        # Requests that are counted by the histogram of their durations bring their status into it.
        added = {label.name: ANSWERED for label in real.labels} if len(real.labels) > len(metric.labels) else {}
        renamed = {own.get(name, name): value for name, value in labels.items()}
        return real, {name: value for name, value in added.items() if name not in renamed} | renamed

    def _judge_labels(self, where: Place, text: str, metric: Metric, labels: Mapping[str, str]) -> None:
        declared = {label.name: label for label in metric.labels}
        scraped = {label.name for label in TARGET}
        if labels.get(JOB.name) not in self.addresses:
            raise ScenarioError(f'{where}: {text} needs the job that exposes it, as job="redis"')
        for name, value in labels.items():
            if name not in declared and name not in scraped:
                raise ScenarioError(f"{where}: {text}: the series has no label '{name}'; it has {', '.join(declared)}")
            if name in declared and declared[name].values and value not in declared[name].values:
                raise ScenarioError(f"{where}: {text}: label '{name}' is never '{value}'")
        missing = set(declared) - set(labels)
        if metric.name in self.own and missing:
            raise ScenarioError(f"{where}: {text} lacks the label '{min(missing)}', which the service always writes")


def _shape(where: Place, text: str, value: Any, start: float, lasts: float) -> Shape:
    """Read a level: 5, "to 5", "gone", "up", "down", "clock - 5m", "daily 8", or steps such as ["45s 1", "75s 0"]."""
    try:
        if isinstance(value, str) and value.startswith("daily "):
            return Daily(float(value[6:]))
        if isinstance(value, str) and value.startswith("clock"):
            return Clock(seconds(value.removeprefix("clock").removeprefix(" - ")))
        if isinstance(value, str) and value.startswith("to "):
            return Ramp(start, float(value[3:]), lasts)
        if isinstance(value, list):
            return Steps(tuple((seconds(step.split()[0]), _level(step.split()[1])) for step in value))
        return Steps(((float("inf"), _level(value)),))
    except (ValueError, IndexError, AttributeError) as error:
        takes = "takes a number, 'to 5', 'gone', 'daily 8' or steps such as ['45s 1', '75s 0']"
        what = f"{where}: {text} = {value!r}: {takes}"
        raise ScenarioError(what) from error


def _level(value: Any) -> float | None:
    return STATES[value] if value in STATES else float(value)
