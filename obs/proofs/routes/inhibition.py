"""Does each inhibition silence what it should, and nothing more?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from obs.alerting import Alert, Severity
from obs.proofs.finding import Fault
from obs.proofs.routes.files import ALERTMANAGER, below
from obs.proofs.routes.tree import Condition, Labels
from obs.query import expr
from obs.query.patterns import idle
from watchkeeper.contract.labels import ALERTNAME, ENVIRONMENT

Arriving = tuple[Alert, Sequence[Labels]]

RANK = {Severity.NONE: 0, Severity.TICKET: 1, Severity.PAGE: 2}


def faults(config: Mapping[str, Any], alerts: Sequence[Arriving]) -> list[Fault]:
    """
    Find every inhibition that can't act, silences something worse, or silences in a circle.

    ``alerts`` are the alerts, each with the final labels it may arrive with.
    """
    silences: dict[str, set[str]] = {}
    found: list[Fault] = []
    for number, rule in enumerate(config.get("inhibit_rules", ()), start=1):
        where = below(ALERTMANAGER, f"inhibit_rules[{number}]")
        sources = _chosen(rule.get("source_matchers", []), alerts)
        targets = _chosen(rule.get("target_matchers", []), alerts)
        found += [
            Fault(where, f"it never acts: no alert has its {side}: {', '.join(rule.get(f'{side}_matchers', []))}")
            for side, chosen in (("source", sources), ("target", targets))
            if not chosen
        ]
        found += [Fault(where, *one) for one in _careless(rule, sources, targets)]
        for source, of_source in sources:
            for target, of_target in targets:
                if source.name != target.name and _may_meet(rule.get("equal", ()), of_source, of_target):
                    silences.setdefault(source.name, set()).add(target.name)
                    if RANK[source.severity] < RANK[target.severity]:
                        what = (
                            f"{source.name} ({source.severity}) would silence {target.name} "
                            f"({target.severity}), which is worse"
                        )
                        found.append(Fault(where, what))
    return found + list(_circles(silences))


def _careless(
    rule: Mapping[str, Any], sources: Sequence[Arriving], targets: Sequence[Arriving]
) -> Iterator[tuple[str, str]]:
    """Yield what a rule silences beyond its part, or never, and what would be right instead."""
    equal = rule.get("equal", ())
    if ENVIRONMENT.name not in equal:
        yield "it silences alerts of other environments", f"add {ENVIRONMENT.name} to 'equal'"
    if heartbeats := [target.name for target, _ in targets if target.severity is Severity.NONE]:
        yield (
            f"it silences {heartbeats[0]}, so the dead man's switch would call",
            "leave severity none out of its targets",
        )
    apart = (_may_meet(equal, left, right) for _, left in sources for _, right in targets)
    if sources and targets and not any(apart):
        what = f"it never acts: its sources and targets never agree on {', '.join(equal)}"
        yield what, "take labels that both carry"
    names = tuple(target.name for target, _ in targets)
    for condition in map(Condition.parse, rule.get("target_matchers", [])):
        if condition.label == ALERTNAME.name and names:
            gone = idle(expr.Condition(condition.label, condition.operator, condition.value), names)
            if gone:
                yield f"no alert is called '{gone}'", "leave it out, or write the name of an alert"


def _chosen(matchers: list[str], alerts: Sequence[Arriving]) -> list[Arriving]:
    conditions = [Condition.parse(matcher) for matcher in matchers]
    matching = (
        (alert, [one for one in labels if all(condition.holds(one) for condition in conditions)])
        for alert, labels in alerts
    )
    return [(alert, labels) for alert, labels in matching if labels]


def _may_meet(equal: Sequence[str], sources: Sequence[Labels], targets: Sequence[Labels]) -> bool:
    """Tell whether labels that must be equal ever are: Alertmanager counts two absent ones as equal, too."""
    return any(
        all(source.get(label) == target.get(label) for label in equal) for source in sources for target in targets
    )


def _circles(silences: Mapping[str, set[str]]) -> Iterator[Fault]:
    for source, targets in silences.items():
        for target in sorted(targets):
            if source < target and source in silences.get(target, ()):
                what = f"{source} and {target} silence each other: while both fire, nobody hears of either"
                yield Fault(below(ALERTMANAGER, "inhibit_rules"), what)
