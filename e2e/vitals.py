"""Do the web vitals that pages report appear in Prometheus, each once?"""

import requests

from e2e import browser
from e2e.report import Report
from e2e.running import Running
from e2e.traffic import vitals
from obs.programs.processes import ProcessError
from obs.programs.waiting import NeverHappenedError, until
from obs.query.promql import select, total
from watchkeeper.contract.labels import JOB, PAGE
from watchkeeper.vitals.reports import METRICS

PART = "web vitals"
PATIENCE_SECONDS = 30
VIEWS = 5
ROOM = "/rooms/{room}"
"""The template of a page that the steady traffic does not report on."""


def check(run: Running, report: Report) -> None:
    """Report page views by hand, one of them twice, and one with a browser; find each counted once."""
    for words, missing, act in (
        ("sent by hand", "", _by_hand),
        ("sent by Chromium", run.programs.lacks("chromium", "npm"), _by_chromium),
    ):
        lacking = [reason for reason in (run.programs.lacks("prometheus"), missing) if reason]
        if lacking:
            report.not_run(PART, words, "; ".join(lacking))
            continue
        report.step(f"waiting for web vitals {words}")
        try:
            report.passed(PART, words, act(run))
        except (NeverHappenedError, ProcessError, requests.RequestException) as error:
            report.failed(PART, words, str(error))


def _by_hand(run: Running) -> str:
    views = [vitals(f"/rooms/{number}") for number in range(VIEWS)]
    for view in [*views, views[0]]:
        # What navigator.sendBeacon sends: a text, whatever is in it.
        headers = {"content-type": "text/plain;charset=UTF-8"}
        requests.post(f"{run.api}/api/ux/vitals", json=view, headers=headers, timeout=10).raise_for_status()
    expected = dict.fromkeys(METRICS, VIEWS)
    until(f"{VIEWS} reports of each", lambda: _counts(run) == expected, within=PATIENCE_SECONDS)
    return f"{VIEWS} page views, one sent twice: {VIEWS} each of {', '.join(METRICS)}"


def _by_chromium(run: Running) -> str:
    browser.install(run.root, run.here.folder, run.programs)
    before = _counts(run)
    expected = {name: count + (name in browser.MEASURED) for name, count in before.items()}
    with browser.visit(f"{run.api}/rooms/7", run.programs):
        until("the browser's reports", lambda: _counts(run) == expected, within=PATIENCE_SECONDS)
    return f"one page view: one each of {', '.join(browser.MEASURED)}"


def _counts(run: Running) -> dict[str, float]:
    """Return how many reports of each vital Prometheus knows for the room's page."""
    where = (JOB.eq(run.stack.targets.api.job), PAGE.eq(ROOM))
    return {name: run.prometheus.value(total(select(metric.count, *where))) for name, metric in METRICS.items()}
