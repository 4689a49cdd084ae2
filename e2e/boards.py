"""Does every query of every dashboard return data from the running stack, but for a short list with reasons?"""

import time
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from e2e.loopback import SCRAPE_INTERVAL
from e2e.questions import Question, questions
from e2e.report import Report
from e2e.running import Running
from obs.query import expr
from watchkeeper.contract.labels import JOB

EMPTY = Path(__file__).with_name("empty.toml")
PART = "dashboards"
STEP = "5s"
RATE_INTERVAL = "10s"
"""Ten scrapes, as `$__rate_interval` is at least four: https://grafana.com/docs/grafana/latest/datasources/prometheus/."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question: how many series, the program's own words if it refused, what is missing if unasked."""

    question: Question
    series: int = 0
    refused: str = ""
    missing: str = ""


def check(run: Running, report: Report, trace_id: str) -> None:
    """Ask every question over the whole run, and report a line per dashboard; ``trace_id`` is one that logs know."""
    if missing := run.programs.lacks("prometheus"):
        report.not_run(PART, "every query", missing)
        return
    filled = {
        "__rate_interval": RATE_INTERVAL,
        "__interval": SCRAPE_INTERVAL,
        "__auto": STEP,
        "__range": f"{int(time.time() - run.started)}s",
        "trace_id": trace_id,
    }
    answers = [_answer(run, question) for question in questions(run.stack, filled)]
    for board in dict.fromkeys(answer.question.board for answer in answers):
        _judge(report, board, [answer for answer in answers if answer.question.board == board])


def empty() -> dict[str, dict[str, str]]:
    """Return, by dashboard and place, why a query has nothing to say; a panel's title stands for all its queries."""
    return tomllib.loads(EMPTY.read_text(encoding="utf-8"))


def _answer(run: Running, question: Question) -> Answer:
    missing = _missing(run, question)
    if missing:
        return Answer(question, missing=missing)
    try:
        return Answer(question, series=_ask(run, question))
    except requests.RequestException as error:
        return Answer(question, refused=str(error))


def _ask(run: Running, question: Question) -> int:
    if question.source == "loki":
        return len(run.loki.range(question.text, run.started, STEP))
    if question.kind == "instant":
        return len(run.prometheus.instant(question.text))
    if question.kind == "label values":
        return len(run.prometheus.label_values(question.label, question.text))
    return len(run.prometheus.range(question.text, run.started, STEP))


def _missing(run: Running, question: Question) -> str:
    """Return what has to run for this question to have an answer, and does not."""
    if question.source == "loki":
        return run.programs.lacks("loki", "promtail")
    programs = {getattr(run.stack.targets, role).job: role for role in ("alertmanager", "loki", "promtail", "jaeger")}
    programs[run.stack.targets.redis.job] = "redis_exporter"
    return run.programs.lacks(*{programs[job] for job in expr.values(question.text, JOB.name) if job in programs})


def _judge(report: Report, board: str, answers: list[Answer]) -> None:
    reasons = empty().get(board, {})
    asked = [answer for answer in answers if not answer.missing]
    faults = [*_refused(asked), *_unexplained(asked, reasons), *_stale(answers, reasons)]
    answered = sum(answer.series > 0 for answer in asked)
    explained = sum(not answer.series for answer in asked)
    words = f"{answered} queries answered" + (f", {explained} empty as listed in e2e/empty.toml" if explained else "")
    if faults:
        report.failed(PART, board, "; ".join(faults))
    elif asked:
        report.passed(PART, board, words)
    unasked = [answer for answer in answers if answer.missing]
    if unasked:
        report.not_run(PART, f"{board}: {len(unasked)} queries", unasked[0].missing)


def _refused(answers: Iterable[Answer]) -> list[str]:
    return [f"'{answer.question.place}' was refused: {answer.refused}" for answer in answers if answer.refused]


def _unexplained(answers: Iterable[Answer], reasons: Mapping[str, str]) -> list[str]:
    return [
        f"'{answer.question.place}' returns nothing: {answer.question.text}"
        for answer in answers
        if not answer.series and not answer.refused and not _entry(answer, reasons)
    ]


def _stale(answers: Iterable[Answer], reasons: Mapping[str, str]) -> list[str]:
    stale = [
        f"'{entry}' is listed as empty and returns data: take it out of e2e/empty.toml"
        for answer in answers
        if answer.series and (entry := _entry(answer, reasons))
    ]
    known = {entry for answer in answers if (entry := _entry(answer, reasons))}
    unknown = [
        f"e2e/empty.toml lists '{entry}', which nothing asks any more" for entry in reasons if entry not in known
    ]
    return list(dict.fromkeys(stale)) + unknown


def _entry(answer: Answer, reasons: Mapping[str, str]) -> str:
    """Return the entry that covers a question; nothing if none does."""
    place = answer.question.place
    return next((entry for entry in (place, place.rpartition("/")[0]) if entry in reasons), "")
