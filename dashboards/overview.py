"""Overview: is something broken, since when, where, and what next? Below: are the month's promises kept?"""

from typing import Any

from alerts.api import ERROR_RATIO
from alerts.jobs import FAILURE_RATIO, STALLED_SECONDS
from alerts.mongodb import CONNECTIONS_RATIO, connections_ratio
from alerts.redis import MEMORY_RATIO
from metrics import mongodb, redis
from obs.alerting.slo import Slo, availability, latency
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import NOW, RATE, Link, Panel, Query, at_least, at_most, number, rated
from obs.query.promql import aggregate, quantile, rate, ratio, select, total
from obs.stack import Stack
from obs.stack.identity import dashboard_uid
from watchkeeper.contract.labels import (
    ALERTSTATE,
    ENVIRONMENT,
    INSTANCE,
    JOB,
    QUEUE,
    ROUTE,
    SERVICE,
    SEVERITY,
    STATUS,
    Matcher,
)
from watchkeeper.contract.metrics import (
    JOBS_FAILED,
    JOBS_OLDEST_WAITING,
    JOBS_PROCESSED,
    REQUEST_DURATION,
    REQUESTS,
    WS_USERS,
)
from watchkeeper.contract.ratings import RATINGS
from watchkeeper.contract.scraping import ALERTS, UP

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
                jobs_failing,
                mongodb_up,
                redis_up,
                targets_down,
                presence,
                firing,
                since_when,
                where,
                job_runs,
                targets,
            ],
            "Promises": [*promise(availability(stack)), *promise(latency(stack))],
            "Room left": [tickets, oldest_job, mongodb_room, redis_room],
            "UX": ux,
        },
    )


SMALL: Any = {"width": 3, "height": 4}


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


def jobs_failing(stack: Stack) -> Panel:
    """Return the share of jobs that fail."""
    here = panels.scope(stack.targets.jobs)
    return number(
        "Jobs failing",
        ratio(total(rate(JOBS_FAILED, *here, over=NOW)), total(rate(JOBS_PROCESSED, *here, over=NOW))),
        steps=at_most(FAILURE_RATIO.of(stack)),
        why="Red: a queue's code or what it depends on is broken. No data: nothing takes from the queues.",
        links=(_to(stack, "jobs"),),
        **SMALL,
    )


def mongodb_up(stack: Stack) -> Panel:
    """Return whether MongoDB answers."""
    return panels.up(
        "MongoDB",
        aggregate("min", select(mongodb.UP, *panels.scope(stack.targets.mongodb))),
        why="DOWN: the exporter runs and can't reach the database. No data: the exporter is gone.",
        links=(_to(stack, "mongodb"),),
        **SMALL,
    )


def redis_up(stack: Stack) -> Panel:
    """Return whether Redis answers."""
    return panels.up(
        "Redis",
        aggregate("min", select(redis.UP, *panels.scope(stack.targets.redis))),
        why="DOWN: the exporter runs and can't reach Redis; metrics of the API stop with it.",
        links=(_to(stack, "redis"),),
        **SMALL,
    )


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
        height=7,
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
            height=7,
            why="Where the line leaves the floor it began; over the dashes someone is paged.",
        ),
        panels.latency(
            "API latency",
            REQUEST_DURATION,
            *here,
            quantiles=(0.5, 0.95),
            steps=at_most(stack.slo.latency.threshold_seconds),
            height=7,
            why="p95 alone rises: one dependency or route. Both rise: the whole server.",
        ),
    ]


def where(stack: Stack) -> list[Panel]:
    """Return where it hurts: routes, classes of status."""
    here = panels.scope(stack.targets.api)
    return [
        panels.traffic(
            "Failing requests by route",
            REQUESTS,
            *here,
            FAILED,
            by=(ROUTE,),
            most=WORST_ROUTES,
            unit="reqps",
            height=7,
            empty="no request has failed",
            why="One route: its code or its dependency. All of them: what they share.",
        ),
        panels.traffic(
            "Requests by status",
            REQUESTS,
            *here,
            by=(STATUS,),
            unit="reqps",
            stacked=True,
            height=7,
            why="A step down without a deploy is lost clients, not calm.",
        ),
    ]


def job_runs(stack: Stack) -> Panel:
    """Return what the workers do, and which queue fails."""
    here = panels.scope(stack.targets.jobs)
    return panels.series(
        "Job runs",
        Query(total(rate(JOBS_PROCESSED, *here, over=RATE)), "processed"),
        Query(total(rate(JOBS_FAILED, *here, over=RATE), by=(QUEUE,)), "{{queue}} failed"),
        height=7,
        why="Failures of one queue are its code; of all of them a dependency. No line: the workers are gone.",
    )


def targets(stack: Stack) -> Panel:
    """Return which target is not scraped, and since when."""
    return panels.timeline(
        "Targets",
        Query(aggregate("min", select(UP, *_every(stack)), by=(JOB, INSTANCE)), "{{job}} {{instance}}"),
        width=24,
        height=8,
        why="Which target is not scraped, and since when. A band that ends: Prometheus no longer knows the target.",
    )


def promise(slo: Slo) -> list[Panel]:
    """Return one promise: how it is kept over its window, and what is left of its budget."""
    return [
        number(
            f"{slo.title}, {slo.window}",
            f"1 - {slo.error_ratio(slo.window)}",
            decimals=3,
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


def oldest_job(stack: Stack) -> Panel:
    """Return how long a job waits."""
    return number(
        "Oldest waiting job",
        aggregate("max", select(JOBS_OLDEST_WAITING, *panels.scope(stack.targets.jobs))),
        steps=at_most(STALLED_SECONDS.of(stack)),
        width=6,
        links=(_to(stack, "jobs"),),
        why="Red: a queue has stalled.",
    )


def mongodb_room(stack: Stack) -> Panel:
    """Return how near MongoDB is to refusing clients."""
    return number(
        "MongoDB connections used",
        aggregate("max", connections_ratio(*panels.scope(stack.targets.mongodb))),
        steps=at_most(CONNECTIONS_RATIO.of(stack)),
        width=6,
        links=(_to(stack, "mongodb"),),
        why="Red: clients will soon be refused; look for a leak before raising the limit.",
    )


def redis_room(stack: Stack) -> Panel:
    """Return how near Redis is to its maxmemory."""
    cache = panels.scope(stack.targets.redis)
    return number(
        "Redis memory used",
        ratio(total(select(redis.MEMORY_USED, *cache)), total(select(redis.MEMORY_MAX, *cache))),
        steps=at_most(MEMORY_RATIO.of(stack)),
        width=6,
        links=(_to(stack, "redis"),),
        why="Red: keys will be evicted or writes refused. No data where no maxmemory is set.",
    )


def ux(stack: Stack) -> list[Panel]:
    """Return the three Core Web Vitals."""
    here = panels.scope(stack.targets.vitals)
    return [
        number(
            f"{rating.words} p75",
            quantile(0.75, rating.metric, *here, over="$__range"),
            width=8,
            steps=rated(rating.good, rating.poor),
            links=(_to(stack, "ux"),),
            why=f"Good up to {rating.good:g}, poor above {rating.poor:g}, for three visits in four.",
        )
        for rating in RATINGS
        if rating.core
    ]


def _every(stack: Stack) -> tuple[Matcher, ...]:
    return JOB.re("|".join(stack.targets.jobs_scraped)), ENVIRONMENT.re("$environment"), INSTANCE.re("$instance")


def _to(stack: Stack, slug: str) -> Link:
    return Link(f"Open {slug}", f"/d/{dashboard_uid(stack, slug)}?${{__url_time_range}}")
