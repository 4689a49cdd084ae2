"""Whom does which alert reach, after how long, and what silences it: what a change of rules and routes comes to."""

import configparser
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import yaml

from obs import durations
from obs.config import policy
from obs.diff.change import ObjectChange, Sentence, one_sided
from obs.diff.values import objects, table
from obs.proofs.routes.tree import Labels, Route, TreeError, all_hold
from obs.stack import ownership
from watchkeeper.contract.labels import ALERTNAME

ALERTMANAGER = "alertmanager/alertmanager.yml"
RULES = "prometheus/rules/"
GRAFANA = "grafana/grafana.ini"
PROVIDER = "grafana/provisioning/dashboards/stack.yml"
"""Names the service, and with it the contact points that a push makes."""

TEMPLATE = "{{"
UNREADABLE = (
    *(TreeError, ValueError, TypeError, KeyError, AttributeError, RecursionError),
    *(re.error, yaml.YAMLError, configparser.Error),
)

Model = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Engine:
    """
    A routing tree that sends alerts on.

    ``place`` is said before its receivers, ``own`` are labels that every alert has there, ``silent`` the receivers that
    send nothing. ``inhibitions`` are the rules by which alerts silence each other; Grafana knows none.
    """

    tree: Route
    place: str = ""
    own: Labels = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    inhibitions: Sequence[Model] = ()

    def ways(self, rule: Model) -> Iterator[str]:
        """Say where an alert goes and after how long, from its first true evaluation; once for each way."""
        labels = {**_labels(rule), **self.own}
        hold = str(rule.get("for") or "0s")
        usual = [self._way(route, hold) for route in self._chosen(labels)]
        yield from usual
        for condition in dict.fromkeys(chain.from_iterable(node.conditions for node in self.tree.everywhere())):
            if condition.label not in labels and condition.operator == "=" and condition.value:
                special = self._chosen({**labels, condition.label: condition.value})
                told = (self._way(route, hold) for route in special)
                yield from (f"{way} where {condition}" for way in told if way not in usual)

    def _chosen(self, labels: Labels) -> Iterator[Route]:
        return (route for route in self.tree.chosen(labels) if route.receiver not in self.silent)

    def _way(self, route: Route, hold: str) -> str:
        hours = f", not at all hours ({', '.join(route.hours)})" if route.hours else ""
        after = durations.canonical(f"{durations.parse(hold) + durations.parse(route.group_wait)}ms")
        return f"to {self.place}{route.receiver} after {after}{hours}"

    def silencers(self, targets: Sequence[Model], alerts: Mapping[str, Sequence[Model]]) -> Iterator[str]:
        """Name the alerts that silence one of the targets while they fire."""
        labels = [{**_labels(rule), **self.own} for rule in targets]
        applying = [rule for rule in self.inhibitions if any(_meets(rule, "target", one) for one in labels)]
        for name, rules in alerts.items():
            if any(_meets(rule, "source", _labels(source)) for rule in applying for source in rules):
                yield name


@dataclass(frozen=True, slots=True)
class Told:
    """The alerting rules of one side, by their name, and what sends their alerts on."""

    alerts: Mapping[str, Sequence[Model]]
    engines: Sequence[Engine]

    def ways(self, name: str) -> list[str]:
        """Say where an alert goes and after how long, once for each way; nothing where there is no such alert."""
        rules = self.alerts.get(name, ())
        found = list(dict.fromkeys(way for engine in self.engines for rule in rules for way in engine.ways(rule)))
        return found or (["to nobody"] if rules else [])

    def silencers(self, name: str) -> list[str]:
        """Name the alerts that silence an alert in every engine that tells of it."""
        rules = self.alerts.get(name, ())
        telling = [engine for engine in self.engines if any(any(engine.ways(rule)) for rule in rules)]
        by_engine = [list(engine.silencers(rules, self.alerts)) for engine in telling]
        return [one for one in self.alerts if one != name and by_engine and all(one in found for found in by_engine)]


def diff_notified(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[ObjectChange]:
    """
    Yield one change that says which alerts reach other people, later, or are silenced by others than before.

    ``old`` and ``new`` are the files of a build, path to bytes. Every alert is followed by the labels its rule gives it
    through Alertmanager's tree, and through Grafana's where Grafana evaluates the rules; where a matcher asks for a
    label that only the series have, the way is told with it. Says nothing where a side has no routing tree, or one that
    cannot be read: the file itself is told then.
    """
    if _deciding(old) == _deciding(new):
        return
    try:
        sides = [_of_files(files) for files in (old, new)]
        told = list(diff_told(*sides)) if all(side.engines for side in sides) else []
    except UNREADABLE:
        return
    yield from told


def diff_told(old: Told, new: Told) -> Iterator[ObjectChange]:
    """Yield one change that says who is told otherwise; raise ValueError for a time or a matcher that is none."""
    sentences = (*_ways(old, new), *_silences(old, new))
    if sentences:
        yield ObjectChange("notifications", "who is told", "who is told", "update", sentences)


def by_grafana(groups: Iterable[Model], routes: Sequence[Model], owner: str) -> Told:
    """
    Return whom Grafana tells of its own rule groups; rules that are paused tell nobody.

    ``routes`` are the branches of its notification policy in their order; what none of them takes goes to its root.
    Raise ValueError for a branch that can't be read.
    """
    alerts: dict[str, list[Model]] = defaultdict(list)
    for rule in chain.from_iterable(objects(group.get("rules")) for group in groups):
        if not rule.get("isPaused"):
            alerts[str(rule.get("title"))].append({**rule, "alert": rule.get("title")})
    try:
        tree = Route.parse({"receiver": "default contact point", "routes": routes})
    except UNREADABLE as error:
        raise ValueError(str(error)) from error
    return Told(alerts, [Engine(tree, "Grafana's ", {ownership.RULE_LABEL: owner})])


def _deciding(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that decide who is told."""
    return {path: text for path, text in files.items() if RULES in path or path.endswith((ALERTMANAGER, GRAFANA))}


def _of_files(files: Mapping[str, bytes]) -> Told:
    found = {
        part: next((text for path, text in files.items() if path.endswith(part)), b"")
        for part in (ALERTMANAGER, GRAFANA, PROVIDER)
    }
    config = table(yaml.load(found[ALERTMANAGER], yaml.CSafeLoader))
    engines = [_alertmanager(config)] if config else []
    provider = table(yaml.load(found[PROVIDER], yaml.CSafeLoader)).get("providers")
    owner = next((str(one.get("name")) for one in objects(provider)), "")
    if owner and _evaluates(found[GRAFANA].decode()):
        tree = Route.parse({"routes": [policy.branch(owner)]})
        engines.append(Engine(tree, "Grafana's ", {ownership.RULE_LABEL: owner}))
    loaded = (yaml.load(text, yaml.CSafeLoader) for path, text in files.items() if RULES in path)
    groups = chain.from_iterable(objects(table(document).get("groups")) for document in loaded)
    alerts: dict[str, list[Model]] = defaultdict(list)
    for rule in chain.from_iterable(objects(group.get("rules")) for group in groups):
        if "alert" in rule:
            alerts[str(rule["alert"])].append(rule)
    return Told(alerts, engines)


def _alertmanager(config: Mapping[str, Any]) -> Engine:
    """Read Alertmanager's configuration; a receiver of which it says nothing but the name sends nothing."""
    silent = frozenset(str(one.get("name")) for one in objects(config.get("receivers")) if len(one) == 1)
    return Engine(Route.parse(config["route"]), silent=silent, inhibitions=objects(config.get("inhibit_rules")))


def _evaluates(text: str) -> bool:
    """Tell by its configuration whether Grafana evaluates alerts of its own."""
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    settings.read_string(text)
    return settings.get("unified_alerting", "execute_alerts", fallback="false") == "true"


def _labels(rule: Model) -> dict[str, str]:
    """Return the labels that a rule itself decides."""
    own = {str(label): str(value) for label, value in table(rule.get("labels")).items() if TEMPLATE not in str(value)}
    return {ALERTNAME.name: str(rule["alert"]), **own}


def _meets(rule: Model, side: str, labels: Labels) -> bool:
    matchers = [str(one) for one in rule.get(f"{side}_matchers") or ()]
    return bool(matchers) and all_hold(matchers, labels)


def _ways(old: Told, new: Told) -> Iterator[Sentence]:
    for name in dict.fromkeys((*new.alerts, *old.alerts)):
        before, after = old.ways(name), new.ways(name)
        gone, come = ([way for way in side if way not in other] for side, other in ((before, after), (after, before)))
        if not before or not after:
            text = f"goes {_listed(after)}" if after else f"no longer goes {_listed(before)}"
            yield one_sided(name, text, "ways", before or None, after or None, path=(name,))
        elif gone or come:
            text = f"goes {_listed(come)} instead of {_listed(gone)}" if gone and come else ""
            text = text or (f"also goes {_listed(come)}" if come else f"no longer goes {_listed(gone)}")
            yield Sentence(name, text, "ways", old=before, new=after, path=(name,))


def _silences(old: Told, new: Told) -> Iterator[Sentence]:
    """Say what silences the alerts that both sides have: an alert that comes or goes is told whole."""
    for name in new.alerts:
        if name not in old.alerts:
            continue
        before, after = old.silencers(name), new.silencers(name)
        gone, come = ([one for one in side if one not in other] for side, other in ((before, after), (after, before)))
        said = [f"silenced while {' or '.join(come)} fires"] if come else []
        said += [f"no longer silenced while {' or '.join(gone)} fires"] if gone else []
        if said:
            yield Sentence(name, "; ".join(said), "silenced by", old=before, new=after, path=(name,))


def _listed(ways: Sequence[str]) -> str:
    return " and ".join(ways)
