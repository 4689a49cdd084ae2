"""What can be done with one kind of object in Grafana?"""

from typing import Protocol

from obs.deploy.grafana.state import Item, Kind, Live


class Store(Protocol):
    """Reads and writes the objects of one kind, one request per verb wherever Grafana allows it.

    ``locks`` is true where Grafana itself refuses a write that is not based on the latest version.
    """

    kind: Kind
    locks: bool

    def read(self, uid: str) -> Live | None:
        """Read one object; None if it is not there."""

    def write(self, item: Item, before: Live | None) -> None:
        """Create the object, or change it from ``before``; raise as `Client.write`."""

    def delete(self, before: Live) -> None:
        """Delete the object."""

    def explains(self, known: tuple[Item, ...], live: Live) -> bool:
        """Tell whether ``live`` can be a state between the ``known`` ones, so that nobody else has changed it."""


def is_one_of(known: tuple[Item, ...], live: Live) -> bool:
    """Tell whether ``live`` means the same as one of the ``known`` states: `explains`, where writes are atomic."""
    return any(item.comparable() == live.comparable() for item in known)


def foreign_provenance(provenance: str) -> str:
    """Say why an object of this provenance cannot be written by the provisioning API as ours; "" if it can."""
    if provenance == "api":
        return ""
    origin = {"": "the user interface", "file": "file provisioning"}.get(provenance, provenance)
    return f"it belongs to {origin} (provenance {provenance or 'none'!r}), which Grafana does not let this API change"
