"""What wakes someone for the API, and what proves that it does?"""

import math

from alerts.targets import unreachable
from obs import durations
from obs.alerting import Alert, PanelRef, Severity, Silence, clears, pages, silent, tickets
from obs.alerting.histories import duration, requests, timed
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import INSTANCE, JOB, SLO, STATUS
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS
from watchkeeper.contract.scraping import UP

RUNBOOK = "api.md"

OF_THE_API = ("promises", "budgets", "api", "jobs", "ux")
"""The rule files whose alerts say nothing more once it is known why the API fails."""

ERROR_RATIO = Threshold("api_error_ratio", 0.02, "share of requests answered 5xx that pages", below=1)
MIN_REQUESTS_PER_SECOND = Threshold("api_min_requests_per_second", 0.05, "traffic below which a ratio says little")

TRICKLE_FAILURES = 5
"""Failures an hour that count as an outage, even where there was hardly any other traffic."""


def just_now(stack: Stack) -> str:
    """
    Return the shortest window in which a rate tells of now: two minutes, or four scrapes where they are rarer.

    Five minutes at most, the window of the rule itself. What is over is then no reason to begin.
    """
    scrape = durations.seconds(stack.prometheus.scrape_interval)
    return durations.canonical(f"{min(300, max(120, 4 * scrape)):.0f}s")


def error_ratio_high(stack: Stack) -> Alert:
    """More requests fail than anyone should have to bear, whatever the month's budget says."""
    job = JOB.eq(stack.targets.api.job)
    limit = ERROR_RATIO.of(stack)
    allowed = 1 - stack.slo.availability.objective
    if limit <= allowed:
        raise ValueError(
            f"thresholds.{ERROR_RATIO.name} = {limit:g}: the availability promise allows {allowed:g} already; "
            "take a larger ratio than that"
        )
    floor = MIN_REQUESTS_PER_SECOND.of(stack)
    failed, every = _failed(stack, "5m")
    still = promql.above(*_failed(stack, just_now(stack)), limit / 4)
    ok, bad = requests(stack, "200"), requests(stack, "500")
    far = min(5 * limit, (1 + limit) / 2)
    minute = 12_000 * floor
    says = f"{100 * far:.4g}% of requests were answered 5xx over the last five minutes."

    fine, wrong = f"{minute * (1 - far):.12g}", f"{minute * far:.12g}"

    minutes = int(durations.seconds(just_now(stack)) // 60)
    bearable = 6 - minutes  # minutes that are over before five of them have been seen
    healed = min(minutes - 1, math.ceil(4 * (1 - limit / far)))

    near = min(1.5 * limit, (1 + limit) / 2)

    def failing(share: float, failed: str = bad, all_of_them: float = minute) -> dict[str, str]:
        return {ok: f"0+{all_of_them * (1 - share):.12g}x20", failed: f"0+{all_of_them * share:.12g}x20"}

    return Alert(
        name="ApiErrorRatioHigh",
        expr=f"{promql.above(failed, every, limit)} and {every} > {floor:g} and {still}",
        hold="5m",
        keep_firing_for="5m",
        severity=Severity.PAGE,
        summary=f"More than {100 * limit:g}% of API requests fail.",
        description="{{ $value | humanizePercentage }} of requests were answered 5xx over the last five minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Error ratio"),
        slo="availability",
        cases=(
            pages(
                "far more requests fail than are bearable",
                at="15m",
                by="6m",
                series=failing(far),
                where=(job, SLO.eq("availability")),
                says=says,
            ),
            pages(
                "a status never seen before is a failure too",
                at="15m",
                by="6m",
                series=failing(far, requests(stack, "511")),
                where=(job, SLO.eq("availability")),
                says=says,
            ),
            pages(
                "one of many routes fails altogether",
                at="15m",
                by="6m",
                series=failing(far, requests(stack, "500", "/v1/rooms/{id}")),
                where=(job, SLO.eq("availability")),
                says=says,
            ),
            pages(
                "hardly more than a trickle comes, and hardly more fail than are bearable",
                at="15m",
                by="6m",
                series=failing(near, all_of_them=360 * floor),
                where=(job, SLO.eq("availability")),
                says=f"{100 * near:.4g}% of requests were answered 5xx over the last five minutes.",
            ),
            silent("half as many requests fail as are bearable", series=failing(limit / 2)),
            silent("callers send what they should not", series={requests(stack, "404"): "0+600x20"}),
            silent("no traffic", series={ok: "100x20", bad: "10x20"}),
            silent(
                "one error in ten requests at night",
                series={ok: f"0x7 {180 * floor:.12g}x12", bad: f"0x7 {20 * floor:.12g}x12"},
            ),
            silent(
                "a trickle fails, which is ApiMostRequestsFail",
                series={ok: "9x25", bad: f"0+{20 * floor:.12g}x25"},
            ),
            silent(
                "a few bad minutes",
                series={
                    ok: f"0+{fine}x30",
                    bad: f"0x10 {wrong}+{wrong}x{bearable - 1} {bearable * minute * far:.12g}x20",
                },
            ),
            silent(
                "a few bad minutes, after which a tenth of what is bearable fails",
                series={
                    ok: f"0+{fine}x30",
                    bad: f"0x10 {wrong}+{wrong}x{bearable - 1} "
                    f"{bearable * minute * far + minute * limit / 10:.12g}+{minute * limit / 10:.12g}x20",
                },
            ),
            silent(
                "a deploy resets the counters",
                series={ok: f"0+{fine}x6 0+{fine}x10", bad: f"{wrong}x6 0x10"},
            ),
            silent(
                "two scrapes are missed",
                series={ok: f"0+{fine}x8 _x2 {10 * minute * (1 - far):.12g}+{fine}x10", bad: "0x8 _x2 0x10"},
            ),
            clears(
                "errors stop",
                at=f"{20 + healed}m",
                series={ok: f"0+{fine}x40", bad: f"0+{wrong}x15 {15 * minute * far:.12g}x25"},
            ),
            clears(
                "the target vanishes while it fires",
                at=f"{19 + minutes}m",
                series={ok: f"0+{fine}x15 stale", bad: f"0+{wrong}x15 stale"},
            ),
        ),
    )


def _failed(stack: Stack, over: str) -> tuple[str, str]:
    """Return failed and all requests per second."""
    job = JOB.eq(stack.targets.api.job)
    failed = promql.total(promql.rate(REQUESTS, job, STATUS.re("5.."), over=over), by=(JOB,))
    return failed, promql.total(promql.rate(REQUESTS, job, over=over), by=(JOB,))


def p95_over_slo(stack: Stack) -> Alert:
    """The slowest requests within the promised share take longer than promised."""
    job = JOB.eq(stack.targets.api.job)
    promise = stack.slo.latency
    floor = MIN_REQUESTS_PER_SECOND.of(stack)
    over = just_now(stack)
    p95 = promql.quantile(promise.objective, REQUEST_DURATION, job, over=over, by=(JOB,))
    every = promql.total(promql.rate(REQUEST_DURATION.count, job, over=over), by=(JOB,))
    edge, last = promise.threshold_seconds, promql.edges(REQUEST_DURATION)[-1]
    # Beyond the last edge nothing is measured: a quantile there is that edge itself
    exceeds = ">" if edge < last else ">="
    minutes = int(durations.seconds(over) // 60)
    budget, minute = 1 - promise.objective, 12_000 * floor
    # Of a fifth more than the budget a sixth lies below the quantile, on its way from the edge to the last one
    reading = edge + (last - edge) / 6

    def slow(share: float, all_of_them: float = minute) -> dict[str, str]:
        return timed(stack, within=f"0+{all_of_them * (1 - share):.12g}x20", over=f"0+{all_of_them:.12g}x20")

    return Alert(
        name="ApiLatencyP95OverSlo",
        expr=f"{p95} {exceeds} {edge:g} and {every} > {floor:g}",
        hold="12m",  # a deploy's cold caches and a backup are over by then
        keep_firing_for="5m",
        severity=Severity.TICKET,
        summary=f"{100 * promise.objective:g}% of API requests no longer finish within {edge:g} s.",
        description=f"p{100 * promise.objective:g} is {{{{ $value | humanizeDuration }}}} for twelve minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Latency"),
        slo="latency",
        cases=(
            tickets(
                "a fifth more requests are slow than promised",
                at="20m",
                by="13m",
                series=slow(1.2 * budget),
                where=(job, SLO.eq("latency")),
                says=f"p{100 * promise.objective:g} is {duration(reading)} for twelve minutes.",
            ),
            tickets(
                "hardly more than a trickle comes, and a fifth more are slow than promised",
                at="20m",
                by="13m",
                series=slow(1.2 * budget, 360 * floor),
                where=(job, SLO.eq("latency")),
                says=f"p{100 * promise.objective:g} is {duration(reading)} for twelve minutes.",
            ),
            silent("less than half as many are slow as promised", series=slow(0.4 * budget)),
            silent("no traffic", series=timed(stack, within="300x20", over="600x20")),
            silent(
                "a backup slows all for five minutes",
                series=timed(
                    stack,
                    within=f"0+{minute:.12g}x9 {9 * minute:.12g}x4 {9 * minute:.12g}+{minute:.12g}x20",
                    over=f"0+{minute:.12g}x35",
                ),
            ),
            silent("a trickle is slow", series=timed(stack, within="0x25", over=f"0+{20 * floor:.12g}x25")),
            silent(
                "one slow request at night",
                series=timed(stack, within="0x20", over=f"0x7 {20 * floor:.12g}x12"),
            ),
            clears(
                "requests are fast again",
                at=f"{25 + minutes}m",
                series=timed(
                    stack,
                    within=f"0+{minute / 2:.12g}x20 {10 * minute:.12g}+{minute:.12g}x25",
                    over=f"0+{minute:.12g}x40",
                ),
            ),
        ),
    )


def most_requests_fail(stack: Stack) -> Alert:
    """So few requests come that no ratio can be trusted, and still most of them fail."""
    job = JOB.eq(stack.targets.api.job)
    failed = promql.total(promql.increase(REQUESTS, job, STATUS.re("5.."), over="1h"), by=(JOB,))
    every = promql.total(promql.increase(REQUESTS, job, over="1h"), by=(JOB,))
    still = promql.above(*_failed(stack, "15m"), 0.5)
    ok, bad = requests(stack, "200"), requests(stack, "500")
    return Alert(
        name="ApiMostRequestsFail",
        expr=f"{promql.above(failed, every, 0.5)} and {failed} > {TRICKLE_FAILURES} and {still}",
        hold="5m",
        severity=Severity.PAGE,
        summary="Most API requests of the last hour failed, however few there were.",
        description="{{ $value | humanizePercentage }} of the last hour's requests were answered 5xx.",
        runbook=RUNBOOK,
        panel=PanelRef("api", "Error ratio"),
        slo="availability",
        cases=(
            pages(
                "an outage at night, a request every three minutes",
                at="70m",
                by="20m",
                series={ok: "50x80", bad: " ".join(f"{failures}x2" for failures in range(27))},
                where=(job, SLO.eq("availability")),
                says="100% of the last hour's requests were answered 5xx.",
            ),
            silent("one error in ten requests at night", series={ok: "0x7 9x80", bad: "0x7 1x80"}),
            silent("callers send what they should not", series={requests(stack, "404"): "0+1x80", bad: "0x80"}),
            silent("four of seven requests fail", series={ok: "0x9 1x9 2x9 3x60", bad: "0x9 1x9 2x9 3x9 4x60"}),
            silent(
                "all fail for a quarter of an hour, after many that succeeded",
                series={ok: "0+1x45 45x15", bad: "0x45 1+1x14"},
            ),
            silent("plenty fail, and far more succeed", series={ok: "0+540x80", bad: "0+60x80"}),
            silent("no traffic", series={ok: "50x80", bad: "10x80"}),
            clears(
                "requests succeed again, as few as failed",
                at="83m",
                series={ok: "0x75 0+1x120", bad: "0+1x75 75x120"},
            ),
        ),
    )


def down(stack: Stack) -> Alert:
    """Prometheus gets no metrics from the API: it is down, or the store of its totals is."""
    job = JOB.eq(stack.targets.api.job)
    up = promql.select(UP, job, INSTANCE.eq(stack.targets.api.address))
    return Alert(
        name="ApiDown",
        expr=unreachable(job),
        hold="1m",  # What silences it, where a database is down, is there before Alertmanager's group_wait is over
        severity=Severity.PAGE,
        summary="The API does not answer Prometheus.",
        description="{{ $labels.instance }} fails its scrapes.",
        runbook=RUNBOOK,
        panel=PanelRef("overview", "Targets"),
        silences=(Silence(OF_THE_API),),
        cases=(
            pages(
                "the API is gone",
                at="10m",
                by="6m",
                series={up: "1x4 0x10"},
                where=(job, INSTANCE.eq(stack.targets.api.address)),
                says=f"{stack.targets.api.address} fails its scrapes.",
            ),
            pages(
                "it crashes in a loop",
                at="30m",
                by="7m",
                series={up: "1x5 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1"},
                where=(job, INSTANCE.eq(stack.targets.api.address)),
                says=f"{stack.targets.api.address} fails its scrapes.",
            ),
            silent("it starts twice in an hour", series={up: "1x5 0 1x8 0 1x30"}),
            silent("a scrape is missed", series={up: "1x5 0 1x20"}),
            silent(
                "another job crashes in a loop",
                series={
                    promql.select(UP, JOB.eq("another"), INSTANCE.eq("another:1")): "1x5 0x3 1 0 0 1 0 0 1 0 0 1 0 0 1"
                },
            ),
            silent("it is up", series={up: "1x12"}),
            clears("it is back", at="14m", series={up: "1x4 0x8 1x8"}),
        ),
    )


ALERTS = (error_ratio_high, p95_over_slo, most_requests_fail, down)
