"""Is every part of a rule proven? Changed or taken away, at least one case has to fail."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from obs import toml
from obs.alerting import Alert, Group, Recording, Severity
from obs.place import Place
from obs.proofs import trials
from obs.proofs.cases import whole_trials
from obs.proofs.finding import Fault, Finding
from obs.proofs.mutations import of_duration, of_expression
from obs.proofs.promtool import Promtool
from obs.proofs.questions import place
from obs.proofs.trials import Trial
from obs.stack import Stack

ID, STALE = "alert/unproven-part", "alert/stale-survivor"
SURVIVORS = Path("alerts/survivors.toml")
"""The mutants that no case tells apart, each with the reason why it may live, and until when."""

AT_ONCE = 400
"""Mutants played together, so that an interrupted run keeps most of what it found out."""


class SurvivorError(ValueError):
    """The list of survivors can't be read; the message names the mistake."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A trial of an alert with one part changed; ``part`` ends the sentence 'no case notices that ...'."""

    trial: Trial
    part: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others: a recording is mutated once, whichever alert shows it."""
        return ("" if self.part.startswith("record ") else self.trial.alert.name), self.part


@dataclass(frozen=True, slots=True)
class Survivor:
    """Mutants that may live: those of ``alert`` whose part matches ``part`` whole, until ``expires``."""

    alert: str
    part: re.Pattern[str]
    reason: str
    expires: dt.date

    def covers(self, mutant: Mutant) -> bool:
        """Tell whether a mutant is one of these."""
        return self.alert in ("", mutant.trial.alert.name) and bool(self.part.fullmatch(mutant.part))


@dataclass(frozen=True, slots=True)
class Score:
    """How many mutants there are, how many a case killed, and those that survived although nobody says why."""

    mutants: int
    killed: int
    listed: int
    findings: tuple[Finding, ...]

    def __str__(self) -> str:
        """Return the score as one line."""
        listed = f", {self.listed} listed in {SURVIVORS}" if self.listed else ""
        return f"{self.killed} of {self.mutants} mutants killed{listed}"


def prove(
    promtool: Promtool,
    stack: Stack,
    groups: Sequence[Group],
    names: Iterable[str] = (),
    *,
    where: Callable[[str], bool] = bool,
) -> Score:
    """
    Play the mutants of every alert, or of those named; raise PromtoolError or SurvivorError.

    ``where`` chooses by the part that is changed. What was played before with the same rules and cases is not played
    again.
    """
    wanted = list(names)
    every = [mutant for whole in whole_trials(groups, wanted) for mutant in mutants(stack, whole) if where(mutant.part)]
    listed, today = survivors(Path.cwd() / SURVIVORS), dt.datetime.now(tz=dt.UTC).date()
    alive = _alive(promtool, stack, every)
    covered = [mutant for mutant in alive if any(one.covers(mutant) and one.expires >= today for one in listed)]
    found = [
        Finding(Fault(place(mutant.trial.alert), f"no case notices that {mutant.part}", "add one"), ID)
        for mutant in alive
        if mutant not in covered
    ]
    if not wanted and where is bool:
        found += [_stale(one, today) for one in listed if one.expires < today or not any(map(one.covers, alive))]
    keys = {mutant.key for mutant in every}
    return Score(len(keys), len(keys) - len({mutant.key for mutant in alive}), len(covered), tuple(found))


def mutants(stack: Stack, whole: Trial) -> Iterator[Mutant]:
    """Yield the rule of a trial, and the recordings it reads, once with each part changed."""
    alert = whole.alert
    for mutation in of_expression(alert.expr):
        yield _mutant(whole, mutation.part, expr=mutation.expr)
    for hold, words in of_duration(alert.hold):
        yield _mutant(whole, f"it holds for {alert.hold}, not {words}", hold=hold)
    for keeps, words in of_duration(alert.keep_firing_for):
        part = f"it keeps firing for {alert.keep_firing_for}, not {words}"
        yield _mutant(whole, part, keep_firing_for="" if keeps == "0s" else keeps)
    for severity in Severity:
        if severity is not alert.severity:
            yield Mutant(replace(whole, labels={"severity": severity.value}), f"it is no {severity}")
    for label in alert.labels(stack):
        yield Mutant(replace(whole, labels={label: ""}), f"it has the label {label}")
    for annotation in alert.annotations(stack):
        yield Mutant(replace(whole, annotations={annotation: ""}), f"it says {annotation}")
    for number, recording in enumerate(whole.recordings):
        for mutation in of_expression(recording.expr):
            changed = list(whole.recordings)
            changed[number] = Recording(recording.metric, mutation.expr)
            part = f"record {recording.metric.name}: {mutation.part}"
            yield Mutant(replace(whole, recordings=tuple(changed)), part)


def survivors(path: Path) -> tuple[Survivor, ...]:
    """Read the list of mutants that may live, none where there is no file; raise SurvivorError."""
    try:
        listed = toml.parse(path.read_text(encoding="utf-8")).get("survivor", [])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise SurvivorError(f"{path}: can't be read: {error}") from error
    return tuple(_survivor(path, number, one) for number, one in enumerate(listed, 1))


def _survivor(path: Path, number: int, listed: Mapping[str, Any]) -> Survivor:
    takes = "takes alert, part and reason in words, and expires as a date such as 2027-01-31"
    match dict(listed):
        case {"part": str(part), "reason": str(reason), "expires": dt.date() as expires, **rest} if part and reason:
            if not set(rest) - {"alert"}:
                try:
                    return Survivor(str(rest.get("alert", "")), re.compile(part, re.DOTALL), reason, expires)
                except re.error as error:
                    raise SurvivorError(f"{path}: survivor {number}: part is no pattern: {error}") from error
    raise SurvivorError(f"{path}: survivor {number}: something is missing or of the wrong kind: {takes}")


def _stale(one: Survivor, today: dt.date) -> Finding:
    where = Place(str(SURVIVORS), item=f"'{one.alert}' {one.part.pattern}")
    if one.expires < today:
        return Finding(Fault(where, f"it expired on {one.expires}", "add a case, or argue again"), STALE)
    return Finding(Fault(where, "it covers nothing", "remove it"), STALE)


def _alive(promtool: Promtool, stack: Stack, every: Sequence[Mutant]) -> list[Mutant]:
    """Return the mutants that no case kills; of a recording, those that no alert's case does."""
    killed: set[tuple[str, str]] = set()
    for start in range(0, len(every), AT_ONCE):
        batch = every[start : start + AT_ONCE]
        dead = _killed(promtool, stack, batch)
        killed |= {mutant.key for mutant, died in zip(batch, dead, strict=True) if died}
    trials.KEPT.trim()
    return list({mutant.key: mutant for mutant in every if mutant.key not in killed}.values())


def _killed(promtool: Promtool, stack: Stack, batch: Sequence[Mutant]) -> list[bool]:
    """Play one case a round, the short ones first: most mutants fail at once, and a case of three days is dear."""
    cases = [sorted(mutant.trial.cases, key=trials.evaluations) for mutant in batch]
    dead = [False] * len(batch)
    for number in count():
        left = [index for index in range(len(batch)) if not dead[index] and number < len(cases[index])]
        if not left:
            return dead
        tried = [replace(batch[index].trial, cases=(cases[index][number],)) for index in left]
        for index, failures in zip(left, trials.run(promtool, stack, tried), strict=True):
            dead[index] = bool(failures)
    return dead


def _mutant(whole: Trial, part: str, **changes: str) -> Mutant:
    alert: Alert = replace(whole.alert, **changes)  # type: ignore[arg-type]  # every change is a text
    return Mutant(replace(whole, alert=alert), part)
