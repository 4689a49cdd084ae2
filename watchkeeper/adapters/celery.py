"""What happens to the tasks of a Celery worker? https://docs.celeryq.dev/en/stable/userguide/signals.html"""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from celery import signals
from celery.exceptions import SoftTimeLimitExceeded, Terminated, TimeLimitExceeded, WorkerLostError

from watchkeeper.jobs.jobs import Depth, Watch
from watchkeeper.jobs.run import Run
from watchkeeper.process import Telemetry
from watchkeeper.tracing.trace_context import outgoing_headers

SENT_AT = "telemetry_sent_at"
"""Header with the time of publishing in seconds since 1970: Celery itself does not keep it."""

MEASURE_SECONDS = 5.0
CUT_OFF = (TimeLimitExceeded, WorkerLostError, Terminated)
"""What the main process says of a run whose process was ended."""

NOT_FOUND = "404"


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
        self._received: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._queues: tuple[str, ...] = ()
        self._forked = False
        self._watch: Watch | None = None

    def connect(self) -> None:
        """Receive every signal that matters."""
        for signal, receiver in (
            (signals.before_task_publish, self.published),
            (signals.task_received, self.received),
            (signals.task_prerun, self.began),
            (signals.task_retry, self.retried),
            (signals.task_failure, self.failed),
            (signals.task_revoked, self.revoked),
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

    def received(self, request: Any, **_: Any) -> None:
        """Remember, in the main process, what it gave away to be run."""
        self._received[request.id] = request

    def began(self, task_id: str, task: Any, **_: Any) -> None:
        """Enter a run."""
        request = task.request
        headers = {"traceparent": _header(request, "traceparent") or ""}
        run = self._telemetry.jobs.run(_queue(request), task.name, due=_due(request), job_id=task_id, headers=headers)
        self._runs[task_id] = run
        run.__enter__()

    def retried(self, request: Any, reason: Any, **_: Any) -> None:
        """Note that a run failed and its task goes back on the queue."""
        if run := self._runs.get(request.id):
            run.failed(getattr(reason, "exc", None) or reason)
            run.retried()

    def failed(self, task_id: str, exception: BaseException, **_: Any) -> None:
        """Note that a run failed, or count one whose process was ended by the main process or the system."""
        if run := self._runs.get(task_id):
            run.failed(exception)
        elif isinstance(exception, CUT_OFF) and (request := self._received.pop(task_id, None)):  # Celery tells it twice
            headers = {"traceparent": (request.request_dict or {}).get("traceparent") or ""}
            run = self._telemetry.jobs.run(_queue(request), request.name, job_id=task_id, headers=headers)
            run.lost(exception, time.time() - (request.time_start or time.time()))

    def revoked(self, request: Any, *, terminated: bool, **_: Any) -> None:
        """Count a run that somebody ended with `revoke(terminate=True)`."""
        if terminated:
            self.failed(request.id, Terminated("the task was revoked while it ran"))

    def ended(self, task_id: str, state: str | None = None, **_: Any) -> None:
        """Leave a run; without a state it was cut off, and of a process that is cut off the main process tells."""
        run = self._runs.pop(task_id, None)
        if run is not None and state is None and self._forked:
            run.abandon()
        elif run is not None:
            run.finish()

    def worker_began(self, sender: Any, **_: Any) -> None:
        """Begin to deliver and to measure in the main process of a worker."""
        self._telemetry.start()
        self._queues = tuple(sender.app.amqp.queues.consume_from)
        self._telemetry.jobs.declare(self._queues, [error.__name__ for error in (SoftTimeLimitExceeded, *CUT_OFF)])
        self._telemetry.jobs.working(self._queues)
        self._watch = Watch(self._telemetry.jobs, lambda: self._lengths(sender.app), every=MEASURE_SECONDS)
        self._watch.start()

    def process_began(self, **_: Any) -> None:
        """Begin to deliver in a process that runs tasks."""
        self._forked = True
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
            return {queue: Depth(waiting=_length(connection, queue)) for queue in self._queues}


def _length(connection: Any, queue: str) -> int:
    """Return how many tasks wait; a queue that is empty does not exist in Redis. Asking for it closes the channel."""
    try:
        with connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)
    except connection.channel_errors as error:
        if str(getattr(error, "reply_code", "")) != NOT_FOUND:
            raise
        return 0


def _queue(request: Any) -> str:
    return (request.delivery_info or {}).get("routing_key") or "celery"


def _header(request: Any, name: str) -> Any:
    return getattr(request, name, None) or (request.headers or {}).get(name)


def _due(request: Any) -> float | None:
    if request.eta:
        eta = request.eta if isinstance(request.eta, datetime) else datetime.fromisoformat(request.eta)
        return eta.timestamp()
    sent = _header(request, SENT_AT)
    return float(sent) if sent else None
