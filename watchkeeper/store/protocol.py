"""What must a shared store do, so that totals over all workers are exact?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

TOMBSTONE_SECONDS = 3600
"""How long a store remembers that it folded an instance."""


class StoreError(Exception):
    """The store did not do what it was asked; the message says why, and never carries a password."""


@dataclass(frozen=True, slots=True)
class Batch:
    """
    What one instance tells the store: its own totals since it began, never what was added since last time.

    ``sequence`` numbers the batches of an instance from 1; ``previous`` is the last one known to have arrived.
    ``fields`` holds what differs from it, or everything where the batch is ``complete``.
    """

    instance: str
    sequence: int
    previous: int
    fields: Mapping[str, bytes]
    complete: bool = False
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """
    What became of a batch.

    ``taken``: it is in the store, once, however often it was sent. ``behind``: the store lost what it had of this
    instance; send a complete batch. ``gone``: the instance was taken for dead, and what it had told up to batch
    ``sequence`` was added to the totals of the dead. ``dead_found`` asks the caller to fold dead instances. ``epoch``
    is another one after the store was emptied.
    """

    verdict: Literal["taken", "behind", "gone"]
    sequence: int = 0
    dead_found: bool = False
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Instance:
    """
    What the store has of one process, up to its batch ``sequence``.

    ``seen`` is when it last delivered (seconds since 1970, store's clock), 0 once it has ended in order.
    """

    sequence: int
    fields: Mapping[str, bytes]
    seen: float
    alive: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """
    Everything in the store, read at ``now`` (seconds since 1970, store's clock).

    ``dead`` holds the totals of folded instances. ``restoring`` says that the store lost data a moment ago and
    not every worker has delivered again: sums would be too small.
    """

    instances: Mapping[str, Instance]
    dead: Mapping[str, bytes]
    now: float
    restoring: bool


class Store(Protocol):
    """Where the workers of one service put their totals together."""

    def write(self, batch: Batch) -> Reply:
        """Take a batch; raise StoreError where it is not known to have arrived."""

    def read(self) -> Contents:
        """Return everything; raise StoreError."""

    def fold(self) -> None:
        """Add the counters of dead instances to the totals of the dead and forget the rest; raise StoreError."""

    def forget_connections(self) -> None:
        """Connect anew next time: after a fork the open connections belong to the parent."""
