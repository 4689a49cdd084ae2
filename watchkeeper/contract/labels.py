"""Which labels exist, what they mean, and which values they may take. A label name is spelled here and nowhere else."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Operator = Literal["=", "!=", "=~", "!~"]


MOST_LISTED = 20
"""Values that a sentence lists; of more it says the first two and the last."""


def listed(values: Sequence[str]) -> str:
    """Return values as a sentence lists them: `GET, HEAD, other`, or `100, 101, … 599`."""
    if len(values) <= MOST_LISTED:
        return ", ".join(values)
    return f"{values[0]}, {values[1]}, … {values[-1]}"


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector: ``label``, ``operator`` as PromQL writes it, and the text to compare with."""

    label: "Label"
    operator: Operator
    value: str

    def __str__(self) -> str:
        """Return the matcher as PromQL, quoted and escaped: ``status=~"5.."``."""
        return f"{self.label.name}{self.operator}{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Label:
    """
    A label of one or more series.

    ``values`` lists every value the label may take where that set is bounded; empty means that the service
    decides at run time (routes, queues), still within the limits its instrumentation sets.
    """

    name: str
    help: str
    values: tuple[str, ...] = ()

    def eq(self, value: str) -> Matcher:
        """Match ``value`` exactly; raise ValueError when it can never occur."""
        return self._matcher("=", value)

    def ne(self, value: str) -> Matcher:
        """Match everything but ``value``; raise ValueError when it can never occur."""
        return self._matcher("!=", value)

    def re(self, pattern: str) -> Matcher:
        """Match an anchored RE2 pattern."""
        return Matcher(self, "=~", pattern)

    def nre(self, pattern: str) -> Matcher:
        """Match everything but an anchored RE2 pattern."""
        return Matcher(self, "!~", pattern)

    def _matcher(self, operator: Operator, value: str) -> Matcher:
        if self.values and value not in self.values and not value.startswith("$"):
            raise ValueError(f"label '{self.name}' is never {value!r}; it takes: {listed(self.values)}")
        return Matcher(self, operator, value)


JOB = Label("job", "Scrape job, set by Prometheus.")
INSTANCE = Label("instance", "Scraped address, set by Prometheus.")
ENVIRONMENT = Label("environment", "Deployment the target belongs to, set by the scrape configuration.")
TARGET = (INSTANCE, JOB, ENVIRONMENT)
"""What Prometheus adds to every scraped series."""

LE = Label("le", "Upper edge of a histogram bucket.")
QUANTILE = Label("quantile", "Quantile of a summary.")
ALERTNAME = Label("alertname", "Name of the alert, in ALERTS.")
ALERTSTATE = Label("alertstate", "State of the alert, in ALERTS.", ("pending", "firing"))
SEVERITY = Label(
    "severity", "Who hears of an alert: a page wakes someone, a ticket waits for the day.", ("page", "ticket", "none")
)
TEAM = Label("team", "Who owns the alert.")
SERVICE = Label("service", "Which service the alert is about.")
SLO = Label("slo", "Which promise a series belongs to.")

METHOD = Label(
    "method",
    "HTTP method; anything a client invents is 'other'.",
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"),
)
ROUTE = Label("route", "Full route template, mounts included (`/v1/users/{id}`); 'unmatched' where no route answered.")
STATUS = Label(
    "status",
    "HTTP status code sent, 100 to 599; an exception counts as 500, a client that left unanswered as 499.",
    tuple(map(str, range(100, 600))),
)
CLOSE_REASON = Label(
    "reason",
    "Why a WebSocket ended.",
    (
        "normal",
        "going_away",
        "protocol_error",
        "policy_violation",
        "too_big",
        "server_error",
        "abnormal",
        "rejected",
        "other",
    ),
)
DIRECTION = Label("direction", "Seen from the service.", ("in", "out"))

QUEUE = Label("queue", "Job queue.")
ERROR = Label("error", "Class of the exception that failed a job; 'other' beyond the first fifty.")

PAGE = Label("page", "Page template (`/users/{id}`), never an address a browser sent; 'other' where none fits.")
DEVICE = Label("device", "Kind of device, from the browser.", ("mobile", "tablet", "desktop", "other"))
OUTCOME = Label("outcome", "What became of a report.", ("accepted", "duplicate", "rejected", "limited"))

RESULT = Label("result", "Whether the attempt did what it set out to.", ("ok", "error"))
DROP_REASON = Label("reason", "Why an update was not counted.", ("series_limit", "invalid"))
VERSION = Label("version", "Version of the running code.")
