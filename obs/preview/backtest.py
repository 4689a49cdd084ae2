"""When would the rules, as they are now, have fired over what a real Prometheus remembers?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from obs.alerting import Alert, Group
from obs.durations import seconds
from obs.preview.asking import Server
from watchkeeper.contract.scraping import UP

MOST_POINTS = 10_000
"""Prometheus refuses more than 11,000 a series: https://prometheus.io/docs/prometheus/latest/querying/api/."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fired:
    """One stretch in which an alert would have fired, in seconds since 1970; ``end`` is None where it still does."""

    alert: str
    severity: str
    labels: Labels
    start: float
    end: float | None


def fired(server: Server, group: Group, alert: Alert, start: float, end: float) -> list[Fired]:
    """
    Return when an alert of a group would have fired between two moments, oldest first; raise AskError.

    Prometheus evaluates the expression at every interval of the group; `for` and `keep_firing_for` are counted as it
    does. Recorded series are read as they were recorded.
    """
    step = seconds(group.interval)
    found = []
    # Before the first scrape, and while Prometheus was down, no rule was evaluated.
    text = f"({alert.expr}) and on () count({UP.name})"
    for labels, moments in _true(server, text, start, end, step).items():
        for first, last in _stretches(moments, step, seconds(alert.hold), seconds(alert.keep_firing_for)):
            over = None if last >= end - step else last
            found.append(Fired(alert.name, alert.severity.value, labels, first, over))
    return sorted(found, key=lambda one: (one.start, one.labels))


def _true(server: Server, text: str, start: float, end: float, step: float) -> Mapping[Labels, list[float]]:
    """Return the moments at which an expression has a value, by its labels."""
    found: dict[Labels, list[float]] = {}
    first = step * -(-start // step)
    while first <= end:
        last = min(first + (MOST_POINTS - 1) * step, end)
        for series in server.range(text, first, last, step)["result"]:
            labels = tuple(sorted((name, value) for name, value in series["metric"].items() if name != "__name__"))
            found.setdefault(labels, []).extend(float(at) for at, _ in series["values"])
        first += MOST_POINTS * step
    return found


def _stretches(moments: Sequence[float], step: float, hold: float, keep: float) -> Iterator[tuple[float, float]]:
    """Yield when an alert begins and ends to fire that is true at these moments."""
    since = before = begun = None
    for at in moments:
        if before is not None and at - before > step * 1.5:
            if begun is not None and at - before - step > keep:
                yield begun, before + step + keep
                begun = None
            # What is kept firing is firing: a new hold would only matter to one that is not.
            since = at if begun is None else since
        since = at if since is None else since
        if begun is None and at - since >= hold:
            begun = at
        before = at
    if begun is not None and before is not None:
        yield begun, before + step + keep
