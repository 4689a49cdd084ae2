"""Overview: is something broken, since when, where, and what next? Below: are the month's promises kept?"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from alerts.api import ERROR_RATIO
from obs import content
from obs.alerting.slo import Slo, availability, latency
from obs.boards import panels
from obs.boards.board import Dashboard, Part, board
from obs.boards.panels import NOW, RATE, Link, Panel, Query, at_least, at_most, legend, number
from obs.content import Define
from obs.query.promql import aggregate, quantile, rate, ratio, select, top, total
from obs.stack import Stack
from obs.stack.identity import dashboard_uid
from watchkeeper.contract.labels import (
    ALERTSTATE,
    ENVIRONMENT,
    INSTANCE,
    JOB,
    ROUTE,
    SERVICE,
    SEVERITY,
    STATUS,
    Matcher,
)
from watchkeeper.contract.metrics import REQUEST_DURATION, REQUESTS, WS_USERS
from watchkeeper.contract.scraping import ALERTS, UP

ROWS = ("Now", "Since when", "Room left")
"""Where the modules of dashboards/ add to this board, by their OVERVIEW; any other name is a row of its own."""

FAILED = STATUS.re("5..")
WORST_ROUTES = 5


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard to open first."""
    return board(
        stack,
        slug="overview",
        title="Overview",
        why="What fires, since when and where, with the way down; below, the month's promises and how pages feel.",
        jobs=stack.targets.jobs_scraped,
        runbook="incident-response.md",
        rows={
            "Now": [
                paging,
                api,
                *tiles("Now", width=3, height=3),
                targets_down,
                presence,
                firing,
                since_when,
                where,
                *tiles("Since when", height=8),
                targets,
            ],
            "Promises": [*promise(availability(stack)), *promise(latency(stack))],
            "Room left": [tickets, *tiles("Room left", width=6)],
            **{row: tiles(row, width=8) for row in content.here().tiles if row not in ROWS},
        },
    )


def tiles(row: str, **size: int) -> list[Part]:
    """Return what other boards show here in a row, as large as is asked, each with the way to its board."""
    return [partial(_tile, slug, define, size) for slug, define in content.here().tiles.get(row, ())]


def _tile(slug: str, define: Define, size: Mapping[str, int], stack: Stack) -> list[Panel]:
    made = define(stack)
    found = [made] if isinstance(made, Panel) else made
    return [replace(panel, links=(*panel.links, _to(stack, slug)), **size) for panel in found]


SMALL: Any = {"width": 3, "height": 3}


def paging(stack: Stack) -> Panel:
    """Return how many alerts page."""
    firing = select(ALERTS, ALERTSTATE.eq("firing"), *panels.paging(stack.service.name))
    return number(
        "Paging",
        f"{aggregate('count', firing)} or vector(0)",
        steps=at_most(1),
        why="How many alerts page somebody at this moment; the table below names them.",
        **SMALL,
    )


def api(stack: Stack) -> list[Panel]:
    """Return whether the API answers right, and in time."""
    here = panels.scope(stack.targets.api)
    return [
        number(
            "API errors",
            ratio(total(rate(REQUESTS, *here, FAILED, over=NOW)), total(rate(REQUESTS, *here, over=NOW))),
            steps=at_most(ERROR_RATIO.of(stack)),
            why="Server faults of the last five minutes. Red pages someone. No data: nobody asks, or the API is gone.",
            links=(_to(stack, "api"),),
            **SMALL,
        ),
        number(
            "API p95",
            quantile(0.95, REQUEST_DURATION, *here, over=NOW),
            steps=at_most(stack.slo.latency.threshold_seconds),
            why="Red: slower than promised. The API dashboard names the routes.",
            links=(_to(stack, "api"),),
            **SMALL,
        ),
    ]


def targets_down(stack: Stack) -> Panel:
    """Return how many targets are not scraped."""
    return number(
        "Targets down",
        aggregate("sum", f"1 - {select(UP, *_every(stack))}"),
        steps=at_most(1),
        why="What is not scraped is missing everywhere else. The band below names it.",
        links=(_to(stack, "stack"),),
        **SMALL,
    )


def presence(stack: Stack) -> Panel:
    """Return how many are connected."""
    users = total(select(WS_USERS, *panels.scope(stack.targets.websockets)))
    return number("Users present", users, why="A cliff is a cut connection.", links=(_to(stack, "api"),), **SMALL)


def firing(stack: Stack) -> Panel:
    """Return what pages, and for how long."""
    list_of_alerts = f"{stack.grafana.url.rstrip('/')}/alerting/list?search=${{__value.raw:percentencode}}"
    return panels.firing(
        stack.service.name,
        width=8,
        height=8,
        drill={"alertname": list_of_alerts},
        why="What to open first: the alert that lasts longest is often the cause of the others.",
    )


def since_when(stack: Stack) -> list[Panel]:
    """Return when errors and slowness began."""
    here = panels.scope(stack.targets.api)
    return [
        panels.share(
            "API error ratio",
            total(rate(REQUESTS, *here, FAILED, over=RATE)),
            total(rate(REQUESTS, *here, over=RATE)),
            steps=at_most(ERROR_RATIO.of(stack)),
            height=8,
            why="Where the line leaves the floor it began; over the dashes someone is paged.",
        ),
        panels.latency(
            "API latency",
            REQUEST_DURATION,
            *here,
            quantiles=(0.5, 0.95),
            steps=at_most(stack.slo.latency.threshold_seconds),
            height=8,
            why="p95 alone rises: one dependency or route. Both rise: the whole server.",
        ),
    ]


def where(stack: Stack) -> list[Panel]:
    """Return where it hurts: routes, classes of status."""
    here = panels.scope(stack.targets.api)
    failed = total(rate(REQUESTS, *here, FAILED, over=RATE), by=(ROUTE,))
    every = total(rate(REQUESTS, *here, over=RATE), by=(ROUTE,))
    return [
        panels.series(
            "Failing requests by route",
            Query(top(WORST_ROUTES, f"{failed} or 0 * {every}"), legend(ROUTE)),
            unit="reqps",
            height=8,
            empty="no requests",
            why="One route: its code or its dependency. All of them: what they share.",
        ),
        panels.traffic(
            "Requests by status",
            REQUESTS,
            *here,
            by=(STATUS,),
            unit="reqps",
            stacked=True,
            height=8,
            why="A step down without a deploy is lost clients, not calm.",
        ),
    ]


def targets(stack: Stack) -> Panel:
    """Return which target is not scraped, and since when."""
    return panels.targets(
        "Targets",
        stack.targets.jobs_scraped,
        *_every(stack),
        width=24,
        height=8,
        why="Which target is not scraped, and since when. MISSING: Prometheus no longer knows a target of that job.",
    )


def digits(objective: float) -> int:
    """Return how many digits after the point tell a percentage from its promise: one more than the promise has."""
    return len(f"{100 * objective:.10g}".partition(".")[2]) + 1


def promise(slo: Slo) -> list[Panel]:
    """Return one promise: how it is kept over its window, and what is left of its budget."""
    return [
        number(
            f"{slo.title}, {slo.window}",
            f"1 - {slo.error_ratio(slo.window)}",
            decimals=digits(slo.objective),
            width=6,
            steps=at_least(slo.objective),
            why=f"The promise is {slo.objective:.3%} over {slo.window}; every request weighs the same.",
        ),
        panels.budget(slo, width=6, why="Orange: slow down with risky changes. Red: the promise is broken."),
    ]


def tickets(stack: Stack) -> Panel:
    """Return the work for the day."""
    firing = (ALERTSTATE.eq("firing"), SERVICE.eq(stack.service.name), SEVERITY.eq("ticket"))
    return number(
        "Tickets",
        f"{aggregate('count', select(ALERTS, *firing))} or vector(0)",
        width=6,
        steps=at_most(1),
        why="Work for the day. A growing number is debt that pages next month.",
    )


def _every(stack: Stack) -> tuple[Matcher, ...]:
    return JOB.re("|".join(stack.targets.jobs_scraped)), ENVIRONMENT.re("$environment"), INSTANCE.re("$instance")


def _to(stack: Stack, slug: str) -> Link:
    return Link(f"Open {slug}", f"/d/{dashboard_uid(stack, slug)}?${{__url_time_range}}")
