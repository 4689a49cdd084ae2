"""Overview: are we keeping our promises, what is firing, is everything up, and where does one look next?"""

from typing import Any

from alerts.api import ERROR_RATIO
from alerts.jobs import FAILURE_RATIO, STALLED_SECONDS
from alerts.mongodb import CONNECTIONS_RATIO, connections_ratio
from alerts.redis import MEMORY_RATIO
from metrics import mongodb, redis
from obs.alerting.slo import Slo, availability, latency
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import RATE, Link, Panel, at_least, at_most, number, rated
from obs.query.promql import aggregate, quantile, rate, ratio, select, total
from obs.stack import Stack
from obs.stack.identity import dashboard_uid
from watchkeeper.contract.labels import ALERTSTATE, ENVIRONMENT, INSTANCE, JOB, SERVICE, SEVERITY, STATUS
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


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard to open first."""
    return board(
        stack,
        slug="overview",
        title="Overview",
        why="The promises, what fires, what is up, and one row per part with the way down to its dashboard.",
        jobs=stack.targets.jobs_scraped,
        runbook="incident-response.md",
        span="24h",
        rows={
            "Promises": [*promise(availability(stack)), *promise(latency(stack))],
            "Now": now(stack),
            "API": [*api(stack), presence],
            "Jobs": jobs,
            "Databases": [mongodb_now, redis_now],
            "UX": ux,
        },
    )


def promise(slo: Slo) -> list[Panel]:
    """Return one promise: how it is kept over its window, and what is left of its budget."""
    return [
        number(
            f"{slo.title}, {slo.window}",
            f"1 - {slo.error_ratio(slo.window)}",
            instant=True,
            decimals=3,
            width=6,
            steps=at_least(slo.objective),
            why=f"The promise is {slo.objective:.3%} over {slo.window}; every request weighs the same.",
        ),
        panels.budget(slo, width=6, why="Orange: slow down with risky changes. Red: the promise is broken."),
    ]


def now(stack: Stack) -> list[Panel]:
    """Return what fires and what is scraped at this moment."""
    firing = (ALERTSTATE.eq("firing"), SERVICE.eq(stack.service.name))
    here = JOB.re("|".join(stack.targets.jobs_scraped)), ENVIRONMENT.re("$environment"), INSTANCE.re("$instance")
    return [
        number(
            f"Firing: {severity}",
            f"{aggregate('count', select(ALERTS, *firing, SEVERITY.eq(severity)))} or vector(0)",
            width=6,
            steps=at_most(1),
            why=why,
        )
        for severity, why in (
            ("page", "Somebody has been paged. Open the alert's runbook; its name is in the red annotation."),
            ("ticket", "Work for the day. A growing number is debt that pages next month."),
        )
    ] + [
        number(
            "Targets up",
            ratio(aggregate("sum", select(UP, *here)), aggregate("count", select(UP, *here))),
            width=6,
            steps=at_least(1),
            why="Below 100 % something is not scraped: what it would say is missing everywhere else.",
        ),
        panels.series(
            "Targets down by job",
            panels.Query(f"{aggregate('sum', f'1 - {select(UP, *here)}', by=(JOB,))}", "{{job}}"),
            width=6,
            height=4,
            why="Which job is not scraped. A target that vanished altogether is an alert of its own.",
        ),
    ]


def api(stack: Stack) -> list[Panel]:
    """Return the API in three numbers."""
    here = panels.scope(stack.targets.api)
    every = total(rate(REQUESTS, *here, over=RATE))
    failed = total(rate(REQUESTS, *here, STATUS.re("5.."), over=RATE))
    down: dict[str, Any] = {"links": (_to(stack, "api"),), "width": 6}
    return [
        number("Requests", every, unit="reqps", why="A step down without a deploy is lost clients.", **down),
        number(
            "Error ratio",
            ratio(failed, every),
            steps=at_most(ERROR_RATIO.of(stack)),
            why="Server faults only. Red pages someone.",
            **down,
        ),
        number(
            "p95",
            quantile(0.95, REQUEST_DURATION, *here, over=RATE),
            steps=at_most(stack.slo.latency.threshold_seconds),
            why="Red: slower than promised. The API dashboard names the routes.",
            **down,
        ),
    ]


def presence(stack: Stack) -> Panel:
    """Return how many are connected."""
    users = total(select(WS_USERS, *panels.scope(stack.targets.websockets)))
    return number("Users present", users, why="A cliff is a cut connection.", links=(_to(stack, "api"),), width=6)


def jobs(stack: Stack) -> list[Panel]:
    """Return the jobs in three numbers."""
    here = panels.scope(stack.targets.jobs)
    done = total(rate(JOBS_PROCESSED, *here, over=RATE))
    down: dict[str, Any] = {"links": (_to(stack, "jobs"),), "width": 8}
    return [
        number("Jobs processed", done, why="Zero in working hours: nothing takes from the queues.", **down),
        number(
            "Job failure ratio",
            ratio(total(rate(JOBS_FAILED, *here, over=RATE)), done),
            steps=at_most(FAILURE_RATIO.of(stack)),
            why="Red: a queue's code or what it depends on is broken.",
            **down,
        ),
        number(
            "Oldest waiting job",
            aggregate("max", select(JOBS_OLDEST_WAITING, *here)),
            steps=at_most(STALLED_SECONDS.of(stack)),
            why="Red: a queue has stalled.",
            **down,
        ),
    ]


def mongodb_now(stack: Stack) -> list[Panel]:
    """Return MongoDB in two numbers."""
    mongo = panels.scope(stack.targets.mongodb)
    to_mongo: dict[str, Any] = {"links": (_to(stack, "mongodb"),), "width": 6}
    return [
        number(
            "MongoDB up",
            aggregate("min", select(mongodb.UP, *mongo)),
            steps=at_least(1),
            why="0: the exporter runs and can't reach the database.",
            **to_mongo,
        ),
        number(
            "MongoDB connections used",
            aggregate("max", connections_ratio(*mongo)),
            steps=at_most(CONNECTIONS_RATIO.of(stack)),
            why="Red: clients will soon be refused; look for a leak before raising the limit.",
            **to_mongo,
        ),
    ]


def redis_now(stack: Stack) -> list[Panel]:
    """Return Redis in two numbers."""
    cache = panels.scope(stack.targets.redis)
    to_redis: dict[str, Any] = {"links": (_to(stack, "redis"),), "width": 6}
    return [
        number(
            "Redis up",
            aggregate("min", select(redis.UP, *cache)),
            steps=at_least(1),
            why="0: the exporter runs and can't reach Redis; metrics of the API stop with it.",
            **to_redis,
        ),
        number(
            "Redis memory used",
            ratio(total(select(redis.MEMORY_USED, *cache)), total(select(redis.MEMORY_MAX, *cache))),
            steps=at_most(MEMORY_RATIO.of(stack)),
            why="Red: keys will be evicted or writes refused. Empty where no maxmemory is set.",
            **to_redis,
        ),
    ]


def ux(stack: Stack) -> list[Panel]:
    """Return the three Core Web Vitals."""
    here = panels.scope(stack.targets.vitals)
    return [
        number(
            f"{rating.words} p75",
            quantile(0.75, rating.metric, *here, over="$__range"),
            instant=True,
            decimals=2,
            width=8,
            steps=rated(rating.good, rating.poor),
            links=(_to(stack, "ux"),),
            why=f"Good up to {rating.good:g}, poor above {rating.poor:g}, for three visits in four.",
        )
        for rating in RATINGS
        if rating.core
    ]


def _to(stack: Stack, slug: str) -> Link:
    return Link(f"Open {slug}", f"/d/{dashboard_uid(stack, slug)}?${{__url_time_range}}")
