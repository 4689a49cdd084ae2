"""Do the web vitals that pages report appear in Prometheus, each once?"""

import requests

from e2e.report import Report
from e2e.running import Running
from e2e.traffic import vitals
from e2e.waiting import NeverHappenedError, until
from telemetry.labels import JOB, PAGE
from telemetry.metrics import Metric
from telemetry.promql import select, total
from telemetry.vitals import METRICS

PART = "web vitals"
PATIENCE_SECONDS = 30
VIEWS = 5
ROOM = "/rooms/{room}"
"""The template of a page that the steady traffic does not report on."""


def check(run: Running, report: Report) -> None:
    """Report page views as browsers do, one of them twice, and find each counted once."""
    if missing := run.programs.lacks("prometheus"):
        report.not_run(PART, "reported and counted", missing)
        return
    report.step("waiting for web vitals to be counted")
    try:
        report.passed(PART, "reported and counted", _reported(run))
    except (NeverHappenedError, requests.RequestException) as error:
        report.failed(PART, "reported and counted", str(error))


def _reported(run: Running) -> str:
    views = [vitals(f"/rooms/{number}") for number in range(VIEWS)]
    for view in [*views, views[0]]:
        # What navigator.sendBeacon sends: a text, whatever is in it.
        headers = {"content-type": "text/plain;charset=UTF-8"}
        requests.post(f"{run.api}/api/ux/vitals", json=view, headers=headers, timeout=10).raise_for_status()
    for name, metric in METRICS.items():
        until(f"{VIEWS} reports of {name}", lambda metric=metric: _count(run, metric) == VIEWS, within=PATIENCE_SECONDS)
    return f"{VIEWS} page views, one sent twice: {VIEWS} each of {', '.join(METRICS)}"


def _count(run: Running, metric: Metric) -> float:
    return run.prometheus.value(total(select(metric.count, JOB.eq(run.stack.targets.api.job), PAGE.eq(ROOM))))
