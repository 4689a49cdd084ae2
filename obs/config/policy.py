"""Who hears of an alert where Grafana pages: our branch of its notification policy, the Alertmanager's tree again."""

from collections.abc import Mapping
from typing import Any

from obs.config import alertmanager
from obs.stack import ownership
from watchkeeper.contract.labels import ALERTNAME, SEVERITY, SLO

PROMISE = {
    "object_matchers": [[SLO.name, "!=", ""]],
    "group_by": [SLO.name, *alertmanager.DEPLOYMENT],
    "group_wait": "15s",
}
ROUTES: Mapping[str, Mapping[str, Any]] = {
    "page": {"routes": [PROMISE]},
    "ticket": {"repeat_interval": "1d"},
    "none": {"group_wait": "1s", **alertmanager.FED},
}
"""What a severity has beside its receiver: pages of one promise are one page, and the dead man's switch its times."""

TIMES = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
"""Said by the branch itself: what people set at the root of their policy would be inherited."""


def branch(owner: str) -> dict[str, Any]:
    """Return the route that takes the alerts of an owner, and sends them on by their severity."""
    routes = [
        {
            "receiver": ownership.uid(owner, severity),
            "object_matchers": [[SEVERITY.name, "=", severity]],
            **own,
        }
        for severity, own in ROUTES.items()
    ]
    return {
        "receiver": ownership.uid(owner, "ticket"),
        "object_matchers": [ownership.matcher(owner)],
        "group_by": sorted([ALERTNAME.name, *alertmanager.DEPLOYMENT]),
        **TIMES,
        "routes": routes,
    }
