"""Which questions do dashboards and runbooks ask of the logs?"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from obs.query.expr import Condition
from obs.query.positions import Part
from obs.stack.settings import EXPOSED, STACK, Stack

SERVICE, LEVEL, CONTAINER, ENVIRONMENT = "service", "level", "container", "environment"
STREAM_LABELS = (SERVICE, LEVEL, CONTAINER, ENVIRONMENT)
"""Every label of a stream: a handful of values each. What varies per request stays in the line."""

STREAM = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|\{((?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^}"`])*)\}')
"""A text in quotes, such as the template of a line, or a stream selector, which is the group."""

MATCHER = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*,?')

SENTENCE = (
    "{{if .method}}{{.method}} {{.route}} {{.status}}{{else}}{{.message}}{{end}}"
    "{{if .exception_type}} {{.exception_type}}: {{.exception_message}}{{end}}"
)
"""A line as it is read: a request by what was asked, anything else by its message, and the exception behind it."""

LEVELS = ("debug", "info", "warning", "error", "critical")
UNKNOWN = "unknown"
"""The level of a line that does not say, or says something else."""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A saved LogQL query: ``$name`` in it is what the reader fills in. ``metric`` ones return numbers, not lines."""

    name: str
    meaning: str
    expr: str
    metric: bool = False


@dataclass(frozen=True, slots=True)
class Streams:
    """One stream selector of a query: its conditions, each with its place; None where it can't be read."""

    part: Part
    conditions: tuple[tuple[Condition, Part], ...] | None


def selected(text: str) -> Iterator[Streams]:
    """Yield the stream selectors of a LogQL query."""
    for found in STREAM.finditer(text):
        if found[1] is None:
            continue
        whole = found[1].strip() and not MATCHER.sub("", found[1]).strip()
        conditions = tuple(
            (Condition(one[1], one[2], one[3][1:-1]), Part(one[0].strip(" ,"), one.start(1)))
            for one in MATCHER.finditer(text, found.start(1), found.end(1))
        )
        yield Streams(Part(found[0], found.start()), conditions if whole else None)


def _not_scraped(stack: Stack) -> str:
    """Return the stage that leaves scrapes out: they fail while the store is away, which its own alert tells."""
    return f" | route != {json.dumps(stack.targets.api.path)}" if stack.targets.has("api") else ""


def query(stack: Stack, name: str) -> SavedQuery:
    """Return the saved query called ``name``; raise KeyError with the names there are."""
    saved = {one.name: one for one in queries(stack)}
    if name not in saved:
        raise KeyError(f"no saved query '{name}'; there is: {', '.join(saved)}")
    return saved[name]


def queries(stack: Stack) -> tuple[SavedQuery, ...]:
    """Return the saved queries, for the service of this stack."""
    service = f"{SERVICE}={json.dumps(stack.service.name)}"
    failing = f'{{{service}, {LEVEL}=~"error|critical"}}'
    everything = f"{{{service}}}"
    slow = stack.slo.latency.threshold_seconds
    return (
        SavedQuery("errors", "What went wrong, newest first.", f"{failing} | json"),
        SavedQuery(
            "error-sentences",
            "What went wrong, a sentence a line, without the scrapes that failed with it.",
            f"{failing} | json{_not_scraped(stack)} | line_format `{SENTENCE}`",
        ),
        SavedQuery(
            "errors-by-message",
            "Which errors are new, and which are the many?",
            f"topk(10, sum by (message) (count_over_time({failing} | json [$__auto])))",
            metric=True,
        ),
        SavedQuery(
            "error-rate",
            "How many error lines a second?",
            f"sum by ({LEVEL}) (rate({failing} [$__auto]))",
            metric=True,
        ),
        SavedQuery("exceptions", "Which exceptions, with their stack?", f'{everything} | json | exception_type != ""'),
        SavedQuery("trace", "Everything one request said, in every service.", f'{{{SERVICE}=~".+"}} |= "$trace_id"'),
        SavedQuery("failed-requests", "Which requests were answered 5xx?", f"{everything} | json | status >= 500"),
        SavedQuery(
            "slow-requests",
            f"Which requests took longer than the promised {slow:g} s?",
            f"{everything} | json | duration_seconds > {slow:g}",
        ),
        SavedQuery(
            "failed-jobs", "Which jobs failed, and why?", f'{{{service}, {LEVEL}="error"}} | json | queue != ""'
        ),
        SavedQuery("route", "What did one route do?", f'{everything} | json | route = "$route"'),
        *_dependencies(stack),
        SavedQuery(
            "volume",
            "Who writes how much, in bytes a second?",
            f'sum by ({CONTAINER}) (bytes_rate({{{CONTAINER}=~".+"}} [$__auto]))',
            metric=True,
        ),
    )


def _dependencies(stack: Stack) -> Iterator[SavedQuery]:
    """Yield the question to what the service depends on: to nothing, where it depends on nothing that is watched."""
    names = sorted(set(stack.targets) - {"api", *EXPOSED, *STACK})
    if names:
        asked = f'{{{CONTAINER}=~"{"|".join(names)}"}}'
        yield SavedQuery("dependencies", "What do the databases say of themselves?", asked)
