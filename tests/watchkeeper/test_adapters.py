"""Workers of arq, Celery and RQ are observed through their own hooks, in real processes with a real broker."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from arq import Retry
from arq.connections import RedisSettings, create_pool
from arq.worker import create_worker
from celery import Celery
from rq import Queue
from rq import Retry as RqRetry

from tests.watchkeeper import job_tasks
from tests.watchkeeper.reading import eventually, scrape
from tests.watchkeeper.serving import samples
from watchkeeper import Telemetry
from watchkeeper.adapters import arq as arq_adapter
from watchkeeper.adapters.celery import CeleryObserver
from watchkeeper.adapters.rq import trace_meta
from watchkeeper.recorder import Recorder
from watchkeeper.tracing.trace_context import TraceContext, current

ROOT = Path(__file__).resolve().parents[2]
TRACE = TraceContext("a" * 32, "b" * 16)


def counted(recorder: Recorder, name: str) -> dict[str, float]:
    """Return the samples of a metric over all processes that are not zero, by their labels without the queue."""
    found = samples(scrape(recorder), name)
    return {labels.replace('queue="mail"', "").strip("{,}"): value for labels, value in found.items() if value}


@pytest.fixture
def traced() -> Iterator[None]:
    """Enqueue within a trace."""
    token = current.set(TRACE)
    yield
    current.reset(token)


async def deliver(_: Any, outcome: str) -> str:
    """End as asked, and tell the trace this runs in."""
    if outcome == "fail":
        raise KeyError("x")
    context = current.get()
    return context.trace_id if context else ""


async def fail_once(ctx: Any) -> None:
    """Fail the first time, as a job that retries does."""
    if ctx["job_try"] == 1:
        raise Retry from ValueError("not yet")


async def hang(_: Any) -> None:
    """Take longer than a job may."""
    await asyncio.Event().wait()


def arq_settings(telemetry: Telemetry, url: str) -> type:
    """Return an observed worker that runs what is queued and ends."""

    @arq_adapter.observe(telemetry)
    class WorkerSettings:
        functions = (deliver, fail_once, hang)
        queue_name = "mail"
        redis_settings = RedisSettings.from_dsn(url)
        burst = True
        poll_delay = 0.01
        job_timeout = 0.2
        handle_signals = False
        allow_abort_jobs = True

    return WorkerSettings


@pytest.mark.usefixtures("traced")
@pytest.mark.filterwarnings("ignore:Call to deprecated close")  # arq closes its client the old way
async def test_an_arq_worker_is_observed(redis_url: str, worker: Callable[[], Recorder]) -> None:
    """Successes, failures, retries and timeouts are told apart, and a job runs in the trace it was enqueued in."""
    telemetry = Telemetry.read(redis_url=redis_url, service="chat")
    pool = await create_pool(RedisSettings.from_dsn(redis_url), default_queue_name="mail")
    jobs = [await arq_adapter.enqueue(pool, "deliver", outcome) for outcome in ("ok", "fail")]
    for name in ("fail_once", "hang"):
        await arq_adapter.enqueue(pool, name)
    later = await arq_adapter.enqueue(pool, "deliver", "ok", _defer_by=3600)
    depth = await arq_adapter.depth(pool, "mail")
    await pool.zrem("mail", later.job_id)

    runner = create_worker(arq_settings(telemetry, redis_url))
    await runner.async_run()
    result = await jobs[0].result()
    await runner.close()
    await pool.aclose()

    assert (depth.waiting, depth.delayed) == (4, 1)
    assert result == TRACE.trace_id
    recorder = worker()
    assert counted(recorder, "jobs_processed_total") == {"": 5}
    assert counted(recorder, "jobs_failed_total") == {
        'error="KeyError"': 1,
        'error="TimeoutError"': 1,
        'error="ValueError"': 1,
    }
    assert counted(recorder, "jobs_retried_total") == {"": 1}
    assert counted(recorder, "jobs_queue_latency_seconds_count") == {"": 5}
    assert counted(recorder, "jobs_workers") == {}


async def test_an_arq_job_that_began_late_and_timed_out_is_no_retry(
    redis_url: str, worker: Callable[[], Recorder]
) -> None:
    """A neighbour computes between arq's call and the job's first step: the time it took is not the job's."""
    telemetry = Telemetry.read(redis_url=redis_url, service="chat")
    settings: Any = arq_settings(telemetry, redis_url)
    hanging = next(job for job in settings.functions if job.name == "hang")
    telemetry.start()

    coroutine = hanging.coroutine({"score": 1000 * time.time(), "job_id": "1"})
    asyncio.get_running_loop().call_soon(time.sleep, 0.1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.create_task(coroutine), settings.job_timeout)
    telemetry.stop()

    assert counted(worker(), "jobs_failed_total") == {'error="TimeoutError"': 1}
    assert counted(worker(), "jobs_retried_total") == {}


@pytest.mark.filterwarnings("ignore:Call to deprecated close")  # arq closes its client the old way
async def test_an_aborted_arq_job_is_not_counted_as_retried(redis_url: str, worker: Callable[[], Recorder]) -> None:
    """A job that somebody aborts has ended for good; every class that arq itself ends jobs with is there from zero."""
    settings: Any = arq_settings(Telemetry.read(redis_url=redis_url, service="chat"), redis_url)
    settings.job_timeout = 60
    pool = await create_pool(RedisSettings.from_dsn(redis_url), default_queue_name="mail")
    job = await arq_adapter.enqueue(pool, "hang")
    runner = create_worker(settings)
    running = asyncio.create_task(runner.async_run())
    await asyncio.to_thread(eventually, lambda: runner.job_tasks)
    at_first = samples(scrape(worker()), "jobs_failed_total")
    await job.abort(poll_delay=0.01)
    await running
    await runner.close()
    await pool.aclose()

    recorder = worker()
    assert at_first.get('{error="CancelledError",queue="mail"}', 0) == 0
    assert counted(recorder, "jobs_processed_total") == {"": 1}
    assert counted(recorder, "jobs_failed_total") == {'error="CancelledError"': 1}
    assert counted(recorder, "jobs_retried_total") == {}


def test_an_empty_celery_queue_in_redis_holds_nothing(
    redis_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis has no list that is empty: that is a length of 0, not a queue that cannot be measured."""
    monkeypatch.setattr(redis, "VERSION", (6, 1, 0))  # arq wants an older one; what is asked here works with both
    telemetry = Telemetry.read(service="chat", logs=False)
    app = Celery("tasks", broker=redis_url)
    app.conf.task_default_queue = "mail"
    observer = CeleryObserver(telemetry)
    observer.worker_began(SimpleNamespace(app=app))
    eventually(lambda: caplog.messages or samples(scrape(telemetry.recorder), "jobs_waiting"))
    observer.worker_ended()

    assert caplog.messages == []
    assert samples(scrape(telemetry.recorder), "jobs_waiting") == {'{queue="mail"}': 0}


@contextmanager
def celery_worker(url: str, folder: Path, log: Path) -> Iterator[None]:
    """Run a Celery worker that forks."""
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tests.watchkeeper.job_tasks",
        "worker",
        "-P",
        "prefork",
        "-c",
        "1",
    ]
    environment = {**os.environ, "REDIS_URL": url, "CELERY_FOLDER": str(folder), "ENVIRONMENT": "test"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def test_a_celery_worker_is_observed(redis_url: str, worker: Callable[[], Recorder], tmp_path: Path) -> None:
    """Tasks in forked processes are counted however these end, and the queue is measured by the main process."""
    recorder = worker()
    folder = tmp_path / "queue"
    folder.mkdir()
    job_tasks.use_broker(str(folder))
    for task in (job_tasks.succeed, job_tasks.fail, job_tasks.fail_once, job_tasks.hang):
        task.apply_async(headers={"traceparent": TRACE.traceparent, "telemetry_sent_at": time.time() - 30})
    with celery_worker(redis_url, folder, tmp_path / "log"):
        eventually(lambda: counted(recorder, "jobs_processed_total") == {"": 5}, seconds=60)
        job_tasks.die.apply_async()  # last, for it takes with it what its process has not delivered yet
        eventually(lambda: counted(recorder, "jobs_processed_total") == {"": 6}, seconds=60)
        eventually(lambda: counted(recorder, "jobs_workers") == {"": 1}, seconds=40)

    log = (tmp_path / "log").read_text()
    assert counted(recorder, "jobs_failed_total") == {
        'error="KeyError"': 1,
        'error="TimeLimitExceeded"': 1,
        'error="ValueError"': 1,
        'error="WorkerLostError"': 1,
    }
    assert counted(recorder, "jobs_run_duration_seconds_sum")[""] > 1
    assert counted(recorder, "jobs_retried_total") == {"": 1}
    assert counted(recorder, "jobs_queue_latency_seconds_sum")[""] > 60
    eventually(lambda: counted(recorder, "jobs_workers") == {}, seconds=40)
    assert log.count(f'"trace_id":"{TRACE.trace_id}"') >= 3


@pytest.mark.usefixtures("traced")
def test_an_rq_worker_is_observed(redis_url: str, worker: Callable[[], Recorder], tmp_path: Path) -> None:
    """Jobs in forked processes are counted however these end, and run in the trace they were enqueued in."""
    seen = tmp_path / "trace"
    queue = Queue("mail", connection=redis.Redis.from_url(redis_url))
    queue.enqueue(job_tasks.tell_trace, str(seen), meta=trace_meta())
    queue.enqueue(job_tasks.break_down)
    queue.enqueue(job_tasks.be_killed)
    queue.enqueue(job_tasks.break_down, retry=RqRetry(max=1))
    command = [sys.executable, "-m", "rq.cli", "worker", "--burst", "-u", redis_url, "mail"]
    command += ["--worker-class", "watchkeeper.adapters.rq.ObservedWorker", "--path", str(ROOT)]
    environment = {**os.environ, "REDIS_URL": redis_url, "OTEL_SERVICE_NAME": "chat"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)

    recorder = worker()
    assert done.returncode == 0, done.stdout + done.stderr
    assert counted(recorder, "jobs_processed_total") == {"": 5}
    assert counted(recorder, "jobs_failed_total") == {'error="KeyError"': 3, 'error="WorkHorseKilled"': 1}
    assert counted(recorder, "jobs_retried_total") == {"": 1}
    # How long the job waited whose process was killed is known only if its process told of it in time.
    assert counted(recorder, "jobs_queue_latency_seconds_count")[""] in (4, 5)
    assert counted(recorder, "jobs_workers") == {}
    assert seen.read_text().split("-")[1] == TRACE.trace_id
