"""Does every alert fire, stay silent and clear as its cases say, and does each case prove something?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from obs import content
from obs.alerting import Alert, Case, Group
from obs.alerting.samples import HistoryError, expand
from obs.durations import canonical
from obs.place import Place
from obs.proofs import trials, writable
from obs.proofs.finding import Fault, Finding
from obs.proofs.promtool import Promtool
from obs.proofs.promtool_output import Failure, Firing
from obs.proofs.questions import place
from obs.proofs.trials import Trial
from obs.query import expr
from obs.query.expr import ExprError
from obs.stack import Stack
from watchkeeper.contract.metrics import Metric

CASE, EMPTY, UNWRITABLE = "alert/case", "alert/case-proves-nothing", "alert/case-never-happens"


def prove(promtool: Promtool, stack: Stack, groups: Sequence[Group], names: Iterable[str] = ()) -> list[Finding]:
    """Run the cases of every alert, or of those named; return what does not hold. Raise PromtoolError."""
    here = content.here().of(stack)
    known = writable.families((*here.own, *here.exporters))
    examined = [(trial, list(_refused(trial, known))) for trial in whole_trials(groups, names)]
    problems = [problem for _, refused in examined for problem in refused]
    # What promtool can't read would hide the other cases of the alert behind its complaint.
    runnable = [trial for trial, refused in examined if not refused]
    for trial, failures in zip(runnable, trials.run(promtool, stack, runnable), strict=True):
        problems += [_problem(trial.alert, failure) for failure in failures]
    trials.KEPT.trim()
    return problems


def whole_trials(groups: Sequence[Group], names: Iterable[str] = ()) -> list[Trial]:
    """Return the trial of every alert, or of those named, as it is written."""
    wanted = set(names)
    return [_whole(alert, groups) for group in groups for alert in group.alerts if not wanted or alert.name in wanted]


def _whole(alert: Alert, groups: Sequence[Group]) -> Trial:
    try:
        return Trial(alert, trials.needed(alert, groups), alert.cases)
    except ExprError as error:
        raise ExprError(f"{place(alert)}: it reads what is no PromQL: {error}") from error


def _refused(trial: Trial, known: Mapping[str, Metric]) -> Iterator[Finding]:
    empty = list(empty_cases(trial))
    yield from empty
    if not empty:
        for case in trial.alert.cases:
            for what, instead in writable.faults(case, known):
                yield Finding(Fault(_where(trial.alert, case), what, instead), UNWRITABLE)


def empty_cases(trial: Trial) -> Iterator[Finding]:
    """Yield the cases that would pass whatever the rule says, and those that promtool could not read."""
    read = _reads(trial)
    for case in trial.alert.cases:
        where = _where(trial.alert, case)
        written = list(_unreadable(case))
        yield from (Finding(Fault(where, what, instead), CASE) for what, instead in written)
        if not written:
            yield from (Finding(Fault(where, what, instead), EMPTY) for what, instead in _proves_nothing(case, read))


def _reads(trial: Trial) -> set[str]:
    texts = (trial.alert.expr, *(recording.expr for recording in trial.recordings))
    return {selector.name for text in texts for selector in expr.parse(text).selectors}


def _unreadable(case: Case) -> Iterator[tuple[str, str]]:
    for series, values in case.series.items():
        try:
            written = expr.parse(series)
            if len(written.selectors) != 1 or any(c.operator != "=" for c in written.selectors[0].conditions):
                yield f"'{series}' is no single series", 'write one metric, with its labels as label="value"'
            expand(values)
        except ExprError as error:
            yield f"'{series}' is no series: {error}", 'write one metric, with its labels as label="value"'
        except HistoryError as error:
            what, _, instead = str(error).partition("; ")
            yield f"the samples of {series}: {what}", instead


def _proves_nothing(case: Case, read: set[str]) -> Iterator[tuple[str, str]]:
    if case.verdict == "fires":
        return
    names = ", ".join(sorted(read))
    read_here = [values for series, values in case.series.items() if expr.parse(series).selectors[0].name in read]
    if not case.series:
        yield "it has no history", f"give it a history of {names}"
    elif not read_here:
        yield f"the alert reads none of its series: {', '.join(case.series)}", f"it reads {names}"
    elif not any(isinstance(sample, float) for values in read_here for sample in expand(values)):
        yield "its history holds no sample", "give it some"


def _where(alert: Alert, case: Case) -> Place:
    where = place(alert)
    return replace(where, item=f"{where.item} case '{case.name}'".strip())


def _problem(alert: Alert, failure: Failure) -> Finding:
    if failure.message:
        return Finding(Fault(place(alert), f"promtool can't judge its cases: {failure.message}", ""), CASE)
    name = failure.expr.partition(" # ")[2] if failure.expr else failure.name
    case = next(case for case in alert.cases if case.name == name)
    if failure.expr:
        what, instead = _when(case, failure.told)
    elif not failure.got:
        what, instead = f"nothing fires at {case.at}", f"expected {_told(failure.expected)}"
    else:
        got, expected = _differences(failure.got, failure.expected[0])
        what, instead = f"at {case.at} it fires {got}", f"expected {expected}"
    return Finding(Fault(_where(alert, case), what, instead), CASE)


def _when(case: Case, told: str) -> tuple[str, str]:
    """Return when it fires instead, and what the case says: promtool prints one sample, or `nil`."""
    value = told.rpartition(" ")[2]
    moment = (
        None if value == "nil" else canonical(f"{float(value) + (case.verdict == 'clears') * trials.step(case):g}s")
    )
    if case.verdict == "clears":
        if moment is None:
            return "it never fires", f"so nothing shows that it clears at {case.at}"
        return f"it clears at {moment}", f"the case says at {case.at}"
    if case.verdict == "silent":
        return f"it fires at {moment}", "a silent alert never does, not even while its windows drain"
    return f"it fires {f'from {moment} on' if moment else 'never'}", f"the case says by {case.by or case.at}"


def _differences(got: tuple[Firing, ...], expected: Firing) -> tuple[str, str]:
    """Return what fires and what should, in as few words as tell them apart."""
    if len(got) > 1:
        return f"{len(got)} times: {_told(got)}", f"once, {_told((expected,))}"
    if got[0].labels != expected.labels:
        return _told(got), _told((expected,))
    keys = [key for key, text in expected.annotations.items() if got[0].annotations.get(key) != text]
    return _said(got[0], keys), _said(expected, keys)


def _said(firing: Firing, keys: list[str]) -> str:
    return " and ".join(f"{key} '{firing.annotations.get(key, '')}'" for key in keys)


def _told(firing: tuple[Firing, ...]) -> str:
    return " and ".join(
        "{" + ", ".join(f'{key}="{value}"' for key, value in sorted(one.labels.items()) if key != "alertname") + "}"
        f", which says '{one.annotations.get('description', '')}'"
        for one in firing
    )
