"""Which store holds each kind of object, and in which order are they written?"""

from dataclasses import dataclass

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.state import Kind
from obs.deploy.grafana.stores.alertmanager import ContactPoints, MuteTimings, Templates
from obs.deploy.grafana.stores.dashboards import Dashboards
from obs.deploy.grafana.stores.folders import Folders
from obs.deploy.grafana.stores.policy import Policies
from obs.deploy.grafana.stores.rule_groups import RuleGroups
from obs.deploy.grafana.stores.store import Store
from obs.deploy.grafana.versions import Version

__all__ = ["Store", "Stores", "open_stores"]


@dataclass(frozen=True, slots=True)
class Stores:
    """Every store of one Grafana, under one owner."""

    folders: Folders
    templates: Templates
    mute_timings: MuteTimings
    contact_points: ContactPoints
    policies: Policies
    dashboards: Dashboards
    rule_groups: RuleGroups

    def of(self, kind: Kind) -> Store:
        """Return the store of a kind."""
        stores: tuple[Store, ...] = (
            self.folders,
            self.templates,
            self.mute_timings,
            self.contact_points,
            self.policies,
            self.dashboards,
            self.rule_groups,
        )
        return next(store for store in stores if store.kind is kind)


def open_stores(client: Client, server: Version, owner: str, message: str = "") -> Stores:
    """Open every store; ``message`` goes into the history of what is written. Send nothing."""
    return Stores(
        Folders(client, owner),
        Templates(client, owner),
        MuteTimings(client, owner),
        ContactPoints(client, owner),
        Policies(client, owner),
        Dashboards(client, owner, message),
        RuleGroups(client, owner, server),
    )
