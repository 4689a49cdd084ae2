"""A Grafana for tests: in memory, over real HTTP, stricter than the real one where a mistake would pass unseen.

It is not Grafana and proves nothing about it beyond the documented contract it repeats: a field nobody knows is refused
(Grafana drops it without a word), versions, provenance, normalisation and errors follow the version it was told to be.
"""

from tests.fake_grafana.faults import Fault
from tests.fake_grafana.server import FakeGrafana

__all__ = ["FakeGrafana", "Fault"]
