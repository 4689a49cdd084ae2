"""Which alerts fired between two moments, and what did it cost in error budget?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from obs.alerting.recording import WINDOW
from obs.alerting.slo import Slo
from obs.durations import seconds
from obs.query import promql
from obs.stack import Stack
from watchkeeper.contract.labels import ALERTNAME, ALERTSTATE, SERVICE, SEVERITY
from watchkeeper.contract.scraping import ALERTS

POINTS = 10_000
"""Prometheus refuses more than 11,000 points a series: https://prometheus.io/docs/prometheus/latest/querying/api/."""

SHORTEST_STEP = timedelta(seconds=30)
PATIENCE_SECONDS = 30

RECORDED = timedelta(seconds=seconds(WINDOW))
"""How far back a recorded rate looks."""


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
    query = cost(slo, end - start)
    answer = _ask(stack, "query", {"query": query, "time": (end + RECORDED).timestamp()})
    return float(answer[0]["value"][1]) if answer else None


def cost(slo: Slo, lasted: timedelta) -> str:
    """
    Return the share of the budget that went while something ``lasted``, to be asked RECORDED after its end.

    Bad events of the range over the events that may be bad in a window: both are sums of the same recorded rates,
    so their spacing cancels out. A recorded rate tells of the five minutes before it: what failed last is in the rates
    of the five minutes after the end, and without them a five-minute outage would count half.
    """
    span = int((lasted + RECORDED).total_seconds())
    bad = f"sum(sum_over_time({promql.select(slo.bad, slo.where)}[{span}s]))"
    allowed = f"sum(sum_over_time({promql.select(slo.total, slo.where)}[{slo.window}])) * {slo.budget:g}"
    return promql.ratio(bad, allowed)


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
        reason = type(error).__name__
        raise HistoryError(f"{url}: can't be reached ({reason}); set prometheus.url in stack.toml") from error
    return result
