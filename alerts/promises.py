"""What wakes someone before a promise is broken, and what proves that it does?"""

from alerts.histories import requests, timed
from alerts.model import Alert, PanelRef, Severity, clears, fires, silent
from alerts.slo import PAGE_WINDOWS, TICKET_WINDOWS, availability, latency
from stack import Stack

RUNBOOK = "api.md"


def availability_fast_burn(stack: Stack) -> Alert:
    """A month's budget of failures is gone within days at this rate."""
    slo = availability(stack)
    ok, bad = requests(stack, "200"), requests(stack, "500")
    return Alert(
        name="ApiAvailabilityBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS, floor=stack.thresholds.api_min_requests_per_second),
        hold="2m",
        severity=Severity.PAGE,
        summary=f"The API breaks its {slo.objective:.2%} availability promise within days at this rate.",
        description="{{ $value | humanizePercentage }} of requests failed, far more than the promise allows.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Burn rate, 1 h"),
        slo=slo.name,
        cases=(
            fires(
                "one request in twenty fails",
                at="70m",
                series={ok: "0+570x80", bad: "0+30x80"},
                where=(slo.where,),
                says="5% of requests failed, far more than the promise allows.",
            ),
            fires(
                "one request in a hundred fails, for six hours",
                at="7h",
                series={ok: "0+594x430", bad: "0+6x430"},
                where=(slo.where,),
                says="1% of requests failed, far more than the promise allows.",
            ),
            silent("one request in two thousand fails", at="7h", series={ok: "0+1999x430", bad: "0+1x430"}),
            silent(
                "it burnt, and stopped half an hour ago", at="100m", series={ok: "0+570x110", bad: "0+30x60 1800x50"}
            ),
            silent("one error in ten requests at night", at="7h", series={ok: "0x300 9x130", bad: "0x300 1x130"}),
            silent("no traffic", at="7h", series={ok: "100x430", bad: "10x430"}),
            clears("errors stop", fired="70m", at="2h", series={ok: "0+570x130", bad: "0+30x70 2100x60"}),
        ),
    )


def availability_slow_burn(stack: Stack) -> Alert:
    """The budget of failures is spent before the month is, too slowly to wake anyone."""
    slo = availability(stack)
    ok, bad = requests(stack, "200"), requests(stack, "500")
    return Alert(
        name="ApiAvailabilityBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS, floor=stack.thresholds.api_min_requests_per_second),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its {slo.objective:.2%} availability promise before the month ends.",
        description="{{ $value | humanizePercentage }} of requests fail, day after day.",
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Availability budget left"),
        slo=slo.name,
        cases=(
            fires(
                "one request in two hundred fails, for a day",
                at="26h",
                series={ok: "0+597x1600", bad: "0+3x1600"},
                where=(slo.where,),
                says="0.5% of requests fail, day after day.",
            ),
            fires(
                "two requests in a thousand fail, for three days",
                at="75h",
                series={ok: "0+998x4600", bad: "0+2x4600"},
                where=(slo.where,),
                says="0.2% of requests fail, day after day.",
            ),
            silent("one request in two thousand fails", at="75h", series={ok: "0+1999x4600", bad: "0+1x4600"}),
            silent("one error in ten requests at night", at="26h", series={ok: "0x1300 9x300", bad: "0x1300 1x300"}),
            silent("no traffic", at="26h", series={ok: "100x1600", bad: "10x1600"}),
            clears("errors stop", fired="26h", at="29h", series={ok: "0+597x1800", bad: "0+3x1560 4680x240"}),
        ),
    )


def latency_fast_burn(stack: Stack) -> Alert:
    """A month's budget of slow requests is gone within days at this rate."""
    slo = latency(stack)
    return Alert(
        name="ApiLatencyBudgetFastBurn",
        expr=slo.burns(PAGE_WINDOWS, floor=stack.thresholds.api_min_requests_per_second),
        hold="2m",
        severity=Severity.PAGE,
        summary=f"The API breaks its promise of {stack.slo.latency.threshold_seconds:g} s within days at this rate.",
        description="{{ $value | humanizePercentage }} of requests took longer than promised.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests answered in time, 1 h"),
        slo=slo.name,
        cases=(
            fires(
                "nine requests in ten are slow",
                at="70m",
                series=timed(stack, within="0+60x80", over="0+600x80"),
                where=(slo.where,),
                says="90% of requests took longer than promised.",
            ),
            fires(
                "four requests in ten are slow, for six hours",
                at="7h",
                series=timed(stack, within="0+360x430", over="0+600x430"),
                where=(slo.where,),
                says="40% of requests took longer than promised.",
            ),
            silent("as many are slow as promised", at="7h", series=timed(stack, within="0+570x430", over="0+600x430")),
            silent("slow requests at night", at="7h", series=timed(stack, within="0x430", over="0x300 9x130")),
            silent(
                "it was slow, until half an hour ago",
                at="100m",
                series=timed(stack, within="0+60x60 3600+600x50", over="0+600x110"),
            ),
            clears(
                "requests are fast again",
                fired="70m",
                at="2h",
                series=timed(stack, within="0+60x70 4200+600x60", over="0+600x130"),
            ),
        ),
    )


def latency_slow_burn(stack: Stack) -> Alert:
    """The budget of slow requests is spent before the month is, too slowly to wake anyone."""
    slo = latency(stack)
    return Alert(
        name="ApiLatencyBudgetSlowBurn",
        expr=slo.burns(TICKET_WINDOWS, floor=stack.thresholds.api_min_requests_per_second),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"The API will break its promise of {stack.slo.latency.threshold_seconds:g} s before the month ends.",
        description="{{ $value | humanizePercentage }} of requests take longer than promised, day after day.",
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Latency budget left"),
        slo=slo.name,
        cases=(
            fires(
                "one request in five is slow, for a day",
                at="26h",
                series=timed(stack, within="0+480x1600", over="0+600x1600"),
                where=(slo.where,),
                says="20% of requests take longer than promised, day after day.",
            ),
            fires(
                "one request in ten is slow, for three days",
                at="75h",
                series=timed(stack, within="0+540x4600", over="0+600x4600"),
                where=(slo.where,),
                says="10% of requests take longer than promised, day after day.",
            ),
            silent(
                "one request in fifty is slow", at="75h", series=timed(stack, within="0+588x4600", over="0+600x4600")
            ),
            silent("slow requests at night", at="26h", series=timed(stack, within="0x1600", over="0x1300 9x300")),
            clears(
                "requests are fast again",
                fired="26h",
                at="33h",
                series=timed(stack, within="0+480x1560 748800+600x460", over="0+600x2020"),
            ),
        ),
    )


ALERTS = (availability_fast_burn, availability_slow_burn, latency_fast_burn, latency_slow_burn)
