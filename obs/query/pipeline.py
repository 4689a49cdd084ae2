"""What does a LogQL query do with the lines of its streams?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs.query.logql import STREAM_LABELS
from obs.query.positions import Part

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
_FIRST = re.compile(r"\s*(\w+)")
_SELECTOR = re.compile(rf"(?P<before>[\w:]*)\{{(?:{_STRING}|[^}}\"`])*\}}")
_GROUPED = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Filter:
    """One comparison of a field with a value, as it is written, and where it begins in the query."""

    field: str
    operator: str
    value: str
    text: str
    start: int

    @property
    def numeric(self) -> bool:
        """Whether it compares numbers, durations or sizes."""
        return self.operator in (">", "<", ">=", "<=", "==") or self.value[:1] not in '"`$'


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline: its first word, where it begins, its comparisons, and whether a parser is before it."""

    word: str
    start: int
    filters: tuple[Filter, ...]
    parsed: bool


def metrics(text: str) -> list[Part]:
    """Return the names that stand right before a brace: PromQL is written so, LogQL never is."""
    return [Part(found["before"], found.start()) for found in _SELECTOR.finditer(text) if found["before"]]


def stages(text: str) -> Iterator[Stage]:
    """Yield the steps of every pipeline of a query, line filters left out."""
    for found in _SELECTOR.finditer(text):
        parsed = False
        for begin, end in _steps(text, found.end()):
            word = _FIRST.match(text, begin, end)
            if word:
                filters = tuple(
                    Filter(one["field"], one["operator"], one["value"], one[0], one.start())
                    for one in _FILTER.finditer(text, begin, end)
                )
                known = word[1] in (*PARSERS, *FORMATS)
                yield Stage(word[1], word.start(1), () if known else filters, parsed)
                parsed = parsed or word[1] in PARSERS


def renamed(text: str) -> bool:
    """Tell whether a query makes fields of its own."""
    return any(word in text for word in ("label_format", "pattern", "regexp", "logfmt", "unpack"))


def grouped(text: str) -> list[Part]:
    """Return the labels that a query groups by."""
    inside = (re.compile(r"\w+").finditer(text, found.start(1), found.end(1)) for found in _GROUPED.finditer(text))
    return [Part(label[0], label.start()) for labels in inside for label in labels]


def known(field: str) -> bool:
    """Tell whether a line of the service has a field, or Loki adds it."""
    return field in FIELDS or field in STREAM_LABELS or field in ("__error__", "__error_details__")


def _steps(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each step behind a selector, up to the range or the bracket that ends the pipeline."""
    for piece in _TOKEN.finditer(text, begin):
        if piece[0] in ("[", ")"):
            yield begin, piece.start()
            return
        if piece[0] == "|":
            yield begin, piece.start()
            begin = piece.end()
    yield begin, len(text)
