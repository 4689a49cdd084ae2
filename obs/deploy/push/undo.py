"""How is what a push changed put back, and what is said about what cannot be?"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError, understood
from obs.deploy.grafana.state import Key, Kind
from obs.deploy.grafana.stores import Stores
from obs.deploy.plan.plan import Change, in_writing_order
from obs.deploy.push.converge import converge
from obs.deploy.push.journal import Write
from obs.deploy.push.outcome import Result, result

UNREADABLE = "its secret stays the new one: Grafana never gives the old one back"


@dataclass(frozen=True, slots=True)
class Undo:
    """Puts objects back to how they were before ``writes``, whatever of those was applied."""

    client: Client
    stores: Stores
    writes: Mapping[Key, Write]

    def put_back(self, changes: Iterable[Change]) -> list[Result]:
        """Undo these changes in the opposite order; what somebody else has touched since is left and said."""
        batches = list(in_writing_order(changes))
        results: list[Result] = []
        with ThreadPoolExecutor(self.client.connections, thread_name_prefix="undo") as pool:
            for batch in reversed(batches):
                results += pool.map(self._one, batch)
        return results

    def _one(self, change: Change) -> Result:
        write = self.writes[change.key]
        before, store = write.before, self.stores.of(change.key.kind)
        try:
            with understood(str(change.key)):
                converge(store, change.key, before, write.known, patience=self.client.patience)
        except DeployError as error:
            return result(change, "left", str(error))
        return result(change, "undone", UNREADABLE if change.key.kind is Kind.CONTACT_POINT and before else "")
