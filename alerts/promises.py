"""What wakes someone before a promise is broken, and what proves that it does?"""

import math
from dataclasses import dataclass
from functools import partial

from alerts.api import MIN_REQUESTS_PER_SECOND
from obs.alerting.histories import requests, timed
from obs.alerting.model import Alert, Case, PanelRef, Severity, clears, pages, silent, tickets
from obs.alerting.slo import PAGE_WINDOWS, TICKET_WINDOWS, Slo, availability, latency
from obs.query import promql
from obs.stack import Stack
from watchkeeper.contract.labels import SLO

RUNBOOK = "api.md"


@dataclass(frozen=True, slots=True)
class Levels:
    """
    Shares of bad events for histories: ``hot`` trips the first window alone, ``warm`` the second alone.

    All are multiples of the budget, as the limits are, so they hold for every objective; no share is above 1.
    ``traffic`` is the events per second at which ratios count, well above the ``floor`` of the rule.
    """

    hot: float
    warm: float
    spike: float
    traffic: float

    @classmethod
    def of(cls, slo: Slo, floor: float, *, hot: float, warm: float, spike: float) -> "Levels":
        """Return levels that spend the budget so many times faster than allowed."""
        hot, warm, spike = (min(times * slo.budget, 1.0) for times in (hot, warm, spike))
        return cls(hot, warm, spike, 20 * floor)


def availability_fast_burn(stack: Stack) -> Alert:
    """A month's budget of failures is gone within days at this rate."""
    slo, floor = availability(stack), MIN_REQUESTS_PER_SECOND.of(stack)
    levels = Levels.of(slo, floor, hot=20, warm=11, spike=50)
    ok, bad = requests(stack, "200"), requests(stack, "500")
    minute = 12_000 * floor
    description = "{value} of requests failed, far more than the promise allows."

    def failing(share: float) -> dict[str, str]:
        return {ok: f"0+{minute * (1 - share):.12g}x430", bad: f"0+{minute * share:.12g}x430"}

    return Alert(
        name="ApiAvailabilityBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS, floor=floor),
        hold="2m",
        severity=Severity.PAGE,
        summary=f"The API breaks its {100 * slo.objective:g}% availability promise within days at this rate.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Burn rate, 1 h"),
        slo=slo.name,
        cases=(
            pages(
                "twenty times as many requests fail as promised",
                at="70m",
                by="3m",
                series=failing(levels.hot),
                where=(slo.where, SLO.eq(slo.name)),
                says=_said(description, levels.hot),
            ),
            silent("half as many requests fail as promised", series=failing(slo.budget / 2)),
            silent(
                "one error in ten requests at night",
                series={ok: f"0x300 {180 * floor:.12g}x130", bad: f"0x300 {20 * floor:.12g}x130"},
            ),
            silent("no traffic", series={ok: "100x430", bad: "10x430"}),
            *_page_cases(slo, levels, description),
        ),
    )


def availability_slow_burn(stack: Stack) -> Alert:
    """The budget of failures is spent before the month is, too slowly to wake anyone."""
    slo, floor = availability(stack), MIN_REQUESTS_PER_SECOND.of(stack)
    description = "{value} of requests fail, day after day."
    return Alert(
        name="ApiAvailabilityBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS, floor=floor),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its {100 * slo.objective:g}% availability promise before the month is over.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Availability budget left"),
        slo=slo.name,
        cases=_ticket_cases(slo, Levels.of(slo, floor, hot=5.1, warm=2.2, spike=5), description),
    )


def latency_fast_burn(stack: Stack) -> Alert:
    """A month's budget of slow requests is gone within days at this rate."""
    slo, floor = latency(stack), MIN_REQUESTS_PER_SECOND.of(stack)
    levels = Levels.of(slo, floor, hot=20, warm=11, spike=50)
    minute = 12_000 * floor
    description = "{value} of requests took longer than promised."

    def slow(share: float) -> dict[str, str]:
        return timed(stack, within=f"0+{minute * (1 - share):.12g}x430", over=f"0+{minute:.12g}x430")

    return Alert(
        name="ApiLatencyBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS, floor=floor),
        hold="2m",
        severity=Severity.PAGE,
        summary=f"The API breaks its promise of {stack.slo.latency.threshold_seconds:g} s within days at this rate.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests answered in time, 1 h"),
        slo=slo.name,
        cases=(
            pages(
                "twenty times as many requests are slow as promised",
                at="70m",
                by="3m",
                series=slow(levels.hot),
                where=(slo.where, SLO.eq(slo.name)),
                says=_said(description, levels.hot),
            ),
            silent("as many are slow as promised", series=slow(slo.budget)),
            silent(
                "slow requests at night",
                series=timed(stack, within="0x430", over=f"0x300 {180 * floor:.12g}x130"),
            ),
            *_page_cases(slo, levels, description),
        ),
    )


def latency_slow_burn(stack: Stack) -> Alert:
    """The budget of slow requests is spent before the month is, too slowly to wake anyone."""
    slo, floor = latency(stack), MIN_REQUESTS_PER_SECOND.of(stack)
    description = "{value} of requests take longer than promised, day after day."
    return Alert(
        name="ApiLatencyBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS, floor=floor),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its promise of {stack.slo.latency.threshold_seconds:g} s before the month ends.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Latency budget left"),
        slo=slo.name,
        cases=_ticket_cases(slo, Levels.of(slo, floor, hot=5.1, warm=2.2, spike=5), description),
    )


def _page_cases(slo: Slo, levels: Levels, description: str) -> tuple[Case, ...]:
    """Return histories of the recorded rates, a sample a minute: each needs one part of the rule alone."""
    hot, warm, spike, where = levels.hot, levels.warm, levels.spike, (slo.where, SLO.eq(slo.name))
    rates = partial(_rates, slo, levels.traffic)
    fast, steady = (window.factor(slo.days) * slo.budget for window in PAGE_WINDOWS)
    return (
        pages(
            "an hour burns hot after a clean morning",
            at="7h",
            by=f"{362 + int(60 * fast / hot)}m",
            series=rates("1x430", f"0x359 {hot}x70"),
            where=where,
            says=_said(description, hot),
        ),
        pages(
            "six hours burn warm",
            at="7h",
            by="2m",
            series=rates("1x430", f"{warm}x430"),
            where=where,
            says=_said(description, warm),
        ),
        silent("ten minutes burn", series=rates("1x500", f"0x360 {spike}x9 0x120")),
        silent("forty minutes burn warm", series=rates("1x500", f"0x360 {warm}x39 0x120")),
        silent("hardly anyone comes, and everything is bad", series=rates("0.01x430", "0.01x430")),
        clears(
            "a hot hour is over, and still remembered",
            at=f"{420 + math.ceil(5 * (1 - fast / hot))}m",
            series=rates("1x500", f"0x360 {hot}x59 0x60"),
        ),
        clears(
            "six warm hours are over, and still remembered",
            at=f"{420 + math.ceil(30 * (1 - steady / warm))}m",
            series=rates("1x500", f"{warm}x420 0x60"),
        ),
    )


def _ticket_cases(slo: Slo, levels: Levels, description: str) -> tuple[Case, ...]:
    """Return histories of the recorded rates, a sample every five minutes: a day is 288, three are 864."""
    hot, warm, where = levels.hot, levels.warm, (slo.where, SLO.eq(slo.name))
    rates = partial(_rates, slo, levels.traffic)
    fast, steady = (window.factor(slo.days) * slo.budget for window in TICKET_WINDOWS)
    return (
        tickets(
            "a quiet day burns hot after two busy clean ones",
            at="72h",
            by=f"{2895 + 5 * int(2880 * fast / (hot + 9 * fast))}m",
            every="5m",
            series=rates("10x575 1x300", f"0x575 {hot}x300"),
            where=where,
            says=_said(description, hot),
        ),
        tickets(
            "three days burn warm",
            at="72h",
            by="15m",
            every="5m",
            series=rates("1x870", f"{warm}x870"),
            where=where,
            says=_said(description, warm),
        ),
        silent(
            "an afternoon burns",
            every="5m",
            series=rates("1x970", f"0x863 {levels.spike}x35 0x70"),
        ),
        silent("hardly anyone comes", every="5m", series=rates("0.01x870", "0.01x870")),
        clears(
            "a hot day is over, and still remembered",
            at=f"{4320 + 5 * math.ceil(24 * (1 - fast / hot))}m",
            every="5m",
            series=rates("10x575 1x330", f"0x575 {hot}x288 0x40"),
        ),
        clears(
            "three warm days are over, and still remembered",
            at=f"{4320 + 5 * math.ceil(72 * (1 - steady / warm))}m",
            every="5m",
            series=rates("1x960", f"{warm}x864 0x90"),
        ),
    )


def _rates(slo: Slo, traffic: float, total: str, bad: str) -> dict[str, str]:
    """Return the recorded rates of a history, whose samples are multiples of ``traffic``."""
    drawn = (" ".join(_times(sample, traffic) for sample in one.split()) for one in (total, bad))
    return dict(zip((promql.select(slo.total, slo.where), promql.select(slo.bad, slo.where)), drawn, strict=True))


def _times(sample: str, factor: float) -> str:
    """Return a repeated sample (`0.5x20`) multiplied."""
    value, repeated, count = sample.partition("x")
    return f"{float(value) * factor:.12g}{repeated}{count}"


def _template(description: str) -> str:
    return description.replace("{value}", "{{ $value | humanizePercentage }}")


def _said(description: str, share: float) -> str:
    """Return the description with ``share`` as `humanizePercentage` writes it."""
    return description.replace("{value}", f"{share * 100:.4g}%")


ALERTS = (availability_fast_burn, availability_slow_burn, latency_fast_burn, latency_slow_burn)
