"""Does every alert reach the human it is meant for, once, in words that are there?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from obs.alerting import Alert, Severity
from obs.config import render
from obs.proofs.finding import Fault
from obs.proofs.questions import place
from obs.proofs.routes import hours, inhibition, messages, scraping
from obs.proofs.routes.files import ALERTMANAGER, GRAFANA, PROMETHEUS, TEMPLATES, below
from obs.proofs.routes.tree import Route, TreeError
from obs.query.logql import ENVIRONMENT
from obs.stack import Stack
from watchkeeper.contract.labels import ALERTNAME

INTEGRATION = "integration"
"""The label by which Alertmanager's own series name a kind of receiver."""

EVALUATING = "execute_alerts = true"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One way an alert takes: its final labels, and the nodes of the routing tree that notify."""

    alert: Alert
    labels: Mapping[str, str]
    routes: tuple[Route, ...]


def faults(stack: Stack, alerts: Sequence[Alert], files: Mapping[str, str] | None = None) -> list[Fault]:
    """
    Find every alert that would reach nobody, the wrong one, two pagers, or nobody in words.

    ``files`` are the configurations to judge, by their path below ``infra/observability``; those of `render` unless
    given. Labels are followed from the rule, and from every history that is shown to fire it, to the receiver.
    """
    files = files or render(stack)
    config = yaml.load(files[ALERTMANAGER], yaml.CSafeLoader)
    try:
        tree = Route.parse(config["route"])
        arriving = [(alert, final_labels(stack, alert)) for alert in alerts]
        ways = [Delivery(alert, labels, tree.chosen(labels)) for alert, arrived in arriving for labels in arrived]
        found = [
            *scraping.faults(stack, alerts, yaml.load(files[PROMETHEUS], yaml.CSafeLoader)),
            *_undelivered(stack, ways, config),
            *_unread(stack, ways, config, files[TEMPLATES]),
            *hours.faults(config, [(way.alert, way.routes) for way in ways]),
            *_told_by_itself(ways, config),
            *inhibition.faults(config, arriving),
        ]
    except TreeError as error:
        return [Fault(below(ALERTMANAGER), str(error))]
    if EVALUATING in files.get(GRAFANA, "") and not stack.grafana.pages:
        found.append(
            Fault(below(GRAFANA), "Grafana evaluates alerts while Alertmanager pages", "set 'execute_alerts = false'")
        )
    return list(dict.fromkeys(found))


def final_labels(stack: Stack, alert: Alert) -> list[dict[str, str]]:
    """Return the labels an alert arrives with at Alertmanager, one mapping for each history that fires it."""
    own = {ALERTNAME.name: alert.name, ENVIRONMENT: stack.service.environment} | alert.labels(stack)
    fired = [case for case in alert.cases if case.verdict == "fires"]
    return [{matcher.label.name: matcher.value for matcher in case.where} | own for case in fired] or [own]


def _undelivered(stack: Stack, ways: list[Delivery], config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield each cause once, with the first alert that it strands and how many others."""
    stranded: dict[tuple[str, str], dict[str, Alert]] = {}
    for way in ways:
        for cause in _causes(stack, way, config):
            stranded.setdefault(cause, {})[way.alert.name] = way.alert
    for (what, instead), alerts in stranded.items():
        first, *others = alerts.values()
        like = f", like {len(others)} other{'s' * (len(others) > 1)}," if others else ""
        yield Fault(place(first), f"{first.name} ({first.severity}){like} {what}", instead)
    if not any(way.alert.severity is Severity.NONE for way in ways):
        yield Fault(
            below(ALERTMANAGER),
            "no alert has severity 'none': nothing feeds the dead man's switch, so silence would look like health",
            "keep an alert that always fires",
        )


def _causes(stack: Stack, way: Delivery, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield why an alert does not reach whom it is meant for, and what would help."""
    receivers = {receiver["name"]: receiver for receiver in config["receivers"]}
    default = config["route"]["receiver"]
    names = [route.receiver for route in way.routes]
    if missing := [receiver for receiver in names if receiver not in receivers]:
        yield f"would reach nobody: its route names the receiver '{missing[0]}', which does not exist", ""
    elif default in names:
        labels = _words(way.alert.labels(stack))
        what = f"lands on the default receiver '{default}': no route takes {labels}"
        yield what, "add a route for them, or correct the labels"
    else:
        yield from _misdelivered(stack, way, [receivers[name] for name in names])


def _told_by_itself(ways: list[Delivery], config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield alerts about a channel that are told through that channel alone."""
    receivers = {receiver["name"]: receiver for receiver in config["receivers"]}
    for way in ways:
        broken = way.labels.get(INTEGRATION)
        kinds = {key for route in way.routes for key in receivers.get(route.receiver, {}) if key.endswith("_configs")}
        if broken and kinds == {f"{broken}_configs"}:
            what = f"{way.alert.name} tells that {broken} fails, and is told by {broken} alone"
            yield Fault(place(way.alert), what, "send it through another channel as well")


def _misdelivered(stack: Stack, way: Delivery, receivers: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    sending = [receiver["name"] for receiver in receivers if len(receiver) > 1]
    pagers = [receiver["name"] for receiver in receivers for _ in receiver.get("pagerduty_configs", ())]
    if way.alert.severity is Severity.NONE:
        if not sending or pagers:
            yield f"must reach the dead man's switch alone; it reaches {_listed(receivers)}", ""
    elif stack.grafana.pages:
        if sending:
            yield f"would be sent twice: grafana.pages = true, and Alertmanager sends it to '{sending[0]}' as well", ""
    elif way.alert.severity is Severity.PAGE:
        if not pagers:
            yield f"wakes nobody: it reaches {_listed(receivers)}, which has no pagerduty_configs", ""
        elif len(pagers) > 1:
            yield f"reaches two pagers, {' and '.join(pagers)}", "remove one, or its 'continue: true'"
    elif pagers:
        yield f"is for the day and would wake someone: it reaches the pager '{pagers[0]}'", ""
    elif not sending:
        yield f"would reach nobody: {_listed(receivers)} sends nothing", ""


def _unread(stack: Stack, ways: list[Delivery], config: Mapping[str, Any], templates: str) -> Iterator[Fault]:
    for receiver in config["receivers"]:
        reached = [(way, route) for way in ways for route in way.routes if route.receiver == receiver["name"]]
        if not reached:
            continue
        yield from messages.faults(
            receiver,
            templates,
            group_by=[
                label for label in reached[0][1].group_by if all(label in route.group_by for _, route in reached)
            ],
            alerts=[messages.Arriving(way.alert.name, way.labels, way.alert.annotations(stack)) for way, _ in reached],
        )


def _words(labels: Mapping[str, str]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in labels.items())


def _listed(receivers: list[Mapping[str, Any]]) -> str:
    return " and ".join(f"'{receiver['name']}'" for receiver in receivers)
