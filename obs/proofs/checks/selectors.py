"""Does every query parse, and read series, labels and values that exist?"""

import re
import warnings
from collections.abc import Iterator
from functools import lru_cache

from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence, Fault
from obs.query.expr import Condition, ExprError, parse
from obs.query.logql import LEVEL, LEVELS, STREAM_LABELS, UNKNOWN, selected
from obs.query.series import Series
from obs.stack.settings import Targets
from watchkeeper.contract.labels import JOB


def unparsed(evidence: Evidence) -> Iterator[Fault]:
    """Find PromQL that is none."""
    for question in evidence.questions:
        if question.language == "promql":
            try:
                parse(question.text)
            except ExprError as error:
                yield question.where, f"'{_line(question.text)}' is no PromQL", str(error)


def unknown_metrics(evidence: Evidence) -> Iterator[Fault]:
    """Find selectors of series that nothing exposes."""
    for question, query in evidence.parsed:
        for selector in query.selectors:
            if not selector.name:
                yield question.where, f"'{selector}' does not name its metric", "select one metric by its name"
            elif selector.name not in evidence.contract.series and not selector.name.startswith("$"):
                yield (
                    question.where,
                    f"nothing exposes {selector.name}",
                    evidence.contract.missing(selector.name),
                )


def unknown_labels(evidence: Evidence) -> Iterator[Fault]:
    """Find matchers, and labels offered by variables, that a series does not carry."""
    for question, query in evidence.answerable:
        for selector in query.selectors:
            series = evidence.contract.series[selector.name]
            asked = [condition.label for condition in selector.conditions] + [question.label] * bool(question.label)
            for label in dict.fromkeys(asked):
                if label not in series.labels:
                    yield (
                        question.where,
                        f"{selector.name} has no label '{label}'",
                        f"it has {', '.join(sorted(series.labels))}",
                    )


def impossible_values(evidence: Evidence) -> Iterator[Fault]:
    """Find matchers that no series can meet, where the values of a label are known."""
    targets = evidence.built.stack.targets
    jobs = tuple(getattr(targets, role).job for role in Targets.__dataclass_fields__)
    for question, query in evidence.answerable:
        for selector in query.selectors:
            series = evidence.contract.series[selector.name]
            for condition in selector.conditions:
                values = jobs if condition.label == JOB.name else _values(series, condition.label)
                if values and not _possible(condition, values):
                    instead = f"{condition.label} takes {', '.join(values)}"
                    yield question.where, f"{selector.name} is never {condition}", instead


def streams(evidence: Evidence) -> Iterator[Fault]:
    """Find LogQL that selects streams by labels they do not have."""
    for question in evidence.questions:
        if question.language == "logql":
            yield from (
                (question.where, f"'{_line(question.text)}': {what}", instead)
                for what, instead in _stream(question.text)
            )


def _stream(text: str) -> Iterator[tuple[str, str]]:
    found = list(selected(text))
    if not found:
        yield "it selects no stream", 'begin with {service="..."}'
    for streams in found:
        if streams.conditions is None:
            yield f"'{streams.text}' is no selector", 'write {label="value", ...}'
        for condition in streams.conditions or ():
            label = condition.label
            if label not in STREAM_LABELS:
                yield (
                    f"no stream has the label '{label}'",
                    f"streams have {', '.join(STREAM_LABELS)}; filter after | json",
                )
            elif label == LEVEL and not _possible(condition, (*LEVELS, UNKNOWN)):
                yield f"no stream is {condition}", f"{label} takes {', '.join((*LEVELS, UNKNOWN))}"


def _values(series: Series, label: str) -> tuple[str, ...]:
    return series.values(label) if label in series.labels else ()


def _possible(condition: Condition, values: tuple[str, ...]) -> bool:
    """Tell whether a matcher tells the values apart: it may meet some, and what it excludes may exist."""
    if "$" in condition.value.removesuffix("$"):
        return True
    if condition.operator in ("=", "!="):
        return condition.value in values
    pattern = _pattern(condition.value)
    return pattern is None or any(pattern.fullmatch(value) for value in values)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str] | None:
    r"""Return a pattern as Python reads it; None for what RE2 reads otherwise, such as `[[:alpha:]]` or `\pL`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(text)
        except (re.error, Warning):
            return None


def _line(text: str) -> str:
    return " ".join(text.split())


CHECKS = (
    Check("query/syntax", "every PromQL query parses", unparsed),
    Check("query/unknown-metric", "every metric that is asked for is exposed or recorded", unknown_metrics),
    Check("query/unknown-label", "every label that is asked for is carried by its metric", unknown_labels),
    Check("query/impossible-value", "every matcher can be met", impossible_values),
    Check("query/log-stream", "every LogQL query selects streams by labels they have", streams),
)
