"""What happens to the jobs of an RQ worker? https://python-rq.org/docs/workers/"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from rq import Queue, SimpleWorker, Worker
from rq.job import Job, JobStatus
from rq.worker import BaseWorker

from watchkeeper.jobs.jobs import Depth, Watch
from watchkeeper.process import Telemetry
from watchkeeper.tracing.trace_context import outgoing_headers

META = "telemetry_trace"
ERRORS = ("JobTimeoutException", "WorkHorseKilled")
"""What a run can fail with whatever its job does."""

MEASURE_SECONDS = 5.0


def trace_meta() -> dict[str, Any]:
    """Return what to enqueue a job with, so that its run joins the current trace: `meta=trace_meta()`."""
    return {META: outgoing_headers()}


class WorkHorseKilled(Exception):  # noqa: N818 - as RQ calls what happened
    """The process that ran a job ended without telling how the job did."""


class _Observed(BaseWorker):
    """What both kinds of worker do; ``telemetry`` is the one to use, else one is made from the environment."""

    telemetry: ClassVar[Telemetry | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._telemetry = type(self).telemetry or Telemetry.read()
        self._failures: list[BaseException] = []

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Run jobs, and measure the queues meanwhile."""
        jobs, queues = self._telemetry.start().jobs, self.queue_names()
        jobs.declare(queues, ERRORS)
        jobs.working(queues)
        watch = Watch(jobs, self._depths, every=MEASURE_SECONDS)
        watch.start()
        try:
            return super().work(*args, **kwargs)
        finally:
            watch.stop()
            jobs.working(queues, live=False)
            self._telemetry.stop()

    def perform_job(self, job: Job, queue: Queue, *rest: Any, **options: Any) -> bool:
        """Run one job; in a forked process, deliver before it ends without the interpreter's exit handlers."""
        self._failures.clear()
        headers = (job.meta or {}).get(META)
        run = self._telemetry.jobs.run(
            queue.name, job.func_name or "", due=_seconds(job.enqueued_at), job_id=job.id, headers=headers
        )
        with run:
            done = super().perform_job(job, queue, *rest, **options)
            for failure in self._failures:
                run.failed(failure)
            if job.get_status() in (JobStatus.QUEUED, JobStatus.SCHEDULED):
                run.retried()
        if self.is_horse:
            self._telemetry.stop()
        return done

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Remember what a job failed with."""
        self._failures.append(exc_info[1])
        super().handle_exception(job, *exc_info)

    def handle_work_horse_killed(self, job: Job, *details: Any) -> None:
        """Count a run whose process was killed, by the system or for holding out against its timeout."""
        headers = (job.meta or {}).get(META)
        run = self._telemetry.jobs.run(job.origin, job.func_name or "", job_id=job.id, headers=headers)
        run.lost(
            WorkHorseKilled(f"the process of job {job.id} was killed"),
            time.time() - (_seconds(job.started_at) or time.time()),
        )
        super().handle_work_horse_killed(job, *details)  # type: ignore[no-untyped-call] # RQ leaves it untyped

    def _depths(self) -> Mapping[str, Depth]:
        return {queue.name: _depth(queue) for queue in self.queues}


class ObservedWorker(_Observed, Worker):
    """RQ's worker, observed: `rq worker --worker-class watchkeeper.adapters.rq.ObservedWorker`."""


class ObservedSimpleWorker(_Observed, SimpleWorker):
    """RQ's worker that does not fork, observed."""


def _depth(queue: Queue) -> Depth:
    first = next(iter(queue.get_jobs(0, 1)), None)
    since = _seconds(first.enqueued_at) if first is not None else None
    oldest = 0.0 if since is None else max(time.time() - since, 0.0)
    return Depth(queue.count, queue.scheduled_job_registry.count, oldest)


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
