"""What did people change in Grafana since the last push, and does the code already say so?"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.state import Desired, Item, Key, Kind, Live, reached
from obs.deploy.grafana.stores import Stores, open_stores
from obs.deploy.grafana.versions import version
from obs.deploy.plan import routing
from obs.deploy.push.report import difference
from obs.diff import ObjectChange


@dataclass(frozen=True, slots=True)
class Drift:
    """One object that is not as it was deployed.

    ``change`` tells from deployed to live, ``in_code`` that the code already asks for what is live; ``live`` is None
    for an object somebody deleted.
    """

    key: Key
    change: ObjectChange
    in_code: bool
    live: Live | None


def drift(client: Client, deployed: Desired, code: Desired) -> list[Drift]:
    """Compare deployed, code and live; send no write. What changed in the code alone is no drift: it awaits a push."""
    server = version(client.read("/api/health"))
    stores = open_stores(client, server, deployed.owner)
    wanted = {item.key: item for item in code}
    with ThreadPoolExecutor(client.connections, thread_name_prefix="drift") as pool:
        found = pool.map(lambda item: _one(stores, item, wanted.get(item.key)), _adapted(stores, deployed))
        return [entry for entry in found if entry is not None]


def notices(client: Client, deployed: Desired) -> list[str]:
    """Say what others laid around our branch of the notification policy; see `routing.notices`."""
    stores = open_stores(client, version(client.read("/api/health")), deployed.owner)
    if not deployed.of(Kind.POLICY):
        return []
    return list(routing.notices(stores.policies.before_ours(), stores.contact_points.list_all(), deployed))


def _adapted(stores: Stores, desired: Desired) -> Iterator[Item]:
    for item in desired:
        yield stores.rule_groups.adapted(item)[0] if item.key.kind is Kind.RULE_GROUP else item


def _one(stores: Stores, deployed: Item, wanted: Item | None) -> Drift | None:
    live = stores.of(deployed.key.kind).read(deployed.key.uid)
    if reached(live, deployed):
        return None
    if live and live.key.kind is Kind.DASHBOARD and stores.dashboards.last_save(live.key.uid).holds(deployed, live):
        return None
    return Drift(deployed.key, difference(deployed, live), reached(live, wanted), live)
