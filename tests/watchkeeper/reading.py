"""What do the workers of a service count together, as a scrape sees it?"""

import time
from collections.abc import Callable

from tests.watchkeeper.serving import samples
from watchkeeper.counts.exposition import expose
from watchkeeper.recorder import Recorder
from watchkeeper.scrape import gather
from watchkeeper.store.protocol import StoreError


def scrape(recorder: Recorder) -> str:
    """Return the exposition of all workers; the recorder's own counts are delivered first."""
    return expose(gather(recorder).families).decode()


def value(recorder: Recorder, name: str, labels: str = "") -> float | None:
    """Return one sample of all workers' exposition; None where the series is not there."""
    return samples(scrape(recorder), name).get(labels)


def eventually(condition: Callable[[], object], seconds: float = 8.0) -> None:
    """Wait until a condition holds; a scrape that is refused meanwhile is no failure. Raise AssertionError."""
    deadline = time.monotonic() + seconds
    reason = "it did not hold"
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except StoreError as error:
            reason = str(error)
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s: {reason}")
