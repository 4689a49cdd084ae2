"""What wakes someone when requests hang, crawl, fail on one route or are no longer counted, and what proves it?"""

from alerts.api import MIN_REQUESTS_PER_SECOND, RUNBOOK, just_now
from obs.alerting import histories
from obs.alerting.histories import one, requests
from obs.alerting.model import Alert, PanelRef, Severity, clears, pages, silent, told
from obs.query import promql
from obs.stack import Stack
from watchkeeper.contract.labels import JOB, LE, METHOD, ROUTE, SLO, STATUS, Matcher
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS, REQUESTS_IN_PROGRESS, WS_CONNECTIONS
from watchkeeper.contract.scraping import UP

GROUP = "api"
"""Its rules stand in the file of those about errors and latency."""

HANGING, HANGING_SECONDS = 20, 20
"""So many requests in flight, each of which would take so long at the pace at which they finish."""

ROUTE_FAILURES = 10
"""Failures of one route within ten minutes that are no accident."""

BUSY = 1
"""Requests a second of which a tenth is still more than chance."""

LEFT = 0.1
"""Share of the usual traffic, or of the WebSockets there were, below which nearly all are lost."""

CONNECTED = 20
"""WebSockets of which a tenth may be left without anybody noticing."""


def requests_hang(stack: Stack) -> Alert:
    """Requests come in and hardly any is answered: no error is counted, for none has ended."""
    job = JOB.eq(stack.targets.api.job)
    flying = promql.select(REQUESTS_IN_PROGRESS, job)
    now = promql.total(flying, by=(JOB,))
    earlier = promql.total(f"max_over_time({flying}[1h] offset 1h)", by=(JOB,))
    done = promql.total(promql.rate(REQUESTS, job, over=just_now(stack)), by=(JOB,))
    flight, ok = one(stack.targets.api, REQUESTS_IN_PROGRESS, METHOD.eq("GET")), requests(stack, "200")
    return Alert(
        name="ApiRequestsHang",
        # Streams stay open for good: what was as many an hour ago does not hang.
        expr=f"{now} > {HANGING} and {now} > {HANGING_SECONDS} * {done} and {now} > 2 * {earlier}",
        hold="1m",
        keep_firing_for="5m",
        severity=Severity.PAGE,
        summary="API requests hang: they come in, and hardly any is answered.",
        description='{{ $value | printf "%.0f" }} requests are in flight, and hardly any finishes.',
        runbook=RUNBOOK,
        panel=PanelRef("api", "In flight"),
        slo="availability",
        cases=(
            pages(
                "nothing is answered any more",
                at="130m",
                by="122m",
                series={flight: "2x120 40x30", ok: "0+600x120 72000x30"},
                where=(job, SLO.eq("availability")),
                says="40 requests are in flight, and hardly any finishes.",
            ),
            silent("streams stay open, as an hour ago", series={flight: "40x150", ok: "0+6x150"}),
            silent("many are answered quickly", series={flight: "2x120 60x29 2", ok: "0+6000x150"}),
            silent("a handful hangs", series={flight: "2x120 10x30", ok: "0+600x120 72000x30"}),
            clears("they are answered", at="157m", series={flight: "2x120 40x30 2x30", ok: "0+600x120 72000x60"}),
        ),
    )


def requests_uncounted(stack: Stack) -> Alert:
    """The series that all alerts about requests read is gone, while the API answers Prometheus."""
    api = stack.targets.api
    job = JOB.eq(api.job)
    rate = promql.rate(REQUESTS, job, over="5m")
    earlier = promql.total(rate.replace("[5m]", "[5m] offset 1h"), by=(JOB,))
    up = promql.aggregate("max", promql.select(UP, job), by=(JOB,))
    answers, ok = one(api, UP), requests(stack, "200")
    return Alert(
        name="ApiRequestsUncounted",
        expr=f"{earlier} unless {promql.total(rate, by=(JOB,))} and {up} == 1",
        hold="8m",
        severity=Severity.PAGE,
        summary="The API no longer counts its requests: no alert about them can fire.",
        description="The API answers Prometheus, and counts no request, as it did an hour ago.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests"),
        cases=(
            pages(
                "a deploy renames the counter",
                at="90m",
                by="82m",
                series={ok: "100+10x70 stale", answers: "1x150"},
                where=(job,),
            ),
            silent("the API is down, which is another alert", series={ok: "100+10x70 stale", answers: "1x70 0x90"}),
            silent("nobody has called yet", series={answers: "1x150"}),
            silent("nobody calls any more", series={ok: "100x150", answers: "1x150"}),
            clears("the counter is back", at="93m", series={ok: "100+10x70 stale _x20 900+10x60", answers: "1x150"}),
        ),
    )


def counted(*where: Matcher) -> tuple[str, str, str]:
    """Return the requests a second now, yesterday and a week ago at this hour."""
    rate = promql.rate(REQUESTS, *where, over="5m")
    before = (rate, rate.replace("[5m]", "[5m] offset 1d"), rate.replace("[5m]", "[5m] offset 1w"))
    now, yesterday, last_week = (promql.total(one, by=(JOB,)) for one in before)
    return now, yesterday, last_week


def traffic_vanished(stack: Stack) -> Alert:
    """The API is well, and nobody reaches it: neither yesterday nor a week ago was this hour so quiet."""
    job = JOB.eq(stack.targets.api.job)
    now, yesterday, last_week = counted(job)
    ok = requests(stack, "200")
    return Alert(
        name="ApiTrafficVanished",
        expr=f"{now} / ({yesterday} > {BUSY}) < {LEFT} unless {now} >= {LEFT} * {last_week}",
        hold="5m",
        severity=Severity.PAGE,
        summary="Hardly any request reaches the API, which is well itself.",
        description="{{ $value | humanizePercentage }} of yesterday's requests come in.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Requests, of before"),
        slo="availability",
        cases=(
            pages(
                "nobody reaches it any more",
                at="1530m",
                by="1510m",
                series={ok: "0+120x1500 180000x60"},
                where=(job, SLO.eq("availability")),
                says="0% of yesterday's requests come in.",
            ),
            pages(
                "one caller of twenty reaches it",
                at="1530m",
                by="1510m",
                series={ok: "0+120x1500 180006+6x60"},
                where=(job, SLO.eq("availability")),
                says="5% of yesterday's requests come in.",
            ),
            silent("few came yesterday, too", series={ok: "0+30x1500 45000x60 stale"}),
            silent("a third of yesterday comes", series={ok: "0+120x1500 180000+40x60 stale"}),
            silent("a holiday, as a week ago", series={ok: "0x200 0+120x9980 1197600x80 stale"}),
            clears("callers are back", at="1535m", series={ok: "0+120x1500 180000x29 180000+120x30 stale"}),
        ),
    )


def route_fails(stack: Stack) -> Alert:
    """Most requests of one route fail; among all others that may be less than anybody notices."""
    job, by = JOB.eq(stack.targets.api.job), (JOB, ROUTE)

    def within(over: str) -> tuple[str, str]:
        failed = promql.total(promql.increase(REQUESTS, job, STATUS.re("5.."), over=over), by=by)
        return failed, promql.total(promql.increase(REQUESTS, job, over=over), by=by)

    failed, every = within("10m")
    still = promql.above(*within(just_now(stack)), 0.5)
    route = "/v1/rooms/{id}"
    ok, bad = requests(stack, "200", route), requests(stack, "500", route)
    return Alert(
        name="ApiRouteFails",
        expr=f"{promql.above(failed, every, 0.5)} and {failed} > {ROUTE_FAILURES} and {still}",
        hold="5m",
        keep_firing_for="5m",
        severity=Severity.PAGE,
        summary="Most requests of one route fail.",
        description=f"{{{{ $value | humanizePercentage }}}} of the requests to {told(ROUTE)} were answered 5xx.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Routes"),
        slo="availability",
        cases=(
            pages(
                "a quiet route fails altogether",
                at="40m",
                by="30m",
                series={ok: "0+6x20 120x30", bad: "0x20 6+6x30", requests(stack, "200"): "0+600x50"},
                where=(job, ROUTE.eq(route), SLO.eq("availability")),
                says=f"100% of the requests to {route} were answered 5xx.",
            ),
            silent("four in ten fail", series={ok: "0+6x50", bad: "0+4x50"}),
            silent("less than one failure a minute", series={ok: "0+0.5x60", bad: "0+0.8x60"}),
            silent("eight failures at night", series={ok: "0x50", bad: "0x20 1+1x7 8x20"}),
            silent("six bad minutes that are over", series={ok: "0+6x20 120x5 126+6x20", bad: "0x20 6+6x5 36x20"}),
            silent(
                "far fewer come, and all of them fail for eight minutes",
                series={ok: "0+60x20 1200x28", bad: "0x20 6+6x7 48x20"},
            ),
            silent(
                "eight bad minutes, and then one request in five fails",
                series={ok: "0+6x20 120x8 124.8+4.8x20", bad: "0x20 6+6x7 49.2+1.2x20"},
            ),
            silent("callers send what they should not", series={requests(stack, "404", route): "0+6x50"}),
            clears("it is mended", at="46m", series={ok: "0x40 6+6x30", bad: "0+6x40 240x30"}),
        ),
    )


def most_requests_slow(stack: Stack) -> Alert:
    """Most requests take so long that callers have given up."""
    job, floor = JOB.eq(stack.targets.api.job), MIN_REQUESTS_PER_SECOND.of(stack)
    edges = promql.edges(REQUEST_DURATION)
    edge = min((one for one in edges if one >= 8 * stack.slo.latency.threshold_seconds), default=edges[-1])
    over = just_now(stack)
    in_time = promql.share_within(REQUEST_DURATION, edge, job, over=over, by=(JOB,))
    every = promql.total(promql.rate(REQUEST_DURATION.count, job, over=over), by=(JOB,))
    minute = 1200 * floor

    def answered(within: str, all_of_them: str) -> dict[str, str]:
        labels = (METHOD.eq("GET"), ROUTE.eq("/v1/rooms"))
        bucket = (REQUEST_DURATION.bucket, *labels)
        return {
            one(stack.targets.api, *bucket, histories.edge(edge)): within,
            one(stack.targets.api, *bucket, LE.eq("+Inf")): all_of_them,
            one(stack.targets.api, REQUEST_DURATION.count, *labels): all_of_them,
        }

    return Alert(
        name="ApiMostRequestsSlow",
        expr=f"1 - {in_time} > 0.5 and {every} > {floor:g}",
        hold="5m",
        keep_firing_for="5m",
        severity=Severity.PAGE,
        summary=f"Most API requests take longer than {edge:g} s.",
        description=f"{{{{ $value | humanizePercentage }}}} of requests take longer than {edge:g} s.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Latency"),
        slo="latency",
        cases=(
            pages(
                "four in five crawl",
                at="40m",
                by="26m",
                series=answered(
                    f"0+{minute:g}x20 {20.2 * minute:g}+{0.2 * minute:g}x29",
                    f"0+{minute:g}x50",
                ),
                where=(job, SLO.eq("latency")),
                says=f"80% of requests take longer than {edge:g} s.",
            ),
            pages(
                "hardly more than a trickle comes, and most of it crawls",
                at="40m",
                by="26m",
                series=answered(
                    f"0+{180 * floor:g}x20 {20.2 * 180 * floor:g}+{0.2 * 180 * floor:g}x29",
                    f"0+{180 * floor:g}x50",
                ),
                where=(job, SLO.eq("latency")),
                says=f"80% of requests take longer than {edge:g} s.",
            ),
            silent("two in five crawl", series=answered(f"0+{0.6 * minute:g}x50", f"0+{minute:g}x50")),
            silent("a trickle crawls", series=answered("0x50", f"0+{0.02 * minute:g}x50")),
            silent(
                "three minutes crawl",
                series=answered(f"0+{minute:g}x20 {20 * minute:g}x2 {21 * minute:g}+{minute:g}x30", f"0+{minute:g}x53"),
            ),
            clears(
                "they are fast again",
                at="46m",
                series=answered(f"0x40 {minute:g}+{minute:g}x30", f"0+{minute:g}x71"),
            ),
        ),
    )


def connected(*where: Matcher) -> tuple[str, str]:
    """Return how many WebSockets are open, and how many were on average half an hour ago."""
    there = promql.select(WS_CONNECTIONS, *where)
    earlier = f"avg_over_time({there}[30m] offset 10m)"
    return promql.total(there, by=(JOB,)), promql.total(earlier, by=(JOB,))


def websockets_dropped(stack: Stack) -> Alert:
    """Nearly everybody who was connected is not."""
    target = stack.targets.websockets
    job = JOB.eq(target.job)
    now, earlier = connected(job)
    open_ = one(target, WS_CONNECTIONS, ROUTE.eq("/v1/ws"))
    return Alert(
        name="ApiWebSocketsDropped",
        expr=f"{now} / ({earlier} > {CONNECTED}) < {LEFT}",
        hold="5m",
        severity=Severity.PAGE,
        summary="Nearly all WebSockets are gone.",
        description="{{ $value | humanizePercentage }} of the WebSockets of half an hour ago are open.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Connections, of before"),
        cases=(
            pages(
                "a proxy cuts them off",
                at="70m",
                by="66m",
                series={open_: "200x60 3x60"},
                where=(job,),
                says="1.5% of the WebSockets of half an hour ago are open.",
            ),
            silent("everybody reconnects after a deploy", series={open_: "200x60 3x3 200x60"}),
            silent("one of ten at night is left", series={open_: "10x60 0x60"}),
            silent("a quarter is left", series={open_: "200x60 50x60"}),
            clears("they are back", at="76m", series={open_: "200x60 3x14 200x60"}),
        ),
    )


ALERTS = (requests_hang, requests_uncounted, traffic_vanished, route_fails, most_requests_slow, websockets_dropped)
