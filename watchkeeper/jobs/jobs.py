"""What happened to a job, how long did it wait and run, and how full are the queues?"""

import functools
import inspect
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar, cast

from watchkeeper.contract.metrics import (
    JOB_WORKERS,
    JOBS_ACTIVE,
    JOBS_DELAYED,
    JOBS_FAILED,
    JOBS_OLDEST_WAITING,
    JOBS_PROCESSED,
    JOBS_RETRIED,
    JOBS_WAITING,
)
from watchkeeper.jobs.run import JOB_LOGGER, Run
from watchkeeper.recorder import Recorder
from watchkeeper.settings import Settings
from watchkeeper.tracing.tracing import Tracing

P = ParamSpec("P")
R = TypeVar("R")

MAX_ERRORS = 50
"""Classes of exceptions told apart; more would be series without bound."""

OTHER = "other"

_log = logging.getLogger(JOB_LOGGER)


@dataclass(frozen=True, slots=True)
class Depth:
    """How full a queue is, as far as its broker tells: None is not known and leaves its gauge alone."""

    waiting: int | None = None
    delayed: int | None = None
    oldest_waiting_seconds: float | None = None


class Jobs:
    """
    Counts job runs and queues into ``recorder``, and gives each run its place in a trace.

    ``report`` is told of exceptions, as Sentry is.
    """

    def __init__(
        self,
        recorder: Recorder,
        tracing: Tracing | None = None,
        report: Callable[[BaseException], object] = lambda _: None,
    ) -> None:
        self.recorder = recorder
        self.tracing = tracing or Tracing(Settings())
        self.report = report
        self._errors: set[str] = set()
        self._blind = False

    def run(
        self,
        queue: str,
        name: str = "",
        *,
        due: float | None = None,
        job_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Run:
        """
        Return a context manager around one run of a job, to use in plain and in async code.

        ``due`` is when the job could have been taken (seconds since 1970). ``headers`` are what `outgoing_headers`
        gave where the job was enqueued: the run then belongs to the same trace.
        """
        return Run(self, queue, name or queue, due=due, job_id=job_id, headers=headers or {})

    def job(self, queue: str, name: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a plain or async function that is one job of ``queue``."""

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            title = name or function.__name__
            if inspect.iscoroutinefunction(function):

                @functools.wraps(function)
                async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                    with self.run(queue, title):
                        return await function(*args, **kwargs)

                return cast(Callable[P, R], run_async)

            @functools.wraps(function)
            def run(*args: P.args, **kwargs: P.kwargs) -> R:
                with self.run(queue, title):
                    return function(*args, **kwargs)

            return run

        return decorate

    def retried(self, queue: str) -> None:
        """Count a failed run that was put back on its queue."""
        self.recorder.add(JOBS_RETRIED, (queue,))

    def working(self, queues: Iterable[str], *, live: bool = True) -> None:
        """Say that this process takes from these queues, or with ``live`` False that it no longer does."""
        for queue in queues:
            self.recorder.set(JOB_WORKERS, (queue,), float(live))

    def measured(self, queue: str, depth: Depth) -> None:
        """Say how full a queue is now; every worker may, the newest measurement counts."""
        for metric, value in (
            (JOBS_WAITING, depth.waiting),
            (JOBS_DELAYED, depth.delayed),
            (JOBS_OLDEST_WAITING, depth.oldest_waiting_seconds),
        ):
            if value is not None:
                self.recorder.set(metric, (queue,), float(value))
        self._blind = False

    def unmeasured(self, error: Exception) -> None:
        """Say that queues cannot be measured: once, not every few seconds."""
        if not self._blind:
            _log.warning("queues cannot be measured: %s: %s", type(error).__name__, error)
        self._blind = True

    def declare(self, queues: Iterable[str], errors: Iterable[str] = ()) -> None:
        """
        Make the counters of these queues exist at zero, so that the first failure is seen as a rise.

        ``errors`` are the classes of exceptions that are known beforehand, as `error_label` names them.
        """
        self._errors.update(errors)
        for queue in queues:
            for metric in (JOBS_PROCESSED, JOBS_RETRIED):
                self.recorder.add(metric, (queue,), 0.0)
            for error in (*self._errors, OTHER):
                self.recorder.add(JOBS_FAILED, (queue, error), 0.0)
            self.recorder.set(JOBS_ACTIVE, (queue,), 0.0)

    def error_label(self, error: BaseException) -> str:
        """Return the class of an exception as a label value; 'other' beyond the first MAX_ERRORS classes."""
        name = type(error).__name__
        if name not in self._errors and len(self._errors) >= MAX_ERRORS:
            return OTHER
        self._errors.add(name)
        return name


class Watch:
    """Measures queues every ``every`` seconds from a thread, until `stop`."""

    def __init__(self, jobs: Jobs, measure: Callable[[], Mapping[str, Depth]], *, every: float = 5.0) -> None:
        self._jobs = jobs
        self._measure = measure
        self._every = every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="telemetry-queues", daemon=True)

    def start(self) -> None:
        """Measure now and from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Measure no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._every)

    def measure(self) -> None:
        """Measure once."""
        try:
            for queue, depth in self._measure().items():
                self._jobs.measured(queue, depth)
        except Exception as error:  # noqa: BLE001 - whatever a broker's client raises, the worker must go on
            self._jobs.unmeasured(error)

    def _watch(self) -> None:
        self.measure()
        while not self._stopping.wait(self._every):
            self.measure()
