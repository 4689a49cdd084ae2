"""Does every alert fire, stay silent and clear as its cases say, and does each case prove something?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from obs.alerting.model import Alert, Case, Group
from obs.alerting.samples import HistoryError, first_sample
from obs.durations import seconds
from obs.place import Place
from obs.proofs import trials
from obs.proofs.finding import Fault, Finding
from obs.proofs.promtool import Promtool
from obs.proofs.promtool_output import Failure, Firing
from obs.proofs.questions import place
from obs.proofs.trials import Trial
from obs.query import expr
from obs.query.expr import ExprError
from obs.stack import Stack

CASE, EMPTY = "alert/case", "alert/case-proves-nothing"


def prove(promtool: Promtool, stack: Stack, groups: Sequence[Group], names: Iterable[str] = ()) -> list[Finding]:
    """Run the cases of every alert, or of those named; return what does not hold. Raise PromtoolError."""
    examined = [(trial, list(empty_cases(trial))) for trial in whole_trials(groups, names)]
    problems = [problem for _, refused in examined for problem in refused]
    # What promtool can't read would hide the other cases of the alert behind its complaint.
    runnable = [trial for trial, refused in examined if not refused]
    for trial, failures in zip(runnable, trials.run(promtool, stack, runnable), strict=True):
        problems += [_problem(trial.alert, failure) for failure in failures]
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


def empty_cases(trial: Trial) -> Iterator[Finding]:
    """Yield the cases that would pass whatever the rule says, and those that promtool could not read."""
    read = _reads(trial)
    for case in trial.alert.cases:
        where = _where(trial.alert, case)
        written = list(_unreadable(case))
        yield from (Finding(Fault(where, what, instead), CASE) for what, instead in written)
        if not written:
            yield from (
                Finding(Fault(where, what, instead), EMPTY) for what, instead in _proves_nothing(trial, case, read)
            )


def _reads(trial: Trial) -> set[str]:
    texts = (trial.alert.expr, *(recording.expr for recording in trial.recordings))
    return {selector.name for text in texts for selector in expr.parse(text).selectors}


def _unreadable(case: Case) -> Iterator[tuple[str, str]]:
    for series, values in case.series.items():
        try:
            written = expr.parse(series)
            if len(written.selectors) != 1 or any(c.operator != "=" for c in written.selectors[0].conditions):
                yield f"'{series}' is no single series", 'write one metric, with its labels as label="value"'
            first_sample(values)
        except ExprError as error:
            yield f"'{series}' is no series: {error}", 'write one metric, with its labels as label="value"'
        except HistoryError as error:
            what, _, instead = str(error).partition("; ")
            yield f"the samples of {series}: {what}", instead


def _proves_nothing(trial: Trial, case: Case, read: set[str]) -> Iterator[tuple[str, str]]:
    if case.verdict == "fires":
        return
    names = ", ".join(sorted(read))
    read_here = [values for series, values in case.series.items() if expr.parse(series).selectors[0].name in read]
    begin = [place for values in read_here if (place := first_sample(values)) is not None]
    if not case.series:
        yield "it has no history", f"give it a history of {names}"
    elif not read_here:
        yield f"the alert reads none of its series: {', '.join(case.series)}", f"it reads {names}"
    elif not begin or min(begin) * seconds(case.every) > seconds(case.at):
        yield f"its history holds no sample before {case.at}", "let it begin earlier, or look later"
    elif case.verdict == "silent" and seconds(case.at) < seconds(trial.alert.hold):
        yield f"nothing can fire by {case.at}", f"the alert holds for {trial.alert.hold}: look later"


def _where(alert: Alert, case: Case) -> Place:
    where = place(alert)
    return replace(where, item=f"{where.item} case '{case.name}'".strip())


def _problem(alert: Alert, failure: Failure) -> Finding:
    if failure.message:
        return Finding(Fault(place(alert), f"promtool can't judge its cases: {failure.message}", ""), CASE)
    name = failure.expr.partition(" # ")[2] if failure.expr else failure.name
    case = next(case for case in alert.cases if case.name == name)
    if failure.expr and case.verdict == "silent":
        what, instead = f"it fires before {case.at}", "a silent alert never does; or is this a clearing case?"
    elif failure.expr:
        what, instead = f"it does not fire at {case.fired}", f"so nothing shows that it clears at {case.at}"
    elif not failure.expected:
        verb = "still fires" if case.verdict == "clears" else "fires"
        what, instead = f"it {verb} at {case.at}: {_told(failure.got)}", "expected silence"
    elif not failure.got:
        what, instead = f"nothing fires at {case.at}", f"expected {_told(failure.expected)}"
    else:
        got, expected = _differences(failure.got, failure.expected[0])
        what, instead = f"at {case.at} it fires {got}", f"expected {expected}"
    return Finding(Fault(_where(alert, case), what, instead), CASE)


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
