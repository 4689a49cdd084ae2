"""What happens to the tasks of a Celery worker? https://docs.celeryq.dev/en/stable/userguide/signals.html"""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from celery import signals

from watchkeeper.jobs.jobs import Depth, Watch
from watchkeeper.jobs.run import Run
from watchkeeper.process import Telemetry
from watchkeeper.tracing.trace_context import outgoing_headers

SENT_AT = "telemetry_sent_at"
"""Header with the time of publishing in seconds since 1970: Celery itself does not keep it."""

MEASURE_SECONDS = 5.0


def observe(telemetry: Telemetry) -> "CeleryObserver":
    """
    Observe the Celery of this process, producers and workers alike; call it once where the app is made.

    Tasks belong to the trace they were sent in. Queue length is what the broker tells; how many tasks are
    scheduled for later, and how old the oldest is, Celery's brokers do not tell, so those gauges stay away.
    """
    observer = CeleryObserver(telemetry)
    observer.connect()
    return observer


class CeleryObserver:
    """Follows Celery's signals; Celery holds receivers weakly, so this object keeps them alive."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._runs: dict[str, Run] = {}
        self._queues: tuple[str, ...] = ()
        self._watch: Watch | None = None

    def connect(self) -> None:
        """Receive every signal that matters."""
        for signal, receiver in (
            (signals.before_task_publish, self.published),
            (signals.task_prerun, self.began),
            (signals.task_retry, self.retried),
            (signals.task_failure, self.failed),
            (signals.task_postrun, self.ended),
            (signals.worker_ready, self.worker_began),
            (signals.worker_process_init, self.process_began),
            (signals.worker_process_shutdown, self.process_ended),
            (signals.worker_shutdown, self.worker_ended),
            (signals.setup_logging, self.logging_asked),
        ):
            signal.connect(receiver, weak=False)

    def published(self, headers: dict[str, Any] | None = None, **_: Any) -> None:
        """Let the current trace and the time travel with a task."""
        if headers is not None:
            headers.update(outgoing_headers())
            headers.setdefault(SENT_AT, time.time())

    def began(self, task_id: str, task: Any, **_: Any) -> None:
        """Enter a run."""
        request = task.request
        headers = {"traceparent": _header(request, "traceparent") or ""}
        queue = (request.delivery_info or {}).get("routing_key") or "celery"
        run = self._telemetry.jobs.run(queue, task.name, due=_due(request), job_id=task_id, headers=headers)
        self._runs[task_id] = run
        run.__enter__()

    def retried(self, request: Any, reason: Any, **_: Any) -> None:
        """Note that a run failed and its task goes back on the queue."""
        if run := self._runs.get(request.id):
            run.failed(getattr(reason, "exc", None) or reason)
            run.retried()

    def failed(self, task_id: str, exception: BaseException, **_: Any) -> None:
        """Note that a run failed."""
        if run := self._runs.get(task_id):
            run.failed(exception)

    def ended(self, task_id: str, **_: Any) -> None:
        """Leave a run."""
        if run := self._runs.pop(task_id, None):
            run.finish()

    def worker_began(self, sender: Any, **_: Any) -> None:
        """Begin to deliver and to measure in the main process of a worker."""
        self._telemetry.start()
        self._queues = tuple(sender.app.amqp.queues.consume_from)
        self._telemetry.jobs.declare(self._queues)
        self._telemetry.jobs.working(self._queues)
        self._watch = Watch(self._telemetry.jobs, lambda: self._lengths(sender.app), every=MEASURE_SECONDS)
        self._watch.start()

    def process_began(self, **_: Any) -> None:
        """Begin to deliver in a process that runs tasks."""
        self._telemetry.start()

    def process_ended(self, **_: Any) -> None:
        """Deliver what is left: Celery ends its processes without the interpreter's exit handlers."""
        self._telemetry.stop()

    def worker_ended(self, **_: Any) -> None:
        """Deliver what is left in the main process."""
        if self._watch is not None:
            self._watch.stop()
            self._telemetry.jobs.working(self._queues, live=False)
        self._telemetry.stop()

    def logging_asked(self, loglevel: int | str | None = None, **_: Any) -> None:
        """Keep Celery from setting up its own logging: its records come out as ours do."""
        if not self._telemetry.settings.logs:
            logging.basicConfig(level=loglevel or logging.INFO)

    def _lengths(self, app: Any) -> Mapping[str, Depth]:
        with app.connection_for_read() as connection:
            channel = connection.default_channel
            return {
                queue: Depth(waiting=channel.queue_declare(queue, passive=True).message_count) for queue in self._queues
            }


def _header(request: Any, name: str) -> Any:
    return getattr(request, name, None) or (request.headers or {}).get(name)


def _due(request: Any) -> float | None:
    if request.eta:
        eta = request.eta if isinstance(request.eta, datetime) else datetime.fromisoformat(request.eta)
        return eta.timestamp()
    sent = _header(request, SENT_AT)
    return float(sent) if sent else None
