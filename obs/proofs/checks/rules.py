"""Does every rule say what it does, once, and in the right numbers?"""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as ast

from obs import durations
from obs.alerting import Alert, Group, Recording
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import place
from obs.query import positions
from obs.query.compare import identity
from obs.query.expr import ExprError, parse
from obs.query.units import COUNT, unit
from obs.query.values import jobs

RECORDINGS = "obs/alerting/recording.py"
NAME = re.compile(r"(?P<level>\w+):\w+:(?P<function>[a-z]+?)(?P<window>\d+[smhdw])")
NUMBER = re.compile(
    r"(?<![\w.{])(?P<number>\d+(?:\.\d+)?)\s?(?P<unit>%|ms\b|s\b|seconds?\b|minutes?\b|hours?\b|days?\b)?(?![\w.]*\w)"
)
TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
BARE = re.compile(r"\{\{-?\s*(?:\$value|\.Value)\s*-?\}\}")
SECONDS = {"ms": 0.001, "s": 1, "second": 1, "minute": 60, "hour": 3600, "day": 86400}
SUBJECT_WORDS = 3
FRACTIONS = (
    "rate",
    "irate",
    "increase",
    "deriv",
    "predict_linear",
    "histogram_quantile",
    "avg_over_time",
    "avg",
    "stddev",
)


def repeated(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts that share their name or their condition with another."""
    names: dict[str, Alert] = {}
    conditions: dict[str, Alert] = {}
    for alert in evidence.alerts:
        if names.setdefault(alert.name, alert) is not alert:
            yield Fault(
                place(alert), f"{place(names[alert.name])} has the name {alert.name} as well", "name it otherwise"
            )
            continue
        other = conditions.setdefault(identity(alert.expr), alert)
        if other is not alert:
            what = f"{alert.name} has the condition of {other.name}, so both fire at once"
            yield Fault(place(alert), what, "keep one of them", alert.expr, alert.expr)


def short_holds(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts whose hold ends before the next evaluation."""
    for group, alert in _alerts(evidence):
        if 0 < durations.seconds(alert.hold) < durations.seconds(group.interval):
            what = f"hold = '{alert.hold}' is shorter than the {group.interval} between two evaluations"
            yield Fault(place(alert), what, "hold it for several evaluations, or '0s'")


def promises(evidence: Evidence) -> Iterator[Fault]:
    """Find alerts tied to a promise that nobody made."""
    made = [name for name in evidence.built.stack.slo.__dataclass_fields__ if _objective(evidence, name)]
    for alert in evidence.alerts:
        if alert.slo and alert.slo not in made:
            yield Fault(place(alert), f"there is no promise '{alert.slo}'", f"there is {', '.join(made)}")


def wrong_words(evidence: Evidence) -> Iterator[Fault]:
    """Find summaries with a number or a subject that the expression does not have."""
    for alert in evidence.alerts:
        try:
            query = parse(alert.expr)
        except ExprError:
            continue
        known = {round(number, 9) for number in _numbers(evidence, alert, query.nodes)}
        for found in NUMBER.finditer(alert.summary):
            if round(_value(found), 9) not in known:
                what = f"the summary says {found[0].strip()}, and the expression has no such number"
                instead = "write the number from the same constant"
                yield Fault(place(alert), what, instead, alert.summary, found["number"], found.start("number"))
        subject, meant = _subject(evidence, alert)
        about = jobs(query.tree, evidence.contract)
        if subject and about and meant not in about:
            what = f"the summary is about {subject}, and the expression reads job {', '.join(sorted(about))}"
            yield Fault(place(alert), what, "name what it watches", alert.summary, subject)


def unrounded(evidence: Evidence) -> Iterator[Fault]:
    """Find descriptions that show a number with all of its digits."""
    for question, query in evidence.answerable:
        if question.origin == "alert":
            for alert in (alert for alert in evidence.alerts if place(alert) == question.where):
                bare = BARE.search(alert.description)
                if bare and not (unit(query.tree, evidence.contract) == COUNT and _whole(query.nodes)):
                    what = f"{bare[0]} is read with up to 17 digits, and without a unit"
                    instead = "write {{ $value | humanize }}, or humanizePercentage, humanizeDuration"
                    yield Fault(place(alert), what, instead, alert.description, bare[0], bare.start())


def unruled(evidence: Evidence) -> Iterator[Fault]:
    """Find recorded series that no rule writes, or that nobody reads."""
    written = {rule.metric.name for rule in _recordings(evidence)}
    read = {selector.name for _, query in evidence.parsed for selector in query.selectors}
    for name in evidence.contract.families:
        if ":" in name and name not in written:
            yield Fault(Place(RECORDINGS, item=name), "no rule writes it", "write its rule, or remove it")
    for name in sorted(written - read):
        yield Fault(Place(RECORDINGS, item=name), "nothing reads it", "read it, or remove it")


def misnamed(evidence: Evidence) -> Iterator[Fault]:
    """Find recorded series whose name tells another window, function or level than their rule has."""
    for question, query in evidence.parsed:
        name = NAME.fullmatch(question.where.item) if question.origin == "recording" else None
        if not name:
            continue
        windows = {_written(node.range): node for node in query.nodes if isinstance(node, ast.MatrixSelector)}
        calls = {node.func.name: node for node in query.nodes if isinstance(node, ast.Call)}
        if others := sorted(windows.keys() - {name["window"]}):
            what = f"its name says {name['window']}, and its rule looks back {', '.join(others)}"
            yield question.fault(what, "rename it", positions.word(query, windows[others[0]]))
        if calls and name["function"] not in calls:
            what = f"its name says {name['function']}, and its rule takes {', '.join(sorted(calls))}"
            yield question.fault(what, "rename it", positions.word(query, calls[min(calls)]))


def _written(span: Any) -> str:
    return durations.canonical(f"{round(span.total_seconds() * 1000)}ms")


def _alerts(evidence: Evidence) -> Iterator[tuple[Group, Alert]]:
    yield from ((group, alert) for group in evidence.built.groups for alert in group.alerts)


def _recordings(evidence: Evidence) -> Iterator[Recording]:
    rules = (rule for group in evidence.built.groups for rule in group.rules)
    yield from (rule for rule in rules if isinstance(rule, Recording))


def _objective(evidence: Evidence, name: str) -> float:
    return float(getattr(getattr(evidence.built.stack.slo, name), "objective", 0))


def _value(found: re.Match[str]) -> float:
    number, written = float(found["number"]), (found["unit"] or "").rstrip("s") or (found["unit"] or "")
    return number / 100 if written == "%" else number * SECONDS.get(written, 1)


def _numbers(evidence: Evidence, alert: Alert, nodes: tuple[Any, ...]) -> Iterator[float]:
    """Yield every number an alert is entitled to speak of: its own, and those of the promise it is tied to."""
    for node in nodes:
        if isinstance(node, ast.NumberLiteral):
            yield from (node.val, 1 - node.val)
        if isinstance(node, ast.MatrixSelector | ast.SubqueryExpr) and node.range:
            yield node.range.total_seconds()
        if isinstance(node, ast.VectorSelector):
            # An edge of a bucket may be written in two ways, as `1([.]0)?`.
            texts = (m.value.removesuffix("([.]0)?") for m in node.matchers.matchers)
            yield from (float(text) for text in texts if re.fullmatch(r"\d+(\.\d+)?", text))
    yield durations.seconds(alert.hold)
    slo = evidence.built.stack.slo
    for name in slo.__dataclass_fields__:
        promise = getattr(slo, name)
        yield from (float(getattr(promise, key, 0)) for key in ("objective", "threshold_seconds"))


def _subject(evidence: Evidence, alert: Alert) -> tuple[str, str]:
    """Return the target that a summary begins with, as it is written, and its job."""
    targets = evidence.built.stack.targets
    roles = {role: target.job for role, target in targets.items() if role != "prometheus"}  # who tells of the others
    for word in re.findall(r"\w+", alert.summary)[:SUBJECT_WORDS]:
        if word.lower() in roles:
            return word, roles[word.lower()]
    return "", ""


def _whole(nodes: tuple[Any, ...]) -> bool:
    """Tell whether an expression counts, so that its answer is a whole number."""
    names = {node.func.name if isinstance(node, ast.Call) else str(getattr(node, "op", "")) for node in nodes}
    return names.isdisjoint({*FRACTIONS, "/"})


CHECKS = (
    Check(
        "alert/repeated",
        "every alert has a name and a condition of its own",
        repeated,
        why="Two alerts for one fault page twice; of two with one name nobody knows which runbook is meant.",
        fails='Alert(name="ApiDown", expr="up == 0"), Alert(name="ApiDown", expr="up < 1")',
        remedy="Keep one, or name and word them for what tells them apart.",
        language="python",
    ),
    Check(
        "alert/short-hold",
        "alerts are held for at least one evaluation",
        short_holds,
        why="A hold shorter than the interval of its group is rounded up to it: the alert is later than it says.",
        fails='Alert(hold="10s")',
        remedy="Hold it for several evaluations, or `0s`.",
        language="python",
    ),
    Check(
        "alert/promise",
        "alerts are tied to promises that are made",
        promises,
        why="A misspelt promise ties the page to nothing, so it does not silence its ticket.",
        fails='Alert(slo="availabilty")',
        remedy="Take a promise of [slo] in stack.toml.",
        language="python",
    ),
    Check(
        "alert/summary",
        "summaries say the numbers and the subject of their expression",
        wrong_words,
        why="Who is woken acts on the sentence. A number or a name that was copied sends them to the wrong place.",
        fails='Alert(summary="MongoDB is down.", expr="up{job=\'redis\'} == 0")',
        remedy="Make the sentence from the constant that the expression has.",
        language="python",
    ),
    Check(
        "alert/unrounded",
        "descriptions round what they measure",
        unrounded,
        why="`0.08333333333333333` is no number to read at night.",
        fails='Alert(expr="avg by (job) (up) < 1", description="{{ $value }} of the targets answer.")',
        remedy="Write `{{ $value | humanize }}`, `humanizePercentage` or `humanizeDuration`.",
        language="python",
    ),
    Check(
        "recording/unused",
        "every recorded series has its rule, and somebody who reads it",
        unruled,
        why="A series that no rule writes is empty for whoever reads it; one that nobody reads costs for nothing.",
        fails='SHED = Metric("job:http_requests_shed:rate5m", "gauge", "Nobody records it.", (JOB,))',
        remedy="Write its rule, or remove the series.",
        language="python",
    ),
    Check(
        "recording/name",
        "the name of a recorded series tells its window and function",
        misnamed,
        why="Whoever reads `rate5m` compares it with other rates over five minutes.",
        fails="sum by (job) (rate(http_requests_total[1m]))",
        remedy="Rename the series, or take the window that its name tells.",
    ),
)
