"""Which rules can an incident reach, and which series do they read? What it can't change is not played again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from obs.query import expr
from obs.query.expr import Selector
from obs.replay.scenario import Scenario
from watchkeeper.contract.labels import JOB
from watchkeeper.contract.scraping import UP

Groups = Sequence[Mapping[str, Any]]
"""Rule groups as Prometheus loads them."""

PARTS = ("", "_bucket", "_count", "_sum")
"""What a declared metric's name ends with in a selector: nothing, or the part of a histogram."""


def within(groups: Groups, scenario: Scenario) -> list[dict[str, Any]]:
    """
    Return the rules that read a series of ``scenario`` that is not as in healthy.toml, and the recordings they need.

    All others see what they see while nothing happens. A scenario in which nothing happens is for all rules.
    """
    recorded = {rule["record"]: rule for group in groups for rule in group["rules"] if "record" in rule}
    names = {name + part for name in _changed(scenario) for part in PARTS}
    if not names and not scenario.targets:
        return [dict(group) for group in groups]
    for name, rule in recorded.items():
        if _reads(rule, names, scenario.targets):
            names.add(name)
    alerts = [
        rule for group in groups for rule in group["rules"] if "alert" in rule and _reads(rule, names, scenario.targets)
    ]
    needed = _needed(alerts, recorded)
    kept = [rule for rule in recorded.values() if rule["record"] in needed] + alerts
    played = [
        dict(group) | {"rules": [rule for rule in group["rules"] if any(rule is one for one in kept)]}
        for group in groups
    ]
    return [group for group in played if group["rules"]]


def names(groups: Groups) -> frozenset[str]:
    """Return the names of the series that rules read."""
    return frozenset(selector.name for group in groups for rule in group["rules"] for selector in _selectors(rule))


def _selectors(rule: Mapping[str, Any]) -> tuple[Selector, ...]:
    return expr.parse(rule["expr"]).selectors


def _changed(scenario: Scenario) -> Iterator[str]:
    """Yield the metrics that differ: by the incident, by what its file calls usual, or since their target fails."""
    yield from (track.metric.name for track in (*scenario.tracks, *scenario.differs))
    yield from (track.metric.name for track in scenario.usual if track.job in scenario.targets)


def _reads(rule: Mapping[str, Any], names: Iterable[str], jobs: Iterable[str]) -> bool:
    return any(
        selector.name in names or (selector.name == UP.name and any(_covers(selector, job) for job in jobs))
        for selector in _selectors(rule)
    )


def _covers(selector: Selector, job: str) -> bool:
    """Return whether a selector may select a job's series; a pattern is taken to."""
    return all(one.value == job for one in selector.conditions if one.label == JOB.name and one.operator == "=")


def _needed(alerts: Iterable[Mapping[str, Any]], recorded: Mapping[str, Mapping[str, Any]]) -> set[str]:
    wanted = {selector.name for rule in alerts for selector in _selectors(rule)}
    for name in reversed(list(recorded)):
        if name in wanted:
            wanted |= {selector.name for selector in _selectors(recorded[name])}
    return wanted
