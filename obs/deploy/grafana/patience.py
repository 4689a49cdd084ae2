"""How long may a run still wait, and how long before the next try?"""

import random
import threading
import time
from dataclasses import dataclass, field

from obs.deploy.grafana.errors import Interrupted

LONGEST_SECONDS = 10.0


@dataclass(slots=True)
class Patience:
    """A total limit on waiting, shared by every request of one plan, push or undo; waiting ends early when stopped."""

    limit_seconds: float = 300.0
    first_seconds: float = 0.25
    stop: threading.Event = field(default_factory=threading.Event)
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.limit_seconds

    def check(self) -> None:
        """Raise Interrupted if this process was asked to stop."""
        if self.stop.is_set():
            raise Interrupted("stopped on request")

    def wait(self, attempt: int, asked_seconds: float | None = None) -> bool:
        """Wait before try ``attempt`` + 1: as long as the server asked, else doubling with jitter.

        Return False, without waiting, if that would exceed the limit; raise Interrupted when stopped.
        """
        doubled = min(self.first_seconds * 2**attempt, LONGEST_SECONDS)
        # Full jitter would let one retry follow at once; half keeps a server that drowns alone for a while.
        delay = asked_seconds if asked_seconds is not None else doubled * random.uniform(0.5, 1.0)  # noqa: S311  no secret
        if time.monotonic() + delay > self._ends:
            return False
        self.stop.wait(delay)
        self.check()
        return True
