"""What wakes someone before a promise is broken, and what proves that it does?"""

from dataclasses import dataclass

from alerts.api import MIN_REQUESTS_PER_SECOND
from obs.alerting.histories import requests, timed
from obs.alerting.model import Alert, Case, PanelRef, Severity, clears, fires, silent
from obs.alerting.slo import PAGE_WINDOWS, TICKET_WINDOWS, Slo, availability, latency
from obs.query import promql
from obs.stack import Stack

RUNBOOK = "api.md"


@dataclass(frozen=True, slots=True)
class Levels:
    """Shares of bad events for histories: ``hot`` trips the first window alone, ``warm`` the second alone."""

    hot: float
    warm: float
    spike: float


def availability_fast_burn(stack: Stack) -> Alert:
    """A month's budget of failures is gone within days at this rate."""
    slo = availability(stack)
    ok, bad = requests(stack, "200"), requests(stack, "500")
    description = "{value} of requests failed, far more than the promise allows."
    return Alert(
        name="ApiAvailabilityBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS, floor=MIN_REQUESTS_PER_SECOND.of(stack)),
        hold="2m",
        severity=Severity.PAGE,
        summary=f"The API breaks its {slo.objective:.2%} availability promise within days at this rate.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Burn rate, 1 h"),
        slo=slo.name,
        cases=(
            fires(
                "one request in twenty fails",
                at="70m",
                series={ok: "0+570x80", bad: "0+30x80"},
                where=(slo.where,),
                says=_said(description, 0.05),
            ),
            silent("one request in two thousand fails", at="7h", series={ok: "0+1999x430", bad: "0+1x430"}),
            silent("one error in ten requests at night", at="7h", series={ok: "0x300 9x130", bad: "0x300 1x130"}),
            silent("no traffic", at="7h", series={ok: "100x430", bad: "10x430"}),
            *_page_cases(slo, Levels(hot=0.02, warm=0.01, spike=0.05), description),
        ),
    )


def availability_slow_burn(stack: Stack) -> Alert:
    """The budget of failures is spent before the month is, too slowly to wake anyone."""
    slo = availability(stack)
    description = "{value} of requests fail, day after day."
    return Alert(
        name="ApiAvailabilityBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS, floor=MIN_REQUESTS_PER_SECOND.of(stack)),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its {slo.objective:.2%} availability promise before the month is over.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Availability budget left"),
        slo=slo.name,
        cases=_ticket_cases(slo, Levels(hot=0.005, warm=0.002, spike=0.005), description),
    )


def latency_fast_burn(stack: Stack) -> Alert:
    """A month's budget of slow requests is gone within days at this rate."""
    slo = latency(stack)
    description = "{value} of requests took longer than promised."
    return Alert(
        name="ApiLatencyBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS, floor=MIN_REQUESTS_PER_SECOND.of(stack)),
        hold="2m",
        severity=Severity.PAGE,
        summary=f"The API breaks its promise of {stack.slo.latency.threshold_seconds:g} s within days at this rate.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests answered in time, 1 h"),
        slo=slo.name,
        cases=(
            fires(
                "nine requests in ten are slow",
                at="70m",
                series=timed(stack, within="0+60x80", over="0+600x80"),
                where=(slo.where,),
                says=_said(description, 0.9),
            ),
            silent("as many are slow as promised", at="7h", series=timed(stack, within="0+570x430", over="0+600x430")),
            silent("slow requests at night", at="7h", series=timed(stack, within="0x430", over="0x300 9x130")),
            *_page_cases(slo, Levels(hot=1.0, warm=0.4, spike=1.0), description),
        ),
    )


def latency_slow_burn(stack: Stack) -> Alert:
    """The budget of slow requests is spent before the month is, too slowly to wake anyone."""
    slo = latency(stack)
    description = "{value} of requests take longer than promised, day after day."
    return Alert(
        name="ApiLatencyBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS, floor=MIN_REQUESTS_PER_SECOND.of(stack)),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its promise of {stack.slo.latency.threshold_seconds:g} s before the month ends.",
        description=_template(description),
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Latency budget left"),
        slo=slo.name,
        cases=_ticket_cases(slo, Levels(hot=0.2, warm=0.1, spike=0.2), description),
    )


def _page_cases(slo: Slo, levels: Levels, description: str) -> tuple[Case, ...]:
    """Return histories of the recorded rates, a sample a minute: each needs one part of the rule alone."""
    hot, warm, spike, where = levels.hot, levels.warm, levels.spike, (slo.where,)
    return (
        fires(
            "an hour burns hot after a clean morning",
            at="7h",
            series=_rates(slo, "1x430", f"0x359 {hot}x70"),
            where=where,
            says=_said(description, hot),
        ),
        fires(
            "six hours burn warm",
            at="7h",
            series=_rates(slo, "1x430", f"{warm}x430"),
            where=where,
            says=_said(description, warm),
        ),
        silent("ten minutes burn", at="8h", series=_rates(slo, "1x500", f"0x360 {spike}x9 0x120")),
        silent("forty minutes burn warm", at="8h", series=_rates(slo, "1x500", f"0x360 {warm}x39 0x120")),
        silent("hardly anyone comes, and everything is bad", at="7h", series=_rates(slo, "0.01x430", "0.01x430")),
        silent("it burns since a minute", at="61m", series=_rates(slo, "0.1x59 100x10", "0x59 100x10")),
        clears(
            "a hot hour is over, and still remembered",
            fired="7h",
            at="434m",
            series=_rates(slo, "1x500", f"0x360 {hot}x59 0x60"),
        ),
        clears(
            "six warm hours are over, and still remembered",
            fired="7h",
            at="8h",
            series=_rates(slo, "1x500", f"{warm}x420 0x60"),
        ),
    )


def _ticket_cases(slo: Slo, levels: Levels, description: str) -> tuple[Case, ...]:
    """Return histories of the recorded rates, a sample every five minutes: a day is 288, three are 864."""
    hot, warm, where = levels.hot, levels.warm, (slo.where,)
    return (
        fires(
            "a quiet day burns hot after two busy clean ones",
            at="72h",
            every="5m",
            series=_rates(slo, "10x575 1x300", f"0x575 {hot}x300"),
            where=where,
            says=_said(description, hot),
        ),
        fires(
            "three days burn warm",
            at="72h",
            every="5m",
            series=_rates(slo, "1x870", f"{warm}x870"),
            where=where,
            says=_said(description, warm),
        ),
        silent(
            "an afternoon burns", at="80h", every="5m", series=_rates(slo, "1x970", f"0x863 {levels.spike}x35 0x70")
        ),
        silent("hardly anyone comes", at="72h", every="5m", series=_rates(slo, "0.01x870", "0.01x870")),
        silent(
            "it burns since ten minutes", at="1450m", every="5m", series=_rates(slo, "0.1x287 100x9", "0x287 100x9")
        ),
        clears(
            "a hot day is over, and still remembered",
            fired="72h",
            at="75h",
            every="5m",
            series=_rates(slo, "10x575 1x330", f"0x575 {hot}x288 0x40"),
        ),
        clears(
            "three warm days are over, and still remembered",
            fired="72h",
            at="79h",
            every="5m",
            series=_rates(slo, "1x960", f"{warm}x864 0x90"),
        ),
    )


def _rates(slo: Slo, total: str, bad: str) -> dict[str, str]:
    return {promql.select(slo.total, slo.where): total, promql.select(slo.bad, slo.where): bad}


def _template(description: str) -> str:
    return description.replace("{value}", "{{ $value | humanizePercentage }}")


def _said(description: str, share: float) -> str:
    """Return the description with ``share`` as `humanizePercentage` writes it."""
    return description.replace("{value}", f"{share * 100:.4g}%")


ALERTS = (availability_fast_burn, availability_slow_burn, latency_fast_burn, latency_slow_burn)
