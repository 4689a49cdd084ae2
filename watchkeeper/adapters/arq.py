"""What happens to the jobs of an arq worker? https://arq-docs.helpmanual.io/"""

import asyncio
import inspect
import logging
import math
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from arq.connections import ArqRedis
from arq.constants import default_queue_name, in_progress_key_prefix
from arq.worker import Retry, RetryJob, func

from watchkeeper.jobs.jobs import Depth, Jobs
from watchkeeper.jobs.run import Run
from watchkeeper.process import Telemetry
from watchkeeper.tracing.trace_context import outgoing_headers

Context = dict[Any, Any]
Settings = TypeVar("Settings", bound=type)

TRACE_KEYWORD = "_telemetry_trace"
DEFAULT_TIMEOUT_SECONDS = 300
MEASURE_SECONDS = 5.0
ERRORS = ("CancelledError", "TimeoutError")
"""What a run can fail with whatever its function does."""

MAX_LOOKED_AT = 1000
"""Due jobs looked at for being taken already; arq keeps a job in its queue until it has ended."""


def observe(telemetry: Telemetry) -> Callable[[Settings], Settings]:
    """
    Decorate a `WorkerSettings` class: its functions, cron jobs and queue are observed.

    A job enqueued with `enqueue` belongs to the trace it was enqueued in. `raise Retry(...) from error` counts as
    a failure of the class of `error` that went back on the queue.
    """

    def decorate(settings: Settings) -> Settings:
        queue = getattr(settings, "queue_name", default_queue_name)
        timeout = getattr(settings, "job_timeout", DEFAULT_TIMEOUT_SECONDS)
        observed = _Observed(telemetry, queue, float(getattr(timeout, "total_seconds", lambda: timeout)()))
        for kind in ("functions", "cron_jobs"):
            if jobs := getattr(settings, kind, None):
                setattr(settings, kind, [observed.job(job) for job in jobs])
        settings.on_startup = observed.startup(getattr(settings, "on_startup", None))  # type: ignore[attr-defined] # arq reads it
        settings.on_shutdown = observed.shutdown(getattr(settings, "on_shutdown", None))  # type: ignore[attr-defined] # arq reads it
        return settings

    return decorate


async def enqueue(redis: ArqRedis, function: str, *args: Any, **options: Any) -> Any:
    """Enqueue a job for an observed worker as `redis.enqueue_job` does, and pass the current trace on."""
    if headers := outgoing_headers():
        options[TRACE_KEYWORD] = headers
    return await redis.enqueue_job(function, *args, **options)


async def watch(jobs: Jobs, redis: ArqRedis, queue: str) -> None:
    """
    Measure a queue every few seconds until cancelled, as every worker does of itself.

    Run it in the service that enqueues, too: what a process measured vanishes with it, and with the last worker
    nobody else would know that jobs wait.
    """
    while True:
        try:
            jobs.measured(queue, await depth(redis, queue))
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the process must go on
            jobs.unmeasured(error)
        await asyncio.sleep(MEASURE_SECONDS)


class _Observed:
    """One worker: its hooks, and the wrapping of its jobs."""

    def __init__(self, telemetry: Telemetry, queue: str, timeout: float) -> None:
        self._telemetry = telemetry
        self._queue = queue
        self._timeout = timeout
        self._measuring: asyncio.Task[None] | None = None
        self._aborting: Callable[[], Collection[str]] = tuple

    def job(self, job: Any) -> Any:
        """Return a function or cron job that is counted when it runs."""
        job = job if hasattr(job, "coroutine") else func(job)
        inner, timeout = job.coroutine, self._timeout if job.timeout_s is None else job.timeout_s

        async def observed(began: float, ctx: Context, *args: Any, **kwargs: Any) -> Any:
            headers = kwargs.pop(TRACE_KEYWORD, None)
            due = ctx["score"] / 1000
            run = self._telemetry.jobs.run(self._queue, job.name, due=due, job_id=ctx["job_id"], headers=headers)
            with run:
                try:
                    return await inner(ctx, *args, **kwargs)
                except (Retry, RetryJob) as error:
                    run.failed(error.__cause__ or error)
                    run.retried()
                    raise
                except asyncio.CancelledError:
                    self._note_cancellation(run, ctx["job_id"], timed_out=time.monotonic() - began >= timeout)
                    raise

        def run(ctx: Context, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
            # arq's patience begins as it calls this; the coroutine begins when its neighbours leave the loop alone.
            return observed(time.monotonic(), ctx, *args, **kwargs)

        return replace(job, coroutine=run)

    def _note_cancellation(self, run: Run, job_id: str, *, timed_out: bool) -> None:
        """Note why arq cancelled a job: it ends one that took too long or is aborted, and runs again any other."""
        if timed_out:
            run.failed(TimeoutError("the job took too long"))
        elif job_id not in self._aborting():
            run.retried()

    def startup(self, inner: Any) -> Any:
        """Return what arq calls when the worker starts."""

        async def start(ctx: Context) -> None:
            jobs = self._telemetry.start().jobs
            # Each run has a line of its own; arq would repeat it, with the arguments of the job.
            logging.getLogger("arq.worker").setLevel(logging.WARNING)
            jobs.declare([self._queue], ERRORS)
            jobs.working([self._queue])
            self._aborting = _aborting()
            self._measuring = asyncio.create_task(watch(jobs, ctx["redis"], self._queue))
            if inner is not None:
                await inner(ctx)

        return start

    def shutdown(self, inner: Any) -> Any:
        """Return what arq calls when the worker stops."""

        async def stop(ctx: Context) -> None:
            if inner is not None:
                await inner(ctx)
            if self._measuring is not None:
                self._measuring.cancel()
            self._telemetry.jobs.working([self._queue], live=False)
            await asyncio.to_thread(self._telemetry.stop)

        return stop


def _aborting() -> Callable[[], Collection[str]]:
    """
    Return what tells the jobs that the worker ends because somebody called `Job.abort`.

    arq tells a job nothing but that it is cancelled, and its hooks nothing of the worker: the worker is who runs them.
    """
    task = asyncio.current_task()
    coroutine = task.get_coro() if task is not None else None
    worker = inspect.getcoroutinelocals(coroutine).get("self") if inspect.iscoroutine(coroutine) else None
    return lambda: getattr(worker, "aborting_tasks", ())


async def depth(redis: ArqRedis, queue: str) -> Depth:
    """Return how full an arq queue is now."""
    # arq rounds to the nearest millisecond, so a job enqueued just now may be due a moment ahead of the clock.
    now = math.ceil(time.time() * 1000)
    due = await redis.zrangebyscore(queue, "-inf", now, start=0, num=MAX_LOOKED_AT, withscores=True)
    taken = await redis.mget([in_progress_key_prefix + job_id.decode() for job_id, _ in due]) if due else []
    waiting = [score for (_, score), running in zip(due, taken, strict=True) if running is None]
    total, delayed = await redis.zcount(queue, "-inf", now), await redis.zcount(queue, f"({now}", "+inf")
    oldest = (now - min(waiting)) / 1000 if waiting else 0.0
    return Depth(total - len(due) + len(waiting), delayed, max(oldest, 0.0))
