"""Which alerts fired between two moments, and what did it cost in error budget?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from obs.alerting.recording import FAILED_REQUEST_RATE
from obs.alerting.slo import Slo
from obs.programs.ask import innermost
from obs.query import promql
from obs.stack import Stack
from obs.stack.names import speaking
from watchkeeper.contract.labels import ALERTNAME, ALERTSTATE, SERVICE, SEVERITY, STATUS
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS
from watchkeeper.contract.scraping import ALERTS

POINTS = 10_000
"""Prometheus refuses more than 11,000 points a series: https://prometheus.io/docs/prometheus/latest/querying/api/."""

SHORTEST_STEP = timedelta(seconds=30)
PATIENCE_SECONDS = 30

STEP_SECONDS = 60
"""How densely a recorded rate is read: it is a rate per second, so that its sum over steps is the number of events."""


class HistoryError(Exception):
    """Prometheus can't be asked, or does not answer as it should; the message says where and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """One stretch of time in which an alert fired. ``end`` is None when it still did at the end of the range."""

    start: datetime
    end: datetime | None
    alert: str
    severity: str


def episodes(stack: Stack, start: datetime, end: datetime) -> list[Episode]:
    """Return when which alerts of the service fired, by start; raise HistoryError."""
    step = max(SHORTEST_STEP, (end - start) / POINTS)
    firing = promql.select(ALERTS, ALERTSTATE.eq("firing"), SERVICE.eq(stack.service.name))
    query = promql.aggregate("max", firing, by=(ALERTNAME, SEVERITY))
    moments = {"start": start.timestamp(), "end": end.timestamp(), "step": step.total_seconds()}
    found: list[Episode] = []
    for series in _ask(stack, "query_range", {"query": query, **moments}):
        labels = series["metric"]
        times = [datetime.fromtimestamp(float(at), UTC) for at, _ in series["values"]]
        for first, last in _stretches(times, step):
            over = None if last + step > end else last
            found.append(Episode(first, over, labels[ALERTNAME.name], labels.get(SEVERITY.name, "")))
    return sorted(found, key=lambda episode: (episode.start, episode.alert))


def spent(stack: Stack, slo: Slo, start: datetime, end: datetime) -> float | None:
    """Return the share of a promise's whole error budget that went between two moments; None without traffic.

    Raises HistoryError.
    """
    answer = _ask(stack, "query", {"query": cost(stack, slo, end - start), "time": end.timestamp()})
    return float(answer[0]["value"][1]) if answer else None


def cost(stack: Stack, slo: Slo, lasted: timedelta) -> str:
    """
    Return the share of the budget that went while something ``lasted``, to be asked at its end.

    Bad events of exactly that time over the events that may be bad in a window. Failures are counted raw: a recorded
    rate tells of the five minutes before it, and would count a short outage by half. All events of a window would be
    too many samples to read raw, and their recorded rate has no edge to lose.
    """
    span = f"{int(lasted.total_seconds())}s"
    with speaking(stack):
        bad = _failed(slo, span) if slo.bad == FAILED_REQUEST_RATE else _slow(stack, slo, span)
    every = f"sum_over_time({promql.select(slo.total, slo.where)}[{slo.window}:{STEP_SECONDS}s])"
    return promql.ratio(f"{bad} or vector(0)", f"sum({every}) * {STEP_SECONDS} * {slo.budget:g}")


def _failed(slo: Slo, span: str) -> str:
    return _grown(promql.select(REQUESTS, slo.where, STATUS.re("5..")), span)


def _slow(stack: Stack, slo: Slo, span: str) -> str:
    edge = promql.le(REQUEST_DURATION, stack.slo.latency.threshold_seconds)
    every, in_time = REQUEST_DURATION.count, REQUEST_DURATION.bucket
    return f"{_grown(promql.select(every, slo.where), span)} - {_grown(promql.select(in_time, slo.where, edge), span)}"


def _grown(counter: str, span: str) -> str:
    """Return how much a counter grew; what was born meanwhile began at 0, which `increase` does not know."""
    return f"sum((max_over_time({counter}[{span}]) unless {counter} offset {span}) or increase({counter}[{span}]))"


def _stretches(times: Iterable[datetime], step: timedelta) -> list[tuple[datetime, datetime]]:
    stretches: list[tuple[datetime, datetime]] = []
    for at in times:
        if stretches and at - stretches[-1][1] <= step * 1.5:
            stretches[-1] = (stretches[-1][0], at)
        else:
            stretches.append((at, at))
    return stretches


def _ask(stack: Stack, verb: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    url = f"{stack.prometheus.url.rstrip('/')}/api/v1/{verb}"
    try:
        answer = requests.post(url, data=parameters, timeout=PATIENCE_SECONDS)
        body = answer.json()
        if body.get("status") != "success":
            raise HistoryError(
                f"{url}: Prometheus answered {answer.status_code}: {body.get('error', 'no reason given')}"
            )
        result: list[dict[str, Any]] = body["data"]["result"]
    except requests.exceptions.JSONDecodeError as error:
        raise HistoryError(f"{url}: answered {answer.status_code} without JSON; is prometheus.url right?") from error
    except requests.RequestException as error:
        raise HistoryError(f"{url}: can't be reached ({innermost(error)}); set prometheus.url in stack.toml") from error
    return result
