"""What wakes someone before a promise is broken, and what proves that it does?"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from obs.alerting import Alert, Case, PanelRef, Severity, clears, pages, silent
from obs.alerting.histories import requests, timed
from obs.alerting.slo import PAGE_WINDOWS, Slo, availability, latency
from obs.stack import Stack
from watchkeeper.contract.labels import SLO

RUNBOOK = "api.md"
KEPT = "5m"
"""A rate that swings around a limit is one page, not one a swing."""

OLD = 1e6
"""Where counters begin: one that begins at zero is taken for newborn, and counts less than its first hour."""

FAILED = "{value} of requests failed, far more than the promise allows."
SLOW = "{value} of requests took longer than promised."


@dataclass(frozen=True, slots=True)
class Levels:
    """
    Shares of bad events for histories: ``hot`` trips the first window alone, ``warm`` the second alone.

    All are multiples of the budget, as the limits are, so they hold for every objective; no share is above 1.
    ``traffic`` is the events a minute of which an hour that spends the budget just as fast as allowed holds four times
    the bad events that count.
    """

    hot: float
    warm: float
    spike: float
    traffic: float

    @classmethod
    def of(cls, slo: Slo, *, hot: float, warm: float, spike: float) -> "Levels":
        """Return levels that spend the budget so many times faster than allowed."""
        hot, warm, spike = (min(times * slo.budget, 1.0) for times in (hot, warm, spike))
        return cls(hot, warm, spike, 4 * slo.least / (60 * slo.budget))


History = Callable[[Sequence[tuple[int, float, float]]], dict[str, str]]
"""Draws series from stretches, each so many minutes of so much traffic, as a multiple, with a share of bad events."""


def availability_fast_burn(stack: Stack) -> Alert:
    """A month's budget of failures is gone within days at this rate."""
    slo = availability(stack)
    levels = Levels.of(slo, hot=20, warm=11, spike=50)
    ok, bad = requests(stack, "200"), requests(stack, "500")

    def failing(stretches: Sequence[tuple[int, float, float]]) -> dict[str, str]:
        pairs = [(minutes, levels.traffic * times, share) for minutes, times, share in stretches]
        return {ok: _counter((m, each * (1 - share)) for m, each, share in pairs)} | {
            bad: _counter((m, each * share) for m, each, share in pairs)
        }

    return Alert(
        name="ApiAvailabilityBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS),
        hold="15s",  # a failure counted for the first time is taken for more than it was until the next scrape
        keep_firing_for=KEPT,
        severity=Severity.PAGE,
        summary=f"The API breaks its {100 * slo.objective:g}% availability promise within days at this rate.",
        description=template(FAILED),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Burn rate, 1 h"),
        slo=slo.name,
        cases=(
            silent("half as many requests fail as promised", series=failing([(430, 1, slo.budget / 2)])),
            silent("callers send what they should not", series={requests(stack, "404"): "0+1000x120"}),
            silent("no traffic", series={ok: "100x430", bad: "10x430"}),
            *_page_cases(slo, levels, FAILED, failing),
        ),
    )


def latency_fast_burn(stack: Stack) -> Alert:
    """A month's budget of slow requests is gone within days at this rate."""
    slo = latency(stack)
    levels = Levels.of(slo, hot=20, warm=11, spike=50)

    def slow(stretches: Sequence[tuple[int, float, float]]) -> dict[str, str]:
        pairs = [(minutes, levels.traffic * times, share) for minutes, times, share in stretches]
        within = _counter((m, each * (1 - share)) for m, each, share in pairs)
        return timed(stack, within=within, over=_counter((m, each) for m, each, _ in pairs))

    return Alert(
        name="ApiLatencyBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS),
        hold="15s",
        keep_firing_for=KEPT,
        severity=Severity.PAGE,
        summary=f"The API breaks its promise of {stack.slo.latency.threshold_seconds:g} s within days at this rate.",
        description=template(SLOW),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests answered in time, 1 h"),
        slo=slo.name,
        cases=(
            silent("as many are slow as promised", series=slow([(430, 1, slo.budget)])),
            *_page_cases(slo, levels, SLOW, slow),
        ),
    )


def _page_cases(slo: Slo, levels: Levels, description: str, history: History) -> tuple[Case, ...]:
    """Return histories, a sample a minute: each needs one part of the rule alone."""
    hot, warm, spike, where = levels.hot, levels.warm, levels.spike, (slo.where, SLO.eq(slo.name))
    fast, steady = (window.factor(slo.days) * slo.budget for window in PAGE_WINDOWS)
    few = 0.1 * slo.budget / hot  # 0.4 times the bad events that count, an hour
    counting = [4 * window.events * slo.least for window in PAGE_WINDOWS]  # four times those that count, in each window
    hourly, in_six_hours = counting[0] / (60 * levels.traffic * hot), counting[1] / (360 * levels.traffic * warm)
    return (
        pages(
            "an hour burns hot after a clean morning",
            at="7h",
            by=f"{362 + int(59 * fast / hot)}m",
            series=history([(360, 1, 0), (70, 1, hot)]),
            where=where,
            says=said(description, hot),
        ),
        pages(
            "six hours burn warm",
            at="7h",
            by="2m",
            series=history([(430, 1, warm)]),
            where=where,
            says=said(description, warm),
        ),
        pages(
            "few come in an hour that burns hot",
            at="7h",
            by=f"{362 + int(59 * fast / hot)}m",
            series=history([(360, hourly, 0), (70, hourly, hot)]),
            where=where,
            says=said(description, hot),
        ),
        pages(
            "few come in six hours that burn warm",
            at="7h",
            by="2m",
            series=history([(430, in_six_hours, warm)]),
            where=where,
            says=said(description, warm),
        ),
        silent("ten minutes burn", series=history([(360, 1, 0), (10, 1, spike), (120, 1, 0)])),
        silent("forty minutes burn warm", series=history([(360, 1, 0), (40, 1, warm), (120, 1, 0)])),
        silent("hardly anyone comes, and it burns hot", series=history([(430, few, hot)])),
        clears(
            "a hot hour is over, and still remembered",
            at=f"{425 + math.ceil(4 * (1 - fast / hot))}m",
            series=history([(360, 1, 0), (60, 1, hot), (60, 1, 0)]),
        ),
        clears(
            "six warm hours are over, still remembered, and a hot minute follows",
            at=f"{425 + math.ceil(4 * (1 - steady / warm))}m",
            series=history([(420, 1, warm), (52, 1, 0), (2, 1, hot), (60, 1, 0)]),
        ),
    )


def _counter(stretches: Iterable[tuple[int, float]]) -> str:
    """Return the samples, one a minute, of a counter that grows by so much a minute, stretch by stretch."""
    level = OLD
    parts = [f"{level:.12g}"]
    for minutes, each in stretches:
        parts.append(f"{level + each:.12g}+{each:.12g}x{minutes - 1}")
        level += minutes * each
    return " ".join(parts)


def _times(sample: str, factor: float) -> str:
    """Return a repeated sample (`0.5x20`) multiplied."""
    value, repeated, count = sample.partition("x")
    return f"{float(value) * factor:.12g}{repeated}{count}"


def template(description: str) -> str:
    """Return a description as the rule has it: ``{value}`` is the share of bad events."""
    return description.replace("{value}", "{{ $value | humanizePercentage }}")


def said(description: str, share: float) -> str:
    """Return the description with ``share`` as `humanizePercentage` writes it."""
    return description.replace("{value}", f"{share * 100:.4g}%")


ALERTS = (availability_fast_burn, latency_fast_burn)
