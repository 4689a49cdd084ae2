"""Who hears of an alert where Grafana pages: our branch of its notification policy, the Alertmanager's tree again."""

from collections.abc import Mapping, Sequence
from typing import Any

from obs.config import alertmanager
from obs.stack import ownership
from watchkeeper.contract.labels import ALERTNAME, SEVERITY, SLO

ROUTES: Mapping[str, Mapping[str, Any]] = {
    "page": {},
    "ticket": alertmanager.OF_TICKETS,
    "none": {"group_wait": "1s", **alertmanager.FED},
}
"""What a severity has beside its receiver: tickets and the dead man's switch their times."""


def branch(owner: str, deployed: Sequence[str] = alertmanager.DEPLOYMENT) -> dict[str, Any]:
    """
    Return the route that takes the alerts of an owner, and sends them on by their severity.

    ``deployed`` are the labels that tell one deployment from another: alerts are told together within it alone.
    """
    # Pages of one promise are one page.
    promise = {
        "object_matchers": [[SLO.name, "!=", ""]],
        "group_by": [SLO.name, *deployed],
        **alertmanager.OF_A_PROMISE,
    }
    routes = [
        {
            "receiver": ownership.uid(owner, severity),
            "object_matchers": [[SEVERITY.name, "=", severity]],
            **own,
            **({"routes": [promise]} if severity == "page" else {}),
        }
        for severity, own in ROUTES.items()
    ]
    return {
        "receiver": ownership.uid(owner, "ticket"),
        "object_matchers": [ownership.matcher(owner)],
        "group_by": sorted([ALERTNAME.name, *deployed]),
        # Said by the branch itself: what people set at the root of their policy would be inherited.
        **alertmanager.TIMES,
        "routes": routes,
    }
