"""Does a page wake someone at every hour, and is every branch of the routing tree reached?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from obs.alerting import Alert, Severity
from obs.proofs.finding import Fault
from obs.proofs.routes.files import ALERTMANAGER, below
from obs.proofs.routes.tree import Route

DEFINED = ("time_intervals", "mute_time_intervals")
"""Where `alertmanager.yml` defines intervals; the second is the older name."""


def faults(config: Mapping[str, Any], ways: Sequence[tuple[Alert, Sequence[Route]]]) -> Iterator[Fault]:
    """
    Find routes that mute a page, name an interval nobody defined, or stand behind one that takes everything.

    ``ways`` are the alerts, each with the nodes of the tree that notify.
    """
    defined = {one["name"] for key in DEFINED for one in config.get(key) or ()}
    for node in Route.parse(config["route"]).everywhere():
        for name in node.hours:
            if name not in defined:
                instead = f"there is {', '.join(sorted(defined))}" if defined else "define it below time_intervals"
                yield Fault(below(ALERTMANAGER, _words(node)), f"it names the time interval '{name}'", instead)
    told: dict[str, list[str]] = {}
    for alert, routes in ways:
        for route in routes if alert.severity is not Severity.TICKET else ():
            if route.hours:
                told.setdefault(_words(route), []).append(alert.name)
    for where, names in told.items():
        what = f"it is muted at times, and {', '.join(dict.fromkeys(names))} must be heard at every hour"
        yield Fault(below(ALERTMANAGER, where), what, "mute tickets alone")
    yield from _unreached(Route.parse(config["route"]))


def _unreached(node: Route) -> Iterator[Fault]:
    """Yield the branches whose alerts an earlier one takes away."""
    for number, child in enumerate(node.children):
        for earlier in node.children[:number]:
            if not earlier.goes_on and set(earlier.conditions) <= set(child.conditions):
                what = f"it is never reached: {_words(earlier)} takes all of its alerts"
                yield Fault(below(ALERTMANAGER, _words(child)), what, "put it first, or 'continue: true' before it")
        yield from _unreached(child)


def _words(node: Route) -> str:
    matchers = ", ".join(str(condition) for condition in node.conditions)
    return f"route to '{node.receiver}'" + (f" of {matchers}" if matchers else "")
