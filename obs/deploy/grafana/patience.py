"""How long may a run still wait, and how long before the next try?"""

import random
import threading
import time
from dataclasses import dataclass, field

from obs.deploy.grafana.errors import Interrupted

LONGEST_SECONDS = 10.0
LIMIT_SECONDS = 30.0


@dataclass(slots=True)
class Patience:
    """A limit on the time lost to failures, shared by every request of one plan, push or undo.

    What several requests lose at once counts once. Waiting ends early when stopped.
    """

    limit_seconds: float = LIMIT_SECONDS
    first_seconds: float = 0.25
    stop: threading.Event = field(default_factory=threading.Event)
    _lost_seconds: float = field(default=0.0, init=False)
    _counted_until: float = field(default=0.0, init=False)
    _held_until: float = field(default=0.0, init=False)
    _counting: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def left_seconds(self) -> float:
        """How much may still be lost."""
        return max(0.0, self.limit_seconds - self._lost_seconds)

    def check(self) -> None:
        """Wait as long as the server asked any of us to; raise Interrupted if this process was asked to stop."""
        while (held := self._held_until - time.monotonic()) > 0 and not self.stop.is_set():
            self.stop.wait(held)
        if self.stop.is_set():
            raise Interrupted("stopped on request")

    def wait(self, attempt: int, asked_seconds: float | None = None, since: float | None = None) -> bool:
        """Wait before try ``attempt`` + 1: as long as the server asked, else doubling with jitter.

        ``since`` is when the first try began, on the monotonic clock: what it took is lost as well. Return False,
        without waiting, if that would exceed the limit; raise Interrupted when stopped.
        """
        doubled = min(self.first_seconds * 2**attempt, LONGEST_SECONDS)
        # Full jitter would let one retry follow at once; half keeps a server that drowns alone for a while.
        delay = asked_seconds if asked_seconds is not None else doubled * random.uniform(0.5, 1.0)  # noqa: S311  no secret
        with self._counting:
            now = time.monotonic()
            lost = now + delay - max(now if since is None else since, self._counted_until)
            if self._lost_seconds + max(0.0, lost) > self.limit_seconds:
                return False
            self._lost_seconds += max(0.0, lost)
            self._counted_until = max(self._counted_until, now + delay)
            if asked_seconds is not None:
                self._held_until = max(self._held_until, now + delay)
        self.stop.wait(delay)
        self.check()
        return True
