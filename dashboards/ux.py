"""UX vitals: how do pages feel to the people who use them?"""

from obs.boards import panels
from obs.boards.board import Dashboard, board, variable
from obs.boards.panels import RATE, Query, rated, scope
from obs.query.promql import increase, quantile, share_within, total
from obs.stack import Stack
from watchkeeper.contract.labels import DEVICE, JOB, OUTCOME, PAGE, Matcher
from watchkeeper.contract.metrics import LCP, VITALS_REPORTS
from watchkeeper.contract.ratings import RATINGS, Rating

P75 = 0.75
"""Where Core Web Vitals are judged: https://web.dev/articles/vitals."""

DECIMALS = {"seconds": None, "": 2}
"""Digits of a vital by its unit: seconds are shown in what suits them, a shift has two."""

ABOUT = {
    "LCP": "Slow: large images, late fonts, or a slow first byte; look at TTFB first.",
    "INP": "Slow: long tasks in JavaScript after a click; profile the page that leads the list.",
    "CLS": "High: things move as they load; give images and adverts their size.",
    "FID": "Slow: the main thread is busy at start; INP says the same of the whole visit.",
    "FCP": "Slow: render-blocking styles or scripts, or a slow first byte.",
    "TTFB": "Slow: the server, the cache before it, or the distance to it; compare with API latency.",
}


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of the web vitals that browsers report."""
    job = JOB.eq(stack.targets.vitals.job)
    here = (*scope(stack.targets.vitals), PAGE.re("$page"), DEVICE.re("$device"))
    return board(
        stack,
        slug="ux",
        title="UX vitals",
        why="Web vitals at the 75th percentile against the standard thresholds, by page and device.",
        jobs=(stack.targets.vitals.job,),
        runbook="ux.md",
        span="24h",
        variables=(
            variable("page", LCP.count, PAGE, job, words="Page"),
            variable("device", LCP.count, DEVICE, job, words="Device"),
        ),
        rows={
            "At the 75th percentile": [p75(stack, rating, *here) for rating in RATINGS],
            "Core: good, needs improvement, poor": [
                *(shares(rating, *here) for rating in RATINGS if rating.core),
                *(by_page(rating, *here) for rating in RATINGS if rating.core),
            ],
            "Beside the core": [
                *(shares(rating, *here) for rating in RATINGS if not rating.core),
                *(by_page(rating, *here) for rating in RATINGS if not rating.core),
            ],
            "Reports": [
                panels.traffic(
                    "Reports by outcome",
                    VITALS_REPORTS,
                    *scope(stack.targets.vitals),
                    by=(OUTCOME,),
                    width=24,
                    why="No reports: the snippet is gone from the page. Many rejected: a release changed its fields.",
                ),
            ],
        },
        folded=("Beside the core", "Reports"),
    )


def p75(stack: Stack, rating: Rating, *here: Matcher) -> panels.Panel:
    """Return one vital as a number, coloured by its rating."""
    return panels.number(
        f"{rating.words} p75",
        while_reported(stack, rating, *here),
        steps=rated(rating.good, rating.poor),
        decimals=DECIMALS[rating.metric.unit],
        why=f"Good up to {rating.good:g}, poor above {rating.poor:g}. {ABOUT[rating.words]}",
    )


def while_reported(stack: Stack, rating: Rating, *here: Matcher) -> str:
    """Return the 75th percentile of the range; no answer where no visit of the last hour was reported."""
    visits = total(increase(rating.metric.count, *here, over="1h"))
    p75 = quantile(P75, rating.metric, *here, over="$__range")
    return f"({panels.while_up(stack.targets.vitals, p75)}) and on () ({visits} > 0)"


def by_page(rating: Rating, *here: Matcher) -> panels.Panel:
    """Return one vital over time, page by page and device by device."""
    return panels.latency(
        f"{rating.words} by page",
        rating.metric,
        *here,
        by=(PAGE, DEVICE),
        quantiles=(P75,),
        steps=rated(rating.good, rating.poor),
        why=ABOUT[rating.words],
    )


def shares(rating: Rating, *here: Matcher) -> panels.Panel:
    """Return how many visits were good, middling and poor."""
    good = share_within(rating.metric, rating.good, *here, over=RATE)
    not_poor = share_within(rating.metric, rating.poor, *here, over=RATE)
    return panels.series(
        f"{rating.words} ratings",
        Query(good, "good"),
        Query(f"{not_poor} - {good}", "needs improvement"),
        Query(f"1 - {not_poor}", "poor"),
        stacked=True,
        high=1,
        why=f"A vital passes while poor stays under a quarter. {ABOUT[rating.words]}",
    )


def vitals(stack: Stack) -> list[panels.Panel]:
    """Return the three Core Web Vitals."""
    here = scope(stack.targets.vitals)
    return [
        panels.number(
            f"{rating.words} p75",
            while_reported(stack, rating, *here),
            steps=rated(rating.good, rating.poor),
            decimals=DECIMALS[rating.metric.unit],
            why=f"Good up to {rating.good:g}, poor above {rating.poor:g}, for three visits in four.",
        )
        for rating in RATINGS
        if rating.core
    ]


OVERVIEW = {"UX": (vitals,)}
