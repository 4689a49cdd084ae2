"""What tells the team that a promise will be broken before the month is over, and what proves that it does?"""

import math
from functools import partial

from alerts.promises import RUNBOOK, Levels, said, template
from obs.alerting import Alert, Case, PanelRef, Severity, clears, silent, tickets
from obs.alerting.slo import TICKET_WINDOWS, Slo, availability, latency
from obs.query import promql
from obs.stack import Stack
from watchkeeper.contract.labels import SLO


def availability_slow_burn(stack: Stack) -> Alert:
    """The budget of failures is spent before the month is, too slowly to wake anyone."""
    slo = availability(stack)
    description = "{value} of requests fail, day after day."
    return Alert(
        name="ApiAvailabilityBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its {100 * slo.objective:g}% availability promise before the month is over.",
        description=template(description),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Burn rate, 1 h"),
        slo=slo.name,
        cases=_ticket_cases(slo, Levels.of(slo, hot=5.1, warm=2.2, spike=5), description),
    )


def latency_slow_burn(stack: Stack) -> Alert:
    """The budget of slow requests is spent before the month is, too slowly to wake anyone."""
    slo = latency(stack)
    description = "{value} of requests take longer than promised, day after day."
    return Alert(
        name="ApiLatencyBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its promise of {stack.slo.latency.threshold_seconds:g} s before the month ends.",
        description=template(description),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests answered in time, 1 h"),
        slo=slo.name,
        cases=_ticket_cases(slo, Levels.of(slo, hot=5.1, warm=2.2, spike=5), description),
    )


def _ticket_cases(slo: Slo, levels: Levels, description: str) -> tuple[Case, ...]:
    """Return histories of the recorded rates, a sample every five minutes: a day is 288, three are 864."""
    hot, warm, where = levels.hot, levels.warm, (slo.where, SLO.eq(slo.name))
    rates = partial(_rates, slo, levels.traffic / 60)
    fast, steady = (window.factor(slo.days) * slo.budget for window in TICKET_WINDOWS)
    # Traffic of which each window holds four times the bad events that count
    counting = [4 * window.events * slo.least for window in TICKET_WINDOWS]
    in_a_day = partial(_rates, slo, counting[0] / (hot * 24 * 3600))
    in_three = partial(_rates, slo, counting[1] / (warm * 72 * 3600))
    return (
        tickets(
            "a quiet day burns hot after two busy clean ones",
            at="72h",
            by=f"{2895 + 5 * int(2880 * fast / (hot + 9 * fast))}m",
            every="5m",
            series=rates("10x575 1x300", f"0x575 {hot}x300"),
            where=where,
            says=said(description, hot),
        ),
        tickets(
            "three days burn warm",
            at="72h",
            by="15m",
            every="5m",
            series=rates("1x870", f"{warm}x870"),
            where=where,
            says=said(description, warm),
        ),
        tickets(
            "few come on a day that burns hot after two busy clean ones",
            at="72h",
            by=f"{2895 + 5 * int(2880 * fast / (hot + 9 * fast))}m",
            every="5m",
            series=in_a_day("10x575 1x300", f"0x575 {hot}x300"),
            where=where,
            says=said(description, hot),
        ),
        tickets(
            "few come on three days that burn warm",
            at="72h",
            by="15m",
            every="5m",
            series=in_three("1x870", f"{warm}x870"),
            where=where,
            says=said(description, warm),
        ),
        silent(
            "an afternoon burns",
            every="5m",
            series=rates("1x970", f"0x863 {levels.spike}x35 0x70"),
        ),
        silent("hardly anyone comes", every="5m", series=rates(*[f"{0.005 * slo.budget}x870"] * 2)),
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


ALERTS = (availability_slow_burn, latency_slow_burn)
