"""What does a LogQL query do with the lines of its streams?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs.query.logql import STREAM_LABELS

# https://grafana.com/docs/loki/latest/query/log_queries/
PARSERS = ("json", "logfmt", "regexp", "pattern", "unpack")
FORMATS = ("line_format", "label_format", "decolorize", "unwrap", "drop", "keep")

NUMBERS = (
    *("status", "duration_seconds", "request_bytes", "response_bytes"),
    *("messages_in", "messages_out", "close_code", "waited_seconds"),
)
TEXTS = (
    *("timestamp", "level", "message", "logger", "service", "environment", "trace_id", "span_id"),
    *("method", "route", "path", "query", "client", "user_agent", "aborted"),
    *("queue", "job", "job_id", "outcome", "exception_type", "exception_message", "exception_stacktrace"),
)
FIELDS = (*TEXTS, *NUMBERS)
"""Every field of a line that the instrumentation writes: docs/telemetry.md says what each means."""

_STRING = r'"(?:[^"\\]|\\.)*"|`[^`]*`'
_TOKEN = re.compile(rf"(?:{_STRING}|\|=|\|~|\|>|[^|\[()])+|\((?:{_STRING}|[^()])*\)|.", re.DOTALL)
_FILTER = re.compile(rf"(?P<field>\w+)\s*(?P<operator>=~|!~|>=|<=|==|!=|=|>|<)\s*(?P<value>{_STRING}|[^\s,)]+)")
_FIRST = re.compile(r"\w+")
_SELECTOR = re.compile(rf"(?P<before>[\w:]*)\{{(?:{_STRING}|[^}}\"`])*\}}")
_GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Filter:
    """One comparison of a field with a value, as it is written."""

    field: str
    operator: str
    value: str
    text: str

    @property
    def numeric(self) -> bool:
        """Whether it compares numbers, durations or sizes."""
        return self.operator in (">", "<", ">=", "<=", "==") or self.value[:1] not in '"`$'


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline: its first word, the comparisons it makes, and whether it stands behind a parser."""

    word: str
    filters: tuple[Filter, ...]
    parsed: bool


def metrics(text: str) -> list[str]:
    """Return the names that stand right before a brace: PromQL is written so, LogQL never is."""
    return [found["before"] for found in _SELECTOR.finditer(text) if found["before"]]


def stages(text: str) -> Iterator[Stage]:
    """Yield the steps of every pipeline of a query, line filters left out."""
    for found in _SELECTOR.finditer(text):
        parsed = False
        for step in _steps(text[found.end() :]):
            word = _FIRST.match(step)
            if word:
                filters = tuple(
                    Filter(one["field"], one["operator"], one["value"], one[0]) for one in _FILTER.finditer(step)
                )
                known = word[0] in (*PARSERS, *FORMATS)
                yield Stage(word[0], () if known else filters, parsed)
                parsed = parsed or word[0] in PARSERS


def renamed(text: str) -> bool:
    """Tell whether a query makes fields of its own."""
    return any(word in text for word in ("label_format", "pattern", "regexp", "logfmt", "unpack"))


def grouped(text: str) -> list[str]:
    """Return the labels that a query groups by."""
    return [label.strip() for inside in _GROUPED.findall(text) for label in inside.split(",") if label.strip()]


def known(field: str) -> bool:
    """Tell whether a line of the service has a field, or Loki adds it."""
    return field in FIELDS or field in STREAM_LABELS or field in ("__error__", "__error_details__")


def _steps(rest: str) -> Iterator[str]:
    """Split what follows a stream selector at its bars, up to the range or the bracket that ends it."""
    step = ""
    for piece in _TOKEN.findall(rest):
        if piece in ("[", ")"):
            break
        if piece == "|":
            yield step.strip()
            step = ""
        else:
            step += piece
    yield step.strip()
