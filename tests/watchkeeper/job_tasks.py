"""What do the workers of the tests run? One Celery application and the functions of an RQ queue."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Celery

from watchkeeper import Telemetry, outgoing_headers
from watchkeeper.adapters.celery import observe

app: Any = Celery("tasks", broker="filesystem://")


def use_broker(folder: str) -> None:
    """Keep the queue in files: Celery's Redis transport and arq want versions of redis-py that exclude each other."""
    folders = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": f"{folder}/control"}
    app.conf.update(task_default_queue="mail", broker_transport_options=folders, worker_lost_wait=0.5)


if folder := os.environ.get("CELERY_FOLDER"):
    use_broker(folder)
    observe(Telemetry.read(service="chat"))


def _succeed() -> None:
    """Do nothing, well."""


def _fail() -> None:
    """Fail."""
    raise KeyError("x")


def _die() -> None:
    """End as a process does that the system has no memory for."""
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    """Take longer than a task may."""
    time.sleep(60)


def _fail_once(task: Any) -> None:
    """Fail the first time."""
    if task.request.retries == 0:
        raise task.retry(exc=ValueError("not yet"), countdown=0)


succeed = app.task(_succeed)
fail = app.task(_fail)
die = app.task(_die)
hang = app.task(_hang, time_limit=1)
fail_once = app.task(_fail_once, bind=True, max_retries=1)


def work() -> None:
    """Do nothing, well."""


def tell_trace(path: str) -> None:
    """Write down which trace this runs in."""
    Path(path).write_text(outgoing_headers()["traceparent"], encoding="utf-8")


def be_killed() -> None:
    """End as a process does that the system has no memory for."""
    _die()


def break_down() -> None:
    """Fail."""
    raise KeyError("x")
