"""Jobs are counted however they end, and queues however full they are."""

import asyncio
import json
import threading
import time

import pytest

from tests.watchkeeper.serving import samples
from watchkeeper import Telemetry
from watchkeeper.counts.exposition import expose
from watchkeeper.jobs.jobs import MAX_ERRORS, Depth, Watch
from watchkeeper.scrape import gather

MAIL = '{queue="mail"}'


@pytest.fixture
def telemetry() -> Telemetry:
    """Return what a job runner starts with, counting in memory."""
    return Telemetry.read(service="chat")


def counted(telemetry: Telemetry, name: str) -> dict[str, float]:
    """Return the samples of one metric."""
    return samples(expose(gather(telemetry.recorder).families).decode(), name)


def test_a_run_is_counted_and_timed(telemetry: Telemetry) -> None:
    """A run counts once, with how long it waited and took."""
    with telemetry.jobs.run("mail", due=time.time() - 20):
        assert counted(telemetry, "jobs_active") == {MAIL: 1}

    assert counted(telemetry, "jobs_processed_total") == {MAIL: 1}
    assert counted(telemetry, "jobs_active") == {MAIL: 0}
    assert 20 <= counted(telemetry, "jobs_queue_latency_seconds_sum")[MAIL] < 30
    assert counted(telemetry, "jobs_run_duration_seconds_count") == {MAIL: 1}
    assert counted(telemetry, "jobs_failed_total") == {}


def test_an_exception_counts_by_class_and_passes_on(telemetry: Telemetry) -> None:
    """A failed run is processed and failed; the gauge returns to zero."""
    with pytest.raises(KeyError), telemetry.jobs.run("mail"):
        raise KeyError("x")

    assert counted(telemetry, "jobs_processed_total") == {MAIL: 1}
    assert counted(telemetry, "jobs_failed_total") == {'{error="KeyError",queue="mail"}': 1}
    assert counted(telemetry, "jobs_active") == {MAIL: 0}


async def test_cancellation_counts_as_failure(telemetry: Telemetry) -> None:
    """A job that was cut off did not do what it should."""

    async def job() -> None:
        with telemetry.jobs.run("mail"):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(job())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert counted(telemetry, "jobs_failed_total") == {'{error="CancelledError",queue="mail"}': 1}


async def test_functions_plain_and_async_can_be_decorated(telemetry: Telemetry) -> None:
    """A decorated function keeps its name, arguments and result."""

    @telemetry.jobs.job("mail")
    def plain(number: int) -> int:
        return number + 1

    @telemetry.jobs.job("mail")
    async def later(number: int) -> int:
        return number + 2

    assert (plain.__name__, plain(1), await later(1)) == ("plain", 2, 3)
    assert counted(telemetry, "jobs_processed_total") == {MAIL: 2}


def test_classes_of_exceptions_are_bounded(telemetry: Telemetry) -> None:
    """An application that invents exception classes adds a bounded number of series."""
    for number in range(MAX_ERRORS + 20):
        with pytest.raises(Exception, match="x"), telemetry.jobs.run("mail"):
            raise type(f"Error{number}", (Exception,), {})("x")

    failed = counted(telemetry, "jobs_failed_total")
    assert len(failed) == MAX_ERRORS + 1
    assert failed['{error="other",queue="mail"}'] == 20


def test_a_run_leaves_one_line_with_its_trace(telemetry: Telemetry, capsys: pytest.CaptureFixture[str]) -> None:
    """The line names queue, job, outcome and times, under the trace the job was enqueued in."""
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with telemetry.jobs.run("mail", "welcome", job_id="7", headers=headers) as run:
        run.failed(ValueError("token=s3cr3t"))
        run.retried()

    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["queue"], line["job"], line["job_id"], line["outcome"]) == (
        "warning", "mail", "welcome", "7", "retried",
    )  # fmt: skip
    assert (line["trace_id"], line["exception_message"]) == ("a" * 32, "token=[redacted]")
    assert counted(telemetry, "jobs_retried_total") == {MAIL: 1}


def test_a_watched_queue_is_measured(telemetry: Telemetry, capsys: pytest.CaptureFixture[str]) -> None:
    """What the broker tells is shown; while it is out of reach the last measurement stays, and one line says so."""
    measured = threading.Semaphore(0)
    answers = iter([{"mail": Depth(waiting=3, delayed=2, oldest_waiting_seconds=1.5)}])

    def measure() -> dict[str, Depth]:
        measured.release()
        try:
            return next(answers)
        except StopIteration:
            raise ConnectionError("broker is away") from None

    watch = Watch(telemetry.jobs, measure, every=0.01)
    watch.start()
    for _ in range(5):
        assert measured.acquire(timeout=5)
    watch.stop()

    assert counted(telemetry, "jobs_waiting") == {MAIL: 3}
    assert counted(telemetry, "jobs_delayed") == {MAIL: 2}
    assert counted(telemetry, "jobs_oldest_waiting_seconds") == {MAIL: 1.5}
    assert capsys.readouterr().out.count("queues cannot be measured: ConnectionError: broker is away") == 1


def test_what_a_broker_does_not_tell_is_not_shown(telemetry: Telemetry) -> None:
    """An unknown depth is no zero."""
    telemetry.jobs.measured("mail", Depth(waiting=3))

    assert counted(telemetry, "jobs_delayed") == {}
