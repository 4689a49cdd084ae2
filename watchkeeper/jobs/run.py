"""What happened to one run of a job?"""

import logging
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from watchkeeper.contract.metrics import JOB_DURATION, JOB_QUEUE_LATENCY, JOBS_ACTIVE, JOBS_FAILED, JOBS_PROCESSED
from watchkeeper.recorder import Recorder
from watchkeeper.tracing.trace_context import TraceContext, parse_traceparent
from watchkeeper.tracing.tracing import Tracing, Work

JOB_LOGGER = "telemetry.job"

_log = logging.getLogger(JOB_LOGGER)


class Owner(Protocol):
    """Whose run it is: `Jobs`, which counts runs and gives them a place in a trace."""

    recorder: Recorder
    tracing: Tracing
    report: Callable[[BaseException], object]

    def retried(self, queue: str, /) -> None: ...  # noqa: D102 - the class says it

    def error_label(self, error: BaseException, /) -> str: ...  # noqa: D102 - the class says it


class Run:
    """One run of one job; `failed` and `retried` are for brokers that tell of it in other ways than by raising."""

    def __init__(
        self, jobs: Owner, queue: str, name: str, *, due: float | None, job_id: str, headers: Mapping[str, str]
    ) -> None:
        self._jobs = jobs
        self._queue = queue
        self._name = name
        self._waited = None if due is None else max(time.time() - due, 0.0)
        self._job_id = job_id
        self._headers = headers
        self._retried = False
        self._error: BaseException | None = None
        self._began = 0.0
        self._work: Work | None = None

    def __enter__(self) -> Self:
        """Count the job as running."""
        recorder, tracing = self._jobs.recorder, self._jobs.tracing
        context = self._place(tracing)
        self._work = tracing.enter(context, "consumer", f"process {self._queue}", self._attributes())
        recorder.change(JOBS_ACTIVE, (self._queue,), 1)
        if self._waited is not None:
            recorder.observe(JOB_QUEUE_LATENCY, (self._queue,), self._waited, context.exemplar)
        self._began = time.perf_counter()
        return self

    def failed(self, error: BaseException) -> None:
        """Note that the run failed, without raising it here."""
        self._error = error

    def retried(self) -> None:
        """Note that the run, which failed, goes back on its queue."""
        self._retried = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Count how the run ended; an exception passes on."""
        self._error = self._error or error
        self.finish()

    def finish(self) -> None:
        """Count how the run ended."""
        seconds = time.perf_counter() - self._began
        if work := self._left():
            self._count(work, seconds)

    def abandon(self) -> None:
        """Leave a run without a verdict: the process ends within it, and its parent tells how."""
        if work := self._left():
            self._jobs.tracing.leave(work)

    def lost(self, error: BaseException, seconds: float) -> None:
        """Count a run that another process began and that ended with it: ``error`` names how, after ``seconds``."""
        self._error = error
        tracing = self._jobs.tracing
        self._count(
            tracing.enter(self._place(tracing), "consumer", f"process {self._queue}", self._attributes()), seconds
        )

    def _left(self) -> Work | None:
        work, self._work = self._work, None
        if work is not None:
            self._jobs.recorder.change(JOBS_ACTIVE, (self._queue,), -1)
        return work

    def _count(self, work: Work, seconds: float) -> None:
        recorder, labels = self._jobs.recorder, (self._queue,)
        recorder.add(JOBS_PROCESSED, labels)
        recorder.observe(JOB_DURATION, labels, seconds, work.context.exemplar)
        if self._error is not None:
            recorder.add(JOBS_FAILED, (self._queue, self._jobs.error_label(self._error)))
            if isinstance(self._error, Exception):  # a cancellation is nobody's mistake
                self._jobs.report(self._error)
        if self._retried:
            self._jobs.retried(self._queue)
        self._write(seconds)
        self._jobs.tracing.leave(work, self._error if isinstance(self._error, Exception) else None)

    def _place(self, tracing: Tracing) -> TraceContext:
        parent = parse_traceparent(self._headers.get("traceparent", ""))
        return tracing.begin({}) if parent is None else tracing.below(parent)

    def _attributes(self) -> dict[str, str | int]:
        """Return what a span says: https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/."""
        attributes: dict[str, str | int] = {
            "messaging.operation.type": "process",
            "messaging.operation.name": self._name,
            "messaging.destination.name": self._queue,
        }
        return {**attributes, "messaging.message.id": self._job_id} if self._job_id else attributes

    def _write(self, seconds: float) -> None:
        outcome = "ok" if self._error is None else "retried" if self._retried else "failed"
        fields: dict[str, Any] = {"queue": self._queue, "job": self._name, "outcome": outcome}
        fields["duration_seconds"] = round(seconds, 6)
        if self._waited is not None:
            fields["waited_seconds"] = round(self._waited, 6)
        if self._job_id:
            fields["job_id"] = self._job_id
        level = logging.ERROR if outcome == "failed" else logging.WARNING if outcome == "retried" else logging.INFO
        _log.log(level, "%s %s", self._name, outcome, extra=fields, exc_info=self._error)
