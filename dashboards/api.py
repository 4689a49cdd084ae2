"""API: do we answer, do we answer right, do we answer in time, and if not, where does it hurt?"""

from alerts.api import ERROR_RATIO
from alerts.api_traffic import BUSY, CONNECTED, HANGING, LEFT, connected, counted
from obs.alerting.slo import availability, latency
from obs.boards import panels
from obs.boards.board import Dashboard, board, variable
from obs.boards.panels import NOW, RATE, Column, Query, at_most, legend, scope
from obs.query import logql
from obs.query.promql import called, quantile, rate, ratio, select, total
from obs.stack import Stack
from obs.stack.identity import dashboard_uid
from watchkeeper.contract.labels import CLOSE_REASON, DIRECTION, JOB, METHOD, ROUTE, STATUS
from watchkeeper.contract.metrics import (
    REQUEST_DURATION,
    REQUEST_SIZE,
    REQUESTS,
    REQUESTS_IN_PROGRESS,
    RESPONSE_SIZE,
    WS_CONNECTIONS,
    WS_CONNECTS,
    WS_DISCONNECTS,
    WS_DURATION,
    WS_MESSAGES,
    WS_USERS,
)

SERVER_ERROR = STATUS.re("5..")


def dashboard(stack: Stack) -> Dashboard:
    """Return the dashboard of the HTTP and WebSocket API."""
    return board(
        stack,
        slug="api",
        title="API",
        why="Requests, errors and duration of the API, by route; who is connected; what its log says.",
        jobs=(stack.targets.api.job,),
        runbook="api.md",
        variables=(variable("route", REQUESTS, ROUTE, JOB.eq(stack.targets.api.job), words="Route"),),
        rows={
            "Now": now(stack),
            "Since when, and where": requests(stack),
            "Errors in the log": errors,
            "Promises": promises(stack),
            "Traffic and size": traffic(stack),
            "WebSocket presence": presence,
        },
        folded=("Traffic and size", "WebSocket presence"),
    )


def now(stack: Stack) -> list[panels.Panel]:
    """Return whether requests are answered, right and in time, of the routes selected."""
    uptime, speed = availability(stack), latency(stack)
    here = (*scope(stack.targets.api), ROUTE.re("$route"))
    every = total(rate(REQUESTS, *here, over=NOW))
    return [
        panels.number(
            "Failing",
            ratio(total(rate(REQUESTS, *here, SERVER_ERROR, over=NOW)), every),
            steps=at_most(ERROR_RATIO.of(stack)),
            why="Server faults of the last five minutes. No data: nobody asks, or the API is gone.",
        ),
        panels.number(
            f"p{100 * speed.objective:g}",
            quantile(speed.objective, REQUEST_DURATION, *here, over=NOW),
            steps=at_most(stack.slo.latency.threshold_seconds),
            why="Red: slower than promised. The table names the routes.",
        ),
        panels.number(
            "Requests",
            every,
            unit="reqps",
            steps=panels.any_at_all(),
            why="Red: nobody asks. No data: nothing counts. *Requests, of before* holds them against yesterday's.",
        ),
        panels.number(
            "In flight",
            total(select(REQUESTS_IN_PROGRESS, *scope(stack.targets.api))),
            steps=at_most(HANGING),
            why="Rising on flat traffic: something below has stopped answering. Look at the databases.",
        ),
        panels.number(
            "Burn rate, 1 h",
            panels.while_up(stack.targets.api, f"{uptime.error_ratio('1h')} / {uptime.budget:g}"),
            unit="none",
            decimals=1,
            steps=panels.rated(1, 14.4),
            why="1 spends the budget exactly by the end of the window, 14.4 spends it in two days and pages.",
        ),
        panels.number(
            "Requests answered in time, 1 h",
            panels.while_up(stack.targets.api, f"1 - {speed.error_ratio('1h')}"),
            steps=panels.at_least(speed.objective),
            why=f"The promise is {speed.objective:.0%} within {stack.slo.latency.threshold_seconds:g} s.",
        ),
    ]


def promises(stack: Stack) -> list[panels.Panel]:
    """Return what is left of the month's budgets."""
    return [
        panels.budget(
            availability(stack),
            width=12,
            why="Red: this month's promise is broken; stop risky deploys and fix what fails.",
        ),
        panels.budget(
            latency(stack), width=12, why="Red: this month's promise is broken; the routes table names the slow ones."
        ),
    ]


def traffic(stack: Stack) -> list[panels.Panel]:
    """Return how much is asked and answered, by kind and size."""
    here = (*scope(stack.targets.api), ROUTE.re("$route"))
    busy = select(REQUESTS_IN_PROGRESS, *scope(stack.targets.api))
    return [
        panels.traffic(
            "Requests by method",
            REQUESTS,
            *here,
            by=(METHOD,),
            unit="reqps",
            why="A step down without a deploy is lost clients, not calm: check the load balancer and DNS.",
        ),
        of_before(stack),
        panels.series(
            "In flight by method",
            Query(f"{total(busy, by=(METHOD,))} > 0", legend(METHOD)),
            empty="nothing in flight",
            why="Rising on flat traffic: something below has stopped answering. Look at the databases.",
        ),
        panels.latency(
            "Request size",
            REQUEST_SIZE,
            *here,
            width=12,
            why="A jump is a new client or an upload gone wrong; it costs memory before it costs time.",
        ),
        panels.latency(
            "Response size",
            RESPONSE_SIZE,
            *here,
            width=12,
            why="Growing week over week: a list without paging. It shows in latency next.",
        ),
    ]


def of_before(stack: Stack) -> panels.Panel:
    """Return what comes in beside what came at this hour before, as the alert about lost callers sees it."""
    now, yesterday, last_week = counted(*scope(stack.targets.api), ROUTE.re("$route"))
    return panels.series(
        "Requests, of before",
        Query(f"{now} / ({yesterday} > {BUSY})", "of yesterday"),
        Query(f"{now} / ({last_week} > {BUSY})", "of a week ago"),
        unit="percentunit",
        steps=panels.at_least(LEFT),
        empty="hardly any came before",
        why="Of what came at the same hour. Both below the line page someone: callers can't reach the API.",
    )


def requests(stack: Stack) -> list[panels.Panel]:
    """Return rate, errors and duration (RED), of the routes selected."""
    here = (*scope(stack.targets.api), ROUTE.re("$route"))
    return [
        panels.share(
            "Error ratio",
            total(rate(REQUESTS, *here, SERVER_ERROR, over=RATE)),
            total(rate(REQUESTS, *here, over=RATE)),
            steps=at_most(ERROR_RATIO.of(stack)),
            why="Server faults only: a 4xx is the caller's. Over the line someone is paged; suspect the newest deploy.",
        ),
        panels.latency(
            "Latency",
            REQUEST_DURATION,
            *here,
            quantiles=(0.5, stack.slo.latency.objective),
            steps=at_most(stack.slo.latency.threshold_seconds),
            why="The upper line leaving the lower is one slow dependency; both rising is a full server.",
        ),
        panels.traffic(
            "Requests by status",
            REQUESTS,
            *here,
            by=(STATUS,),
            unit="reqps",
            stacked=True,
            why="A new colour is a new failure. 499 and 504 grow when answers come too late.",
        ),
        routes(stack),
        panels.heatmap(
            "Latency spread",
            REQUEST_DURATION,
            *here,
            width=12,
            why="Two bands are two populations: a cache that misses, a replica that lags. A dot opens its trace.",
        ),
    ]


def routes(stack: Stack) -> panels.Panel:
    """Return the table that says which route to look at."""
    here = (*scope(stack.targets.api), ROUTE.re("$route"))
    every = total(rate(REQUESTS, *here, over=NOW), by=(ROUTE,))
    failed = total(rate(REQUESTS, *here, SERVER_ERROR, over=NOW), by=(ROUTE,))
    alone = f"/d/{dashboard_uid(stack, 'api')}"
    return panels.table(
        "Routes",
        {
            "Error ratio": Column(ratio(failed, every), "percentunit", at_most(ERROR_RATIO.of(stack))),
            "Requests/s": Column(every, "reqps"),
            "p95": Column(
                quantile(0.95, REQUEST_DURATION, *here, over=NOW, by=(ROUTE,)),
                "s",
                at_most(stack.slo.latency.threshold_seconds),
            ),
        },
        width=12,
        empty="no request counted",
        drill={called(ROUTE): f"{alone}?var-route=${{__value.raw:percentencode}}&${{__url_time_range}}"},
        why="The last five minutes, the route that fails most first; click it to see it alone.",
    )


def presence(stack: Stack) -> list[panels.Panel]:
    """Return who is connected, and how connections end."""
    here = scope(stack.targets.websockets)
    open_now, open_before = connected(*here)
    return [
        panels.level(
            "Users present", WS_USERS, *here, by=(ROUTE,), why="A cliff is a deploy or a network that cut them off."
        ),
        panels.level(
            "Connections",
            WS_CONNECTIONS,
            *here,
            by=(ROUTE,),
            why="Far above users present: clients reconnect and leave their old sockets behind.",
        ),
        panels.series(
            "Connections, of before",
            Query(f"{open_now} / ({open_before} > {CONNECTED})", "of half an hour ago"),
            unit="percentunit",
            steps=panels.at_least(LEFT),
            empty="hardly any were open before",
            why="Of what was open on average half an hour ago. Below the line someone is paged: read how they ended.",
        ),
        panels.traffic(
            "Connects",
            WS_CONNECTS,
            *here,
            by=(ROUTE,),
            width=6,
            height=9,
            why="High and steady with flat presence is a reconnect loop; read the disconnect reasons.",
        ),
        panels.traffic(
            "Disconnects by reason",
            WS_DISCONNECTS,
            *here,
            by=(CLOSE_REASON,),
            width=6,
            height=9,
            why="'abnormal' is the network or a crash, 'server_error' is ours, 'going_away' a deploy or a closed tab.",
        ),
        panels.traffic(
            "Messages",
            WS_MESSAGES,
            *here,
            by=(DIRECTION,),
            width=6,
            height=9,
            why="Out without in is a fan-out storm.",
        ),
        panels.latency(
            "Connection duration",
            WS_DURATION,
            *here,
            quantiles=(0.5, 0.95),
            width=6,
            height=9,
            why="A sharp ceiling is a proxy's idle timeout: raise it or send pings.",
        ),
    ]


def errors(stack: Stack) -> list[panels.Panel]:
    """Return what the service's log says went wrong."""
    stack.datasources.require("loki")
    expr = logql.query(stack, "error-sentences").expr
    why = "What the service itself says went wrong, a sentence a line. Open a line, then its trace."
    return [panels.logs("Error lines", expr, height=9, empty="no error line seen", why=why)]
