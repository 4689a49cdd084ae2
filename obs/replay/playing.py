"""When does each alert fire while a scenario happens? Prometheus' own engine, inside promtool, says it."""

import dataclasses
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obs.durations import seconds
from obs.proofs.kept import Kept
from obs.proofs.promtool import Promtool, PromtoolError
from obs.query.promql import select
from obs.replay import drawing, reach, shapes
from obs.replay.drawing import grid, series
from obs.replay.scenario import Scenario
from obs.stack import Stack
from watchkeeper.contract.labels import ALERTSTATE
from watchkeeper.contract.scraping import ALERTS

PROCESSES = 2
CACHE = Path(".obs/drill")
MOST_KEPT = 2000
"""Answers that are kept: those of a dozen states of the rules."""

SAMPLE = re.compile(r'\{((?:\w+="(?:[^"\\]|\\.)*"(?:, )?)*)\} (\d)E\+00')
PAIR = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class PlayingError(Exception):
    """A scenario can't be played, or what it showed can't be kept; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires from ``start`` until ``end``, in seconds of the scenario; ``end`` is None while it does."""

    labels: tuple[tuple[str, str], ...]
    start: float
    end: float | None


def play(
    promtool: Promtool,
    stack: Stack,
    groups: Sequence[Mapping[str, Any]],
    scenarios: Sequence[Scenario],
    done: Callable[[Scenario], None],
) -> dict[str, list[Firing]]:
    """
    Return what fires in each scenario, by its name; raise PromtoolError or PlayingError.

    ``groups`` are rule groups as Prometheus loads them. What was played before with the same rules is not played again.
    """
    # Recordings first, so that what reads them is not one evaluation behind.
    ordered = sorted(groups, key=lambda group: (all("alert" in rule for rule in group["rules"]), group["name"]))
    found: dict[str, list[Firing]] = {}
    with ThreadPoolExecutor(PROCESSES) as pool:
        try:
            asked = {pool.submit(_play, promtool, stack, ordered, one): one for one in scenarios}
            for future in as_completed(asked):
                found[asked[future].name] = future.result()
                done(asked[future])
        finally:
            # Who interrupts, or meets a broken promtool, does not wait for the scenarios that are still to come.
            pool.shutdown(wait=False, cancel_futures=True)
            Kept(CACHE).trim(files=MOST_KEPT)
    return found


def _play(promtool: Promtool, stack: Stack, groups: reach.Groups, scenario: Scenario) -> list[Firing]:
    reached = reach.within(groups, scenario)
    if not reached:
        return []
    rules = json.dumps(_wordless(reached))
    kept, digest = Kept(CACHE), _digest(promtool, stack, rules, scenario)
    if found := kept.read(digest):
        return _firings([(at, told) for at, told in json.loads(found)])
    try:
        changes = [
            change
            for every, part in _paces(reached, scenario.scrape)
            for change in _asked(promtool, stack, scenario, part, every)
        ]
        kept.write(digest, json.dumps(changes))
    except OSError as error:
        raise PlayingError(f"'{scenario.name}' can't be played: {error}; free some space, or fix the folder") from error
    return _firings(changes)


def _wordless(groups: reach.Groups) -> reach.Groups:
    """Return groups without what an alert says: other words, and links to other panels, fire no sooner."""
    return [
        {**group, "rules": [{key: rule[key] for key in rule if key != "annotations"} for rule in group["rules"]]}
        for group in groups
    ]


def _paces(groups: reach.Groups, scrape: int) -> Iterator[tuple[int, reach.Groups]]:
    """Yield the groups of each interval with the recordings, for promtool evaluates all groups at one."""

    def pace(group: Mapping[str, Any]) -> int:
        return max(scrape, int(seconds(group["interval"])))

    recordings = [group for group in groups if "alert" not in group["rules"][-1]]
    alerting = [group for group in groups if group not in recordings]
    for every in sorted({pace(group) for group in alerting}):
        yield every, [*recordings, *(one for one in alerting if pace(one) == every)]


def _asked(
    promtool: Promtool, stack: Stack, scenario: Scenario, groups: reach.Groups, every: int
) -> list[tuple[float, str]]:
    rules, test = json.dumps({"groups": groups}), _test(stack, scenario, reach.names(groups), every)
    with tempfile.TemporaryDirectory(prefix="obs-") as folder:
        (Path(folder) / "rules.json").write_text(rules, encoding="utf-8")
        (Path(folder) / "test.json").write_text(json.dumps(test), encoding="utf-8")
        failures = promtool.test_rules([Path(folder) / "test.json"])
    if broken := [failure.message for failure in failures if failure.message]:
        raise PromtoolError(f"promtool can't play '{test['tests'][0]['name']}': {broken[0]}")
    return [(seconds(failure.at), failure.told) for failure in failures]


def _digest(promtool: Promtool, stack: Stack, rules: str, scenario: Scenario) -> str:
    """Return what an answer is kept under: all that it depends on, the code that draws and asks included."""
    code = [Path(file).read_bytes() for file in (drawing.__file__, shapes.__file__, __file__)]
    # What is wanted of it is judged afterwards: another wish is no reason to play it again.
    played = dataclasses.replace(scenario, name="", wants="silence", within=0, detects=(), silent=())
    facts = f"{promtool.version}\n{rules}\n{stack.targets}\n{stack.service.environment}\n{played}"
    return hashlib.sha256(b"\n".join([facts.encode(), *code])).hexdigest()[:32]


def _test(stack: Stack, scenario: Scenario, read: frozenset[str], every: int) -> dict[str, Any]:
    """Ask at each evaluation what began (1) and what ended (0): promtool prints it as not what was expected."""
    firing = select(ALERTS, ALERTSTATE.eq("firing"))
    before = f"{firing} offset {every}s"
    changed = f"({firing} unless {before}) or 0 * ({before} unless {firing})"
    moments = range(every, int(scenario.length), every)
    test = {
        "name": scenario.name,
        "interval": f"{grid(scenario)}s",
        "input_series": [{"series": one, "values": text} for one, text in series(stack, scenario, read).items()],
        "promql_expr_test": [{"expr": changed, "eval_time": f"{moment}s"} for moment in moments],
    }
    return {"rule_files": ["rules.json"], "evaluation_interval": f"{every}s", "tests": [test]}


def _firings(changes: Sequence[tuple[float, str]]) -> list[Firing]:
    open_: dict[tuple[tuple[str, str], ...], float] = {}
    found: list[Firing] = []
    for at, told in sorted(changes):
        for labels, value in _samples(told):
            if value == "1":
                open_[labels] = at
            else:
                found.append(Firing(labels, open_.pop(labels), at))
    return sorted(found + [Firing(labels, start, None) for labels, start in open_.items()], key=lambda one: one.start)


def _samples(told: str) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    for labels, value in SAMPLE.findall(told):
        pairs = dict(PAIR.findall(labels))
        yield tuple(sorted((k, v) for k, v in pairs.items() if k not in ("__name__", ALERTSTATE.name))), value
