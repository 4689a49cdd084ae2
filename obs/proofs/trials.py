"""How does promtool judge an alert, whole or with a part removed, on its cases?"""

import hashlib
import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from obs.alerting import Alert, Case, Group, Recording
from obs.alerting.render import group_body
from obs.alerting.samples import PARTS, drawn, expand
from obs.durations import seconds
from obs.proofs.kept import Kept
from obs.proofs.promtool import Promtool
from obs.proofs.promtool_output import Failure, Firing
from obs.query import expr
from obs.query.promql import select
from obs.query.windows import reach
from obs.stack import Stack
from watchkeeper.contract.labels import ALERTNAME, ALERTSTATE, SERVICE, SEVERITY, TEAM
from watchkeeper.contract.scraping import ALERTS

KEPT, RULES = Kept(Path(".obs/trials")), "rules.json"

PROCESSES = 2
"""promtool judges one file after the other; the smallest machines that build this have two cores."""

STEP_SECONDS, LONG_STEP_SECONDS, LONG_SECONDS = 60, 300, 12 * 3600
"""Rules are evaluated once a minute; every five minutes in a case of more than half a day: days cost their square."""

LOOKBACK_SECONDS = 300
"""How long a selector goes on with the last sample: https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness."""


@dataclass(frozen=True, slots=True)
class Trial:
    """
    An alert, perhaps mutated, the recordings its expression needs in order, and the cases it is judged on.

    ``labels`` and ``annotations`` replace those of the rule, and leave out what is empty: the cases expect the alert's.
    """

    alert: Alert
    recordings: tuple[Recording, ...]
    cases: tuple[Case, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def cost(self) -> float:
        """Return about how long promtool takes, in evaluations of a rule: setting up a case is worth a hundred."""
        return sum(100 + evaluations(case) for case in self.cases)


def needed(alert: Alert, groups: Sequence[Group]) -> tuple[Recording, ...]:
    """Return the recordings that an alert reads, and those that they read, in the order they are evaluated."""
    recordings = [rule for group in groups for rule in group.rules if isinstance(rule, Recording)]
    wanted = {selector.name for selector in expr.parse(alert.expr).selectors}
    kept: list[Recording] = []
    for recording in reversed(recordings):
        if recording.metric.name in wanted:
            wanted |= {selector.name for selector in expr.parse(recording.expr).selectors}
            kept.insert(0, recording)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What promtool plays at once: a file of rules and a file of tests, as text."""

    rules: str
    tests: str

    def digest(self, promtool: Promtool) -> str:
        """Return what the answer is kept under: all that it depends on."""
        return hashlib.sha256(f"{promtool.version}\n{self.rules}\n{self.tests}".encode()).hexdigest()[:32]

    def write(self, folder: Path) -> Path:
        """Write both files into a new folder; return that of the tests."""
        folder.mkdir()
        (folder / RULES).write_text(self.rules, encoding="utf-8")
        tests = folder / "test.json"
        tests.write_text(self.tests, encoding="utf-8")
        return tests


def run(promtool: Promtool, stack: Stack, trials: Sequence[Trial]) -> list[tuple[Failure, ...]]:
    """
    Return what fails in each trial; raise PromtoolError.

    What this release of promtool played before, to the letter, is not played again.
    """
    dealt = [list(_sheets(stack, trial)) for trial in trials]
    costs = {sheet: trial.cost() for trial, sheets in zip(trials, dealt, strict=True) for sheet in sheets}
    digests = {sheet: sheet.digest(promtool) for sheet in costs}
    known = {sheet: text for sheet, digest in digests.items() if (text := KEPT.read(digest))}
    unknown = {sheet: cost for sheet, cost in costs.items() if sheet not in known}
    for sheet, failed in _play(promtool, unknown).items() if unknown else ():
        known[sheet] = json.dumps([asdict(failure) for failure in failed])
        with suppress(OSError):  # a folder that can't be written costs time, not the proof
            KEPT.write(digests[sheet], known[sheet])
    return [tuple(_failure(one) for sheet in sheets for one in json.loads(known[sheet])) for sheets in dealt]


def _failure(kept: dict[str, Any]) -> Failure:
    firings = {key: tuple(Firing(**one) for one in kept[key]) for key in ("expected", "got")}
    return Failure(**kept | firings)


def _play(promtool: Promtool, costs: Mapping[_Sheet, float]) -> dict[_Sheet, list[Failure]]:
    with tempfile.TemporaryDirectory(prefix="obs-") as folder:
        files = {sheet.write(Path(folder) / str(number)): sheet for number, sheet in enumerate(costs)}
        shares = _shares({file: costs[sheet] for file, sheet in files.items()})
        with ThreadPoolExecutor(PROCESSES) as pool:
            answers = list(pool.map(promtool.test_rules, shares))
    failed: dict[_Sheet, list[Failure]] = {sheet: [] for sheet in costs}
    for failure in (failure for answer in answers for failure in answer):
        failed[files[Path(failure.file)]].append(replace(failure, file=""))
    return failed


def evaluations(case: Case) -> float:
    """Return about how often promtool evaluates a rule in a case."""
    return _written(case) / step(case)


def step(case: Case) -> float:
    """Return the seconds between two evaluations of a case."""
    shortest = LONG_STEP_SECONDS if _written(case) > LONG_SECONDS else STEP_SECONDS
    return max(shortest, seconds(case.every))


def _written(case: Case) -> float:
    """Return the seconds until the last moment that a case is looked at, or its last sample where that is the end."""
    if case.verdict == "fires":
        return seconds(case.at)
    return max(seconds(case.at), *(seconds(case.every) * len(expand(values)) for values in case.series.values()), 0)


def played(trial: Trial, case: Case) -> float:
    """Return the seconds a case is played: until every window of the rule has drained, unless it fires."""
    if case.verdict == "fires":
        return seconds(case.at)
    recorded = sum(reach(recording.expr) + LOOKBACK_SECONDS for recording in trial.recordings)
    alert = trial.alert
    drained = reach(alert.expr) + LOOKBACK_SECONDS + seconds(alert.hold) + seconds(alert.keep_firing_for) + recorded
    return step(case) * math.ceil((_written(case) + drained) / step(case))


def body(stack: Stack, trial: Trial, recordings: Sequence[Recording]) -> dict[str, Any]:
    """Return the rule group of a trial in the shape Prometheus loads."""
    group = group_body(stack, Group("proof", trial.alert.name, (*recordings, trial.alert)))
    alert = group["rules"][-1]
    for key, changed in (("labels", trial.labels), ("annotations", trial.annotations)):
        alert[key] = {name: text for name, text in (alert[key] | changed).items() if text}
    return group


def _shares(costs: Mapping[Path, float]) -> list[list[Path]]:
    """Deal the files out so that all processes end at about the same time: the longest first, to whoever has least."""
    shares: list[list[Path]] = [[] for _ in range(PROCESSES)]
    loads = [0.0] * PROCESSES
    for file, cost in sorted(costs.items(), key=lambda item: -item[1]):
        least = loads.index(min(loads))
        shares[least].append(file)
        loads[least] += cost
    return [share for share in shares if share]


def _sheets(stack: Stack, trial: Trial) -> Iterator[_Sheet]:
    """Yield the rules and tests of a trial; cases that bring a recorded series themselves do without its rule."""
    together: dict[tuple[frozenset[str], float], list[Case]] = defaultdict(list)
    recorded = {recording.metric.name for recording in trial.recordings}
    for case in trial.cases:
        brought = {expr.parse(series).selectors[0].name for series in case.series}
        together[frozenset(brought & recorded), step(case)].append(case)
    for (given, between), cases in together.items():
        rules = [recording for recording in trial.recordings if recording.metric.name not in given]
        tests = [_test(stack, trial, case) for case in cases]
        sheet = {"rule_files": [RULES], "evaluation_interval": f"{between:g}s", "tests": tests}
        yield _Sheet(json.dumps({"groups": [body(stack, trial, rules)]}), json.dumps(sheet))


def _test(stack: Stack, trial: Trial, case: Case) -> dict[str, Any]:
    """Return one test: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/."""
    alert, end, between = trial.alert, played(trial, case), step(case)
    every = seconds(case.every)
    length = 0 if case.verdict == "fires" else math.ceil(end / every)
    firing = f"timestamp({select(ALERTS, ALERTNAME.eq(alert.name), ALERTSTATE.eq('firing'))})"
    ever = f"[{end + between:.12g}s:{between:g}s]"
    # promtool complains about expressions without the name of the test: the comment is what tells them apart.
    last = case.verdict == "clears"
    moment = f"max(max_over_time({firing}{ever}))" if last else f"min(min_over_time({firing}{ever}))"
    asked: dict[str, Any] = {"expr": f"{moment} # {case.name}", "eval_time": f"{end:.12g}s"}
    if case.verdict != "silent":
        fired = seconds(case.at) - between if last else seconds(case.by or case.at)
        asked["exp_samples"] = [{"labels": "{}", "value": fired}]
    test = {
        "name": case.name,
        "interval": f"{1000 * every / PARTS:.0f}ms",
        "input_series": [{"series": series, "values": drawn(values, length)} for series, values in case.series.items()],
        "promql_expr_test": [asked],
    }
    if case.verdict == "fires":
        expected = [_firing(stack, alert, case)]
        test["alert_rule_test"] = [{"eval_time": case.at, "alertname": alert.name, "exp_alerts": expected}]
    return test


def _firing(stack: Stack, alert: Alert, case: Case) -> dict[str, Any]:
    labels = {matcher.label.name: matcher.value for matcher in case.where}
    labels |= {SERVICE.name: stack.service.name, SEVERITY.name: case.severity.value, TEAM.name: stack.service.team}
    annotations = alert.annotations(stack)
    if case.says:
        annotations["description"] = case.says
    return {"exp_labels": labels, "exp_annotations": annotations}
