"""Whom does which alert reach, after how long, and what silences it: what a change of rules and routes comes to."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import yaml

from obs import durations
from obs.diff.change import ObjectChange, Sentence, one_sided
from obs.diff.values import objects, table
from obs.proofs.routes.tree import Condition, Labels, Route, TreeError, all_hold
from watchkeeper.contract.labels import ALERTNAME

ROUTES = "alertmanager/alertmanager.yml"
RULES = "prometheus/rules/"
TEMPLATE = "{{"


def diff_notified(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[ObjectChange]:
    """
    Yield one change that says which alerts reach other people, later, or are silenced by others than before.

    ``old`` and ``new`` are the files of a build, path to bytes. Every alert is followed through the routing tree by the
    labels its rule gives it; where a matcher asks for a label that only the series have, the way is told with it.
    Says nothing where a side has no routing tree, or one that cannot be read: the file itself is told then.
    """
    try:
        sides = [_Side(files) for files in (old, new)]
    except (TreeError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return
    if all(side.tree for side in sides):
        sentences = (*_ways(*sides), *_silences(*sides))
        if sentences:
            yield ObjectChange("notifications", "who is told", "who is told", "update", sentences)


class _Side:
    """The alerts and the routing tree of one side."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        config: Any = next(
            (yaml.load(text, yaml.CSafeLoader) for path, text in files.items() if path.endswith(ROUTES)), {}
        )
        self.tree = Route.parse(config["route"]) if config else None
        self.inhibitions = objects(config.get("inhibit_rules")) if config else []
        loaded = (yaml.load(text, yaml.CSafeLoader) for path, text in files.items() if RULES in path)
        groups = chain.from_iterable(objects(table(document).get("groups")) for document in loaded)
        rules = chain.from_iterable(objects(group.get("rules")) for group in groups)
        self.alerts: dict[str, list[dict[str, Any]]] = {}
        for rule in rules:
            if "alert" in rule:
                self.alerts.setdefault(str(rule["alert"]), []).append(rule)

    def ways(self, name: str) -> list[str]:
        """Say where an alert goes and after how long, once for each way."""
        told = (way for rule in self.alerts.get(name, ()) for way in self._rule(rule))
        return list(dict.fromkeys(told))

    def _rule(self, rule: Mapping[str, Any]) -> Iterator[str]:
        labels = _labels(rule)
        hold = durations.canonical(str(rule.get("for") or "0s"))
        usual = [_way(route, hold) for route in self._chosen(labels)]
        yield from usual
        for condition in dict.fromkeys(self._asked()):
            if condition.label not in labels and condition.operator == "=" and condition.value:
                special = [_way(route, hold) for route in self._chosen({**labels, condition.label: condition.value})]
                yield from (f"{way} where {condition}" for way in special if way not in usual)

    def _chosen(self, labels: Labels) -> tuple[Route, ...]:
        return self.tree.chosen(labels) if self.tree else ()

    def _asked(self) -> Iterator[Condition]:
        yield from chain.from_iterable(node.conditions for node in (self.tree.everywhere() if self.tree else ()))

    def silencers(self, name: str) -> list[str]:
        """Name the alerts that silence an alert while they fire."""
        targets = [_labels(rule) for rule in self.alerts.get(name, ())]
        applying = [rule for rule in self.inhibitions if any(_meets(rule, "target", labels) for labels in targets)]
        return [
            other
            for other, rules in self.alerts.items()
            if other != name and any(_meets(rule, "source", _labels(source)) for rule in applying for source in rules)
        ]


def _labels(rule: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that a rule itself decides."""
    own = {str(label): str(value) for label, value in table(rule.get("labels")).items() if TEMPLATE not in str(value)}
    return {ALERTNAME.name: str(rule["alert"]), **own}


def _meets(rule: Mapping[str, Any], side: str, labels: Labels) -> bool:
    matchers = [str(one) for one in rule.get(f"{side}_matchers") or ()]
    return bool(matchers) and all_hold(matchers, labels)


def _way(route: Route, hold: str) -> str:
    hours = f", not at all hours ({', '.join(route.hours)})" if route.hours else ""
    return f"to {route.receiver} after {hold}{hours}"


def _ways(old: _Side, new: _Side) -> Iterator[Sentence]:
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


def _silences(old: _Side, new: _Side) -> Iterator[Sentence]:
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
