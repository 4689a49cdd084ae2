"""Does one request's `x-trace-id` lead to its trace, its log lines and its exemplar?"""

import time
from collections.abc import Callable

import requests

from e2e.questions import fill
from e2e.report import Report
from e2e.running import Running
from obs.programs.waiting import NeverHappenedError, until
from obs.query import logql
from watchkeeper.contract.metrics import REQUEST_DURATION

PART = "one request"
PATIENCE_SECONDS = 30
ROOM = "traced"


def check(run: Running, report: Report) -> str:
    """Send one request whose work goes on in a job, follow its id everywhere, and return the id."""
    started = time.time()
    with run.traffic.paused():
        draft = {"user": "e2e", "text": "where does this go?"}
        answer = requests.post(f"{run.api}/v1/rooms/{ROOM}/messages", json=draft, timeout=10)
        trace_id = answer.headers.get("x-trace-id", "")
        if not trace_id:
            report.failed(PART, "x-trace-id", f"the answer {answer.status_code} has no such header")
            return ""
        report.passed(PART, "x-trace-id", trace_id)
        _find(
            report,
            "exemplar in Prometheus",
            run.programs.lacks("prometheus"),
            lambda: _exemplar(run, trace_id, started),
        )
    _find(report, "trace in Jaeger", run.programs.lacks("jaeger"), lambda: _trace(run, trace_id))
    _find(report, "log lines in Loki", run.programs.lacks("loki", "promtail"), lambda: _lines(run, trace_id, started))
    return trace_id


def _find(report: Report, what: str, missing: str, look: Callable[[], str]) -> None:
    if missing:
        report.not_run(PART, what, missing)
        return
    report.step(f"waiting for the {what}")
    try:
        report.passed(PART, what, until(f"the {what}", look, within=PATIENCE_SECONDS))
    except NeverHappenedError as error:
        report.failed(PART, what, str(error))


def _trace(run: Running, trace_id: str) -> str:
    """Return the names of the trace's spans once the request's and the job's are there."""
    names = sorted({span["operationName"] for span in run.jaeger.spans(trace_id)})
    return f"{len(names)} spans: {', '.join(names)}" if len(names) > 1 else ""


def _lines(run: Running, trace_id: str, started: float) -> str:
    """Return which containers wrote lines, by the saved question that a runbook asks, once both have."""
    saved = next(query for query in logql.queries(run.stack) if query.name == "trace")
    streams = run.loki.range(fill(saved.expr, {"trace_id": trace_id}), started, "1s")
    containers = sorted({stream["stream"][logql.CONTAINER] for stream in streams})
    lines = sum(len(stream["values"]) for stream in streams)
    return f"{lines} lines of {' and '.join(containers)}" if len(containers) > 1 else ""


def _exemplar(run: Running, trace_id: str, started: float) -> str:
    found = run.prometheus.exemplars(REQUEST_DURATION.bucket.name, started)
    return f"on {REQUEST_DURATION.bucket.name}" if {"trace_id": trace_id} in found else ""
