"""What is kept when a part is away for a while: counts, log lines, pages?"""

import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import requests

from e2e import scaling
from e2e.alarms import fires, quiet, told
from e2e.faults import start_redis
from e2e.questions import fill
from e2e.report import Report
from e2e.running import READY, Running
from obs import durations
from obs.alerting import rules
from obs.programs.waiting import NeverHappenedError, until
from obs.query import logql
from obs.query.promql import select, total
from obs.stack import Stack
from watchkeeper.contract.labels import JOB, ROUTE
from watchkeeper.contract.metrics import REQUESTS

PART = "endurance"
PATIENCE_SECONDS = 60
EXACT_REQUESTS = 100
SKEW = timedelta(minutes=2)
ALERT = "RedisExporterDown"
UNAVAILABLE = 503
REFUSALS = 2
DEADMAN_INTERVALS = 3
MEASURED_INTERVALS = 8
FED_TOLERANCE = 0.25
"""Share of its interval by which the median may be off: a switch fed every other time is off by a whole one."""

Check = Callable[[Running, Report], str]
"""Does something to the stack and returns what was kept, in words; raises NeverHappenedError when it is not."""


def check(run: Running, report: Report) -> None:
    """Take parts away and bring them back, one after the other, and report what was kept."""
    for words, needs, act in CHECKS:
        missing = run.programs.lacks(*needs)
        if missing:
            report.not_run(PART, words, missing)
            continue
        report.step(words)
        try:
            report.passed(PART, words, act(run, report))
        except (NeverHappenedError, requests.RequestException) as error:
            report.failed(PART, words, str(error))


def redis_gone(run: Running, report: Report) -> str:
    """Send requests while Redis is away: all are answered, scrapes say why not, and counts are exact afterwards."""
    metrics = f"{run.api}{run.stack.targets.api.path}"
    job = JOB.eq(run.stack.targets.api.job)
    counted = total(select(REQUESTS, job, ROUTE.eq("/v1/users/{user_id}")))
    with run.traffic.paused(), requests.Session() as session:
        before = _settled(run, counted)
        run.processes["redis"].kill()
        try:
            slowest = max(_answered(session, run.api) for _ in range(EXACT_REQUESTS))
            until("a scrape answered 503", lambda: _status(metrics) == UNAVAILABLE, within=PATIENCE_SECONDS)
        finally:
            start_redis(run)
        report.step(f"waiting for {EXACT_REQUESTS} requests to be counted")
        until("a higher count", lambda: run.prometheus.value(counted) > before, within=PATIENCE_SECONDS)
        kept = _settled(run, counted) - before
    if kept != EXACT_REQUESTS:
        raise NeverHappenedError(f"{EXACT_REQUESTS} requests were counted as {kept:g}")
    return f"{EXACT_REQUESTS} of {EXACT_REQUESTS} requests counted, the slowest answered in {slowest * 1000:.0f} ms"


def loki_gone(run: Running, report: Report) -> str:
    """Let the API write a line while Loki refuses connections: it is found once Loki is back."""
    started = time.time()
    run.processes["loki"].kill()
    try:
        answer = requests.get(f"{run.api}/v1/users/1", timeout=10)
    finally:
        run.processes["loki"].start()
    report.step("waiting for Loki, and for the line written while it was away")
    run.processes["loki"].ready(run.here.url("loki") + READY["loki"])
    trace_id = answer.headers["x-trace-id"]
    asked = _by_trace(run, trace_id)
    until("the line in Loki", lambda: run.loki.range(asked, started, "1s"), within=PATIENCE_SECONDS)
    return f"the line of trace {trace_id} arrived after Loki came back"


def clocks_apart(run: Running, report: Report) -> str:
    """Write lines whose clock is two minutes early and late: both are found, at the time they claim."""
    del report
    now, found = datetime.now(UTC), []
    for offset in (-SKEW, SKEW):
        claimed, mark = now + offset, uuid.uuid4().hex
        line = {"timestamp": claimed.isoformat(), "level": "info", "message": mark, "service": run.stack.service.name}
        run.containers["api"].write(json.dumps(line).encode() + b"\n")
        _found_at(run, mark, claimed.timestamp())
        found.append(f"{offset.total_seconds():+g} s")
    return f"lines written {' and '.join(found)} from now are found at the time they claim"


def told_once(run: Running, report: Report) -> str:
    """Refuse the webhook's first calls and crash Prometheus while an alert fires: it is still told once, and ended."""
    quiet(run)
    broken = time.monotonic()
    refused = run.sink.refused
    with _refusing(run):
        run.processes["redis_exporter"].kill()
        report.step("waiting for the webhook to be refused")
        until("a refused notification", lambda: run.sink.refused >= refused + REFUSALS, within=PATIENCE_SECONDS)
    until(ALERT, lambda: told(run, broken, ALERT, firing=True), within=PATIENCE_SECONDS)
    report.step("restarting Prometheus while the alert fires")
    run.processes["prometheus"].kill()
    run.processes["prometheus"].start()
    run.processes["prometheus"].ready(run.here.url("prometheus") + READY["prometheus"])
    # Without a memory of what fired it would be pending for its hold again, which Alertmanager may take for its end.
    hold = durations.seconds(scaling.duration(_hold(run.stack), scaling.SCALE))
    until(f"{ALERT} firing again before its hold of {hold:g} s", lambda: fires(run, ALERT), within=hold * 0.8)
    run.processes["redis_exporter"].start()
    until(f"the end of {ALERT}", lambda: told(run, broken, ALERT, firing=False), within=2 * PATIENCE_SECONDS)
    times = len(told(run, broken, ALERT, firing=True))
    if times != 1:
        raise NeverHappenedError(f"{ALERT} was told {times} times, not once")
    return f"{ALERT} told once, after {run.sink.refused - refused} refusals and a crash of Prometheus, and ended"


def deadman(run: Running, report: Report) -> str:
    """Kill Alertmanager: the dead man's switch is no longer fed, which raises an alarm elsewhere; bring it back."""
    interval = durations.seconds("1m") / scaling.SCALE

    def fed(seconds: float) -> bool:
        return bool(run.sink.heartbeats(time.monotonic() - seconds))

    until("the dead man's switch being fed", lambda: fed(interval), within=PATIENCE_SECONDS)
    run.processes["alertmanager"].kill()
    report.step("waiting for the dead man's switch to fall silent")
    until("silence", lambda: not fed(DEADMAN_INTERVALS * interval), within=PATIENCE_SECONDS)
    run.processes["alertmanager"].start()
    back = time.monotonic()
    report.step(f"measuring {MEASURED_INTERVALS} intervals of the dead man's switch")
    enough = MEASURED_INTERVALS + 1
    until("the dead man's switch being fed again", lambda: run.sink.heartbeats(back)[enough:], within=PATIENCE_SECONDS)
    # The first comes at once when Alertmanager starts, out of step.
    gaps = [later - earlier for earlier, later in pairwise(run.sink.heartbeats(back)[1:])]
    measured = statistics.median(gaps)
    words = f"fed every {measured:.2f} s ({min(gaps):.2f} to {max(gaps):.2f} s over {len(gaps)} intervals)"
    if not 1 - FED_TOLERANCE < measured / interval < 1 + FED_TOLERANCE:
        raise NeverHappenedError(f"{words}, not every {interval:g} s")
    return f"silent for {DEADMAN_INTERVALS} intervals without Alertmanager, {words} with it: a minute is {interval:g} s"


def history_kept(run: Running, report: Report) -> str:
    """Ask for samples from before the crash: they are there."""
    del report
    span = int(time.time() - run.started)
    samples = run.prometheus.value(f'count_over_time(up{{job="{run.stack.targets.api.job}"}}[{span}s])')
    if samples < 0.8 * span:
        raise NeverHappenedError(f"{samples:g} samples are left of {span} s")
    return f"{samples:g} samples of {span} s, a scrape a second"


CHECKS: tuple[tuple[str, tuple[str, ...], Check], ...] = (
    ("Redis away while requests come", ("prometheus",), redis_gone),
    ("Loki away while lines are written", ("loki", "promtail"), loki_gone),
    ("clocks two minutes apart", ("loki", "promtail"), clocks_apart),
    (
        "webhook answers 500, then Prometheus crashes",
        ("prometheus", "alertmanager", "redis_exporter"),
        told_once,
    ),
    ("dead man's switch", ("prometheus", "alertmanager"), deadman),
    ("samples from before the crash", ("prometheus", "alertmanager", "redis_exporter"), history_kept),
)


@contextmanager
def _refusing(run: Running) -> Iterator[None]:
    run.sink.refuse(refusing=True)
    try:
        yield
    finally:
        run.sink.refuse(refusing=False)


def _answered(session: requests.Session, api: str) -> float:
    """Send one request, and return how long its answer took in seconds."""
    answer = session.get(f"{api}/v1/users/1", timeout=10)
    answer.raise_for_status()
    return answer.elapsed.total_seconds()


def _status(url: str) -> int:
    return requests.get(url, timeout=10).status_code


def _settled(run: Running, expr: str) -> float:
    """Return a count once it has stood still for five scrapes: whatever was on its way has arrived."""
    seen = f"({expr})[5s:1s]"
    still = f"changes({seen}) == 0 and count_over_time({seen}) >= 5"
    until("counts to settle", lambda: run.prometheus.instant(still), within=PATIENCE_SECONDS)
    return run.prometheus.value(expr)


def _hold(stack: Stack) -> str:
    return next(alert.hold for group in rules.groups(stack) for alert in group.alerts if alert.name == ALERT)


def _found_at(run: Running, text: str, at: float) -> None:
    """Wait until a line is found within a second of ``at`` (seconds since 1970)."""
    asked = _by_trace(run, text)
    until(f"a line of {text}", lambda: run.loki.range(asked, at - 1, "1s", at + 1), within=PATIENCE_SECONDS)


def _by_trace(run: Running, text: str) -> str:
    """Return the saved question for everything that was written under an id."""
    saved = next(query for query in logql.queries(run.stack) if query.name == "trace")
    return fill(saved.expr, {"trace_id": text})
