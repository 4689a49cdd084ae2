"""What would the rules have written? Recordings and ALERTS, put beside the samples they were evaluated over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obs.durations import seconds
from obs.preview.asking import Server
from obs.preview.remote import write
from obs.preview.story import Sample, Series, Story
from watchkeeper.contract.labels import ALERTNAME, ALERTSTATE
from watchkeeper.contract.scraping import ALERTS, ALERTS_SINCE

EVALUATION_SECONDS = 30
MOST_EVALUATIONS = 2_000
"""Of one rule; a story of days is evaluated less often."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Active:
    """An alert's condition: since when, and from when on it fires; in seconds."""

    since: int
    fires: bool


def play(server: Server, groups: Iterable[Mapping[str, Any]], story: Story) -> None:
    """
    Evaluate rule groups, as Prometheus loads them, over a story and write what they make into the same server.

    Raise AskError or RemoteWriteError.
    """
    rules = [rule for group in groups for rule in group["rules"]]
    step = EVALUATION_SECONDS
    while (story.end - story.begin) / step > MOST_EVALUATIONS:
        step *= 2
    moments = range(story.end - (story.end - story.begin) // step * step, story.end + 1, step)
    for rule in (one for one in rules if "record" in one and one["record"] not in story.told):
        write(server.url, list(_recorded(server, rule, moments)))
    alerts = [one for rule in rules if "alert" in rule for one in _alerts(server, rule, moments)]
    write(server.url, alerts)


def _recorded(server: Server, rule: Mapping[str, Any], moments: range) -> Iterator[Series]:
    for labels, values in _values(server, rule["expr"], moments):
        named = {**dict(labels), **rule.get("labels", {}), "__name__": rule["record"]}
        yield Series(tuple(sorted(named.items())), tuple(_marked(values, moments)))


def _values(server: Server, text: str, moments: range) -> Iterator[tuple[Labels, dict[int, float]]]:
    for series in server.range(text, moments[0], moments[-1], moments.step)["result"]:
        labels = {name: value for name, value in series["metric"].items() if name != "__name__"}
        yield tuple(sorted(labels.items())), {int(at): float(value) for at, value in series["values"]}


def _marked(values: Mapping[int, float], moments: Sequence[int]) -> Iterator[Sample]:
    """Yield the samples at the moments that have one, and the mark of an end where the next has none."""
    there = False
    for at in moments:
        if at in values:
            yield at * 1000, values[at]
        elif there:
            yield at * 1000, None
        there = at in values


def _alerts(server: Server, rule: Mapping[str, Any], moments: range) -> Iterator[Series]:
    for labels, values in _values(server, rule["expr"], moments):
        own = {**dict(labels), **rule.get("labels", {}), ALERTNAME.name: rule["alert"]}
        states = states_of(rule, frozenset(values), moments)
        for state, fires in (("pending", False), ("firing", True)):
            there = {at: 1.0 for at, active in states.items() if active.fires is fires}
            named = own | {"__name__": ALERTS.name, ALERTSTATE.name: state}
            if there:
                yield Series(tuple(sorted(named.items())), tuple(_marked(there, moments)))
        since = {at: float(active.since) for at, active in states.items()}
        named = own | {"__name__": ALERTS_SINCE.name}
        yield Series(tuple(sorted(named.items())), tuple(_marked(since, moments)))


def states_of(rule: Mapping[str, Any], true: frozenset[int], moments: Iterable[int]) -> dict[int, Active]:
    """
    Return an alert's state at each moment at which it has one, given those at which its condition holds.

    It is pending until it has held for the rule's `for`, and fires on for `keep_firing_for` when it no longer holds:
    https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/.
    """
    hold, keep = seconds(rule.get("for", "0s")), seconds(rule.get("keep_firing_for", "0s"))
    found: dict[int, Active] = {}
    since, last, fires = None, None, False
    for at in moments:
        if at in true:
            since, last = at if since is None else since, at
            fires = fires or at - since >= hold
        elif since is not None and not (fires and last is not None and at - last < keep):
            since, fires = None, False
        if since is not None:
            found[at] = Active(since, fires)
    return found
