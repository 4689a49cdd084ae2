"""What does one process need to be observed: a web worker, a job runner or a script?"""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Self, Unpack

from watchkeeper.contract.metrics import CONTRACT, INFO, REQUEST_DURATION, REQUESTS, Metric
from watchkeeper.counts.bridge import Collector
from watchkeeper.declared import REGISTRY
from watchkeeper.jobs.jobs import OTHER, Jobs
from watchkeeper.logs import lines, sentry
from watchkeeper.recorder import Recorder
from watchkeeper.settings import Options, Settings
from watchkeeper.siblings import has_siblings
from watchkeeper.tracing.tracing import Tracing

if TYPE_CHECKING:
    from watchkeeper.store.redis import RedisStore

_log = logging.getLogger("telemetry")


class Telemetry:
    """
    The parts one process shares: where it counts, how it traces, whom it reports exceptions to, and its jobs.

    Nothing runs in the background before `start`, so a server may fork after this was made. ``Telemetry.read()``
    takes the same keywords and environment as `instrument`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.report: Callable[[BaseException], object] = sentry.start(settings)
        self.store = _store(settings) if settings.redis_url else None
        self.recorder = Recorder(
            _metrics(settings), store=self.store, declared=REGISTRY, collectors=_collectors(settings)
        )
        self.tracing = Tracing(settings)
        self.jobs = Jobs(self.recorder, self.tracing, self.report)
        self._looked = False
        if settings.logs:
            lines.configure(settings)

    @classmethod
    def read(cls, **chosen: Unpack[Options]) -> Self:
        """Configure from keywords and environment; raise TelemetryError for what cannot work."""
        doubts: list[str] = []
        telemetry = cls(Settings.read(os.environ, doubts.append, **chosen))
        for doubt in doubts:  # now that logging is set up
            _log.warning("%s", doubt)
        return telemetry

    def start(self) -> Self:
        """Deliver counts in the background from now on; more than once does no harm."""
        if self.settings.logs:
            lines.configure(self.settings)
        if self.store is None and not self._looked:
            self._looked = True
            if has_siblings():
                _log.warning("one of several workers, and REDIS_URL is not set: a scrape tells of one of them alone")
        self.recorder.set(INFO, (self.settings.version,), 1.0)
        self.recorder.start()
        return self

    def stop(self) -> None:
        """Deliver what is left: counts, then spans; takes a few seconds at worst."""
        self.recorder.stop()
        self.tracing.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


def _metrics(settings: Settings) -> list[Metric]:
    """Return the contract, with the buckets and labels that this service chose."""
    extra = tuple(replace(label, values=(*label.values, OTHER)) for label in settings.request_labels)
    chosen = {
        REQUESTS.name: replace(REQUESTS, labels=(*REQUESTS.labels, *extra)),
        REQUEST_DURATION.name: replace(
            REQUEST_DURATION, labels=(*REQUEST_DURATION.labels, *extra), buckets=settings.latency_buckets
        ),
    }
    return [chosen.get(metric.name, metric) for metric in CONTRACT]


def _collectors(settings: Settings) -> list[Collector]:
    """Return what is read besides our own counts: the application's collectors, and what is known of the process."""
    if not settings.process_metrics:
        return list(settings.collectors)
    from prometheus_client import (  # noqa: PLC0415 - only where it is wanted
        CollectorRegistry,
        GCCollector,
        PlatformCollector,
        ProcessCollector,
    )

    process = CollectorRegistry()
    for collector in (ProcessCollector, GCCollector, PlatformCollector):
        collector(registry=process)
    return [*settings.collectors, process]


def _store(settings: Settings) -> "RedisStore":
    from watchkeeper.store.redis import RedisStore  # noqa: PLC0415 - redis-py costs start time: only where it is used

    return RedisStore(settings.redis_url, settings.service)
