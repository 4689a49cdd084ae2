"""What exists in Grafana, as far as its lists tell, before single objects are read?"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from obs.deploy.grafana import annotation
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import Refused, Unusable
from obs.deploy.grafana.state import Desired, Key, Kind, Live
from obs.deploy.grafana.stores import Stores

FORBIDDEN = 403

RULES_READ = ("alert.provisioning:read", "alert.rules.provisioning:read", "alert.rules:read")
RULES_WRITE = ("alert.provisioning:write", "alert.rules.provisioning:write", "alert.rules:write")
NOTIFY_READ = ("alert.provisioning:read", "alert.notifications.provisioning:read", "alert.notifications:read")
NOTIFY_WRITE = ("alert.provisioning:write", "alert.notifications.provisioning:write", "alert.notifications:write")
# What a push needs, by the kind of object that needs it: Grafana's RBAC actions, any one of each line.
PERMISSIONS: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    Kind.FOLDER: (("folders:create",), ("folders:read",), ("folders:write",)),
    Kind.DASHBOARD: (("dashboards:create",), ("dashboards:read",), ("dashboards:write",)),
    Kind.RULE_GROUP: (RULES_READ, RULES_WRITE),
    Kind.CONTACT_POINT: (NOTIFY_READ, NOTIFY_WRITE),
}


@dataclass(frozen=True, slots=True)
class Survey:
    """Grafana's lists, and our deploy annotations, the latest first.

    ``datasources`` is None where the token may not list them.
    """

    dashboards: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    folders: Mapping[str, Live] = field(default_factory=dict)
    rules: Mapping[Key, list[dict[str, Any]]] = field(default_factory=dict)
    named: Mapping[Key, Live] = field(default_factory=dict)
    datasources: frozenset[str] | None = None
    missing_permissions: tuple[str, ...] = ()
    marks: tuple[annotation.Mark, ...] = ()


def survey(
    client: Client, stores: Stores, desired: Desired, pool: ThreadPoolExecutor, *, everything: bool = False
) -> Survey:
    """Ask for every list the desired state touches, or ``everything`` we could own, at once."""
    kinds = set(Kind) if everything else {item.key.kind for item in desired}
    alerting = kinds & {Kind.CONTACT_POINT, Kind.MUTE_TIMING, Kind.TEMPLATE}
    dashboards = pool.submit(lambda: {entry["uid"]: entry for entry in stores.dashboards.search()})
    folders = pool.submit(lambda: {folder.key.uid: folder for folder in stores.folders.children()})
    rules = pool.submit(_rules, stores) if Kind.RULE_GROUP in kinds else None
    named = [pool.submit(_listing(stores, kind)) for kind in sorted(alerting)]
    datasources = pool.submit(_datasources, client)
    actions = pool.submit(_actions, client)
    marks = pool.submit(_marks, client, desired.owner)
    return Survey(
        dashboards=dashboards.result(),
        folders=folders.result(),
        rules=rules.result() if rules else {},
        named={live.key: live for future in named for live in future.result()},
        datasources=datasources.result(),
        missing_permissions=_lacking(actions.result(), kinds),
        marks=marks.result(),
    )


def _rules(stores: Stores) -> dict[Key, list[dict[str, Any]]]:
    groups: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for rule in stores.rule_groups.list_rules():
        groups[Key(Kind.RULE_GROUP, f"{rule['folderUID']}/{rule['ruleGroup']}")].append(rule)
    return groups


def _listing(stores: Stores, kind: Kind) -> Callable[[], list[Live]]:
    listings: dict[Kind, Callable[[], list[Live]]] = {
        Kind.CONTACT_POINT: stores.contact_points.list_all,
        Kind.MUTE_TIMING: stores.mute_timings.list_all,
        Kind.TEMPLATE: stores.templates.list_all,
    }
    return listings[kind]


def _datasources(client: Client) -> frozenset[str] | None:
    try:
        return frozenset(str(found["uid"]) for found in client.read("/api/datasources"))
    except Refused as refused:
        if refused.status == FORBIDDEN:  # only an admin may list them; then they are not checked
            return None
        raise


def _marks(client: Client, owner: str) -> tuple[annotation.Mark, ...]:
    try:
        return tuple(annotation.marks(client, owner))
    except Refused as refused:
        if refused.status == FORBIDDEN:  # then nothing is concluded from them
            return ()
        raise


def _actions(client: Client) -> Mapping[str, Any]:
    """Ask what the token may do; nothing is concluded where this Grafana does not say."""
    try:
        answer = client.find("/api/access-control/user/actions")
    except (Refused, Unusable):
        return {}
    return answer if isinstance(answer, dict) else {}


def _lacking(actions: Mapping[str, Any], kinds: set[Kind]) -> tuple[str, ...]:
    if not actions:
        return ()
    needs = {need for kind in kinds for need in PERMISSIONS.get(kind, ())}
    return tuple(sorted(need[0] for need in needs if not any(actions.get(action) for action in need)))
