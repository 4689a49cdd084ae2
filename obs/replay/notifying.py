"""
Who is told of what fires, and when? Alertmanager's grouping, inhibition and repetition, as a small model.

What it follows: https://prometheus.io/docs/alerting/latest/configuration/ and dispatch.go of Alertmanager 0.33. A test
plays the same alerts through the real program.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from obs.durations import seconds
from obs.proofs.routes.tree import Labels, Route, all_hold
from obs.replay.playing import Firing
from watchkeeper.contract.labels import ALERTNAME


@dataclass(frozen=True, slots=True)
class Notification:
    """
    One message: when, to which receiver, the alerts that fire in it, and those it tells of for the first time.

    ``names`` is empty in the message that says that all is over. ``joins`` says that the last message of its group told
    of something that fires: PagerDuty adds it to the incident it has open for the group, and wakes nobody again
    (https://developer.pagerduty.com/docs/events-api-v2/trigger-events/, dedup_key).
    """

    at: float
    receiver: str
    names: tuple[str, ...]
    new: tuple[Firing, ...]
    joins: bool = False


@dataclass(slots=True)
class _Group:
    """What one node of the tree keeps about alerts that are told together."""

    route: Route
    members: list[Firing]
    told: frozenset[Firing] = frozenset()
    last: float = 0.0
    sent: list[Notification] = field(default_factory=list)


def notifications(config: Mapping[str, Any], firings: Sequence[Firing], until: float) -> list[Notification]:
    """Return every message that Alertmanager sends until ``until`` seconds, in order."""
    groups: dict[tuple[int, tuple[str, ...]], _Group] = {}
    tree = Route.parse(config["route"])
    for firing in firings:
        labels = dict(firing.labels)
        for route in tree.chosen(labels):
            key = (id(route), tuple(labels.get(name, "") for name in route.group_by))
            groups.setdefault(key, _Group(route, [])).members.append(firing)
    muted = _Muted(config.get("inhibit_rules", ()), firings)
    sent = [one for group in groups.values() for one in _run(group, muted, until)]
    return sorted(sent, key=lambda one: (one.at, one.receiver))


@dataclass(frozen=True, slots=True)
class _Muted:
    """Tells which alerts are inhibited: while a source fires, its targets are told to nobody."""

    rules: Sequence[Mapping[str, Any]]
    firings: Sequence[Firing]

    def at(self, moment: float, target: Labels) -> bool:
        return any(self._by(rule, moment, target) for rule in self.rules)

    def _by(self, rule: Mapping[str, Any], moment: float, target: Labels) -> bool:
        if not all_hold(rule.get("target_matchers", []), target):
            return False
        # What is source and target at once is not silenced by its like.
        both = all_hold(rule.get("source_matchers", []), target)
        for firing in self.firings:
            source = dict(firing.labels)
            if not _fires(firing, moment) or not all_hold(rule.get("source_matchers", []), source):
                continue
            if both and all_hold(rule.get("target_matchers", []), source):
                continue
            if all(source.get(name, "") == target.get(name, "") for name in rule.get("equal", ())):
                return True
        return False


def _fires(firing: Firing, moment: float) -> bool:
    return firing.start <= moment and (firing.end is None or moment < firing.end)


def _run(group: _Group, muted: _Muted, until: float) -> list[Notification]:
    """Flush a group first after its wait, then at every interval, until nothing in it fires any more."""
    pending = sorted(group.members, key=lambda one: one.start)
    while pending:
        moment = pending[0].start + seconds(group.route.group_wait)
        while moment <= until:
            _flush(group, muted, moment)
            # Alertmanager forgets a group whose alerts have all ended, and waits anew for the next one.
            pending = [one for one in pending if one.end is None or one.end > moment]
            if not any(one.start <= moment for one in pending):
                break
            moment += seconds(group.route.group_interval)
        else:
            break
    return group.sent


def _flush(group: _Group, muted: _Muted, moment: float) -> None:
    active = [one for one in group.members if _fires(one, moment)]
    firing = frozenset(one for one in active if not muted.at(moment, dict(one.labels)))
    over = frozenset(one for one in group.told if one.end is not None and one.end <= moment)
    new = firing - group.told
    # Alertmanager notes the time after it has sent: a flush exactly one repetition later still comes too early.
    repeated = bool(firing) and moment - group.last > seconds(group.route.repeat_interval)
    if not new and not repeated and not (over and (firing or over == group.told)):
        return
    names = tuple(sorted({dict(one.labels)[ALERTNAME.name] for one in firing}))
    told = tuple(sorted(new, key=lambda one: one.start))
    group.sent.append(Notification(moment, group.route.receiver, names, told, joins=bool(group.told)))
    group.told, group.last = firing, moment
