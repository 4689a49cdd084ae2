"""Faults of the kinds that teams really make, planted one at a time: each is noticed, where it stands."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from obs.alerting import Alert
from obs.proofs.report import pointed
from obs.query import logql
from obs.query.pipeline import FIELDS
from obs.stack import Stack
from obs.stack.settings import Targets
from tests.proofs.planted import ALERT, QUERY, SOURCE, Plant, Planted

QUERIES = [
    # A matcher no series can meet.
    ("query/impossible-value", 'up{job="rce"}', 'job="rce"'),
    ("query/impossible-value", 'rate(http_requests_total{job="redis"}[5m])', 'job="redis"'),
    ("query/impossible-value", 'redis_up{job="mongodb"}', 'job="mongodb"'),
    ("query/impossible-value", 'alertmanager_alerts{job="prometheus"}', 'job="prometheus"'),
    ("query/impossible-value", 'job:http_requests:rate5m{job="redis"}', 'job="redis"'),
    ("query/impossible-value", 'rate(http_requests_total{status=~"5xx"}[5m])', 'status=~"5xx"'),
    ("query/impossible-value", 'rate(http_requests_total{status="5"}[5m])', 'status="5"'),
    ("query/impossible-value", 'rate(http_requests_total{status!="5"}[5m])', 'status!="5"'),
    ("query/impossible-value", 'rate(http_requests_total{route!~".*"}[5m])', 'route!~".*"'),
    ("query/impossible-value", 'rate(http_requests_total{status!~"...|.*"}[5m])', 'status!~"...|.*"'),
    ("query/impossible-value", 'rate(http_requests_total{method=~"GET|FETCH"}[5m])', 'method=~"GET|FETCH"'),
    ("query/impossible-value", 'ALERTS{alertname="ApiGone"}', 'alertname="ApiGone"'),
    ("query/impossible-value", 'ALERTS{service="shop"}', 'service="shop"'),
    # The shape of a query.
    ("function/rate-of-sum", "rate(sum by (route) (http_requests_total)[5m:])", "rate"),
    ("function/rate-of-sum", "increase(sum(http_requests_total)[1h:1m])", "increase"),
    ("function/raw-counter", "sum by (route) (http_requests_total)", "http_requests_total"),
    ("function/raw-counter", "http_requests_total > 100", "http_requests_total"),
    (
        "function/raw-counter",
        "histogram_quantile(0.9, sum by (le) (http_request_duration_seconds_bucket))",
        "http_request_duration_seconds_bucket",
    ),
    (
        "function/quantile-range",
        "histogram_quantile(95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
        "histogram_quantile(95",
    ),
    ("function/quantile-range", "quantile(50, jobs_waiting)", "quantile(50"),
    ("function/quantile-range", "quantile_over_time(1.5, jobs_waiting[5m])", "quantile_over_time(1.5"),
    ("function/short-window", "rate(http_requests_total[15s])", "rate"),
    ("function/short-window", "deriv(jobs_waiting[20s])", "deriv"),
    ("function/short-window", "rate(http_requests_total[$__interval])", "[$__interval]"),
    ("function/short-window", 'increase(http_requests_total{route="a}"}[${__interval}])', "[${__interval}]"),
    ("function/long-step", "max_over_time(jobs_waiting[5m:10m])", "[5m:10m]"),
    (
        "function/average-quantile",
        "avg(histogram_quantile(0.95, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m]))))",
        "avg",
    ),
    (
        "function/average-quantile",
        "avg_over_time(histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))[1h:5m])",
        "avg_over_time",
    ),
    # Vector matching.
    (
        "operator/never-met",
        'rate(redis_commands_total{job="redis"}[5m]) > on (job) rate(mongodb_ss_opcounters{job="mongodb"}[5m])',
        " > ",
    ),
    ("operator/never-met", 'jobs_waiting{queue="a"} > jobs_workers{queue="b"}', " > "),
    ("operator/never-met", "redis_connected_clients > on (instance) mongodb_up", " > "),
    (
        "operator/never-met",
        'rate(http_requests_total{method="GET"}[5m]) and on (method) rate(http_requests_total{method="POST"}[5m])',
        " and ",
    ),
    # Units.
    ("operator/unlike-units", "jobs_oldest_waiting_seconds > jobs_waiting", " > "),
    ("operator/unlike-units", "redis_memory_used_bytes + redis_uptime_in_seconds", " + "),
]

SOUND = [
    # RE2 reads these, and Python does not.
    'rate(http_requests_total{method=~"[[:alpha:]]+"}[5m])',
    'rate(http_requests_total{method=~"\\\\pL+"}[5m])',
    'rate(http_requests_total{method=~"(?U)G.+T"}[5m])',
    'rate(http_requests_total{status!~"[[:digit:]]+"}[5m])',
    # Every part of these is met.
    'rate(http_requests_total{status=~"4..|5[0-9]{2}"}[5m])',
    'rate(http_requests_total{status=~"(4|5).."}[5m])',
    'rate(http_requests_total{method=~"$method|GET"}[5m])',
    'rate(http_requests_total{route!~"/internal/.*"}[5m])',
    # A counter whose height is not asked for.
    "count by (route) (http_requests_total)",
    "changes(http_requests_total[5m])",
    "jobs_workers unless on (queue) jobs_processed_total",
    "absent(http_requests_total)",
    "rate(http_requests_total[$__rate_interval])",
    "max_over_time(rate(http_requests_total[5m])[1h:1m])",
    "max_over_time(jobs_waiting[15s])",
    "jobs_waiting[$__interval]",
    # Unlike labels that are not matched on, and unlike numbers that belong together.
    "redis_connected_clients and on (environment) mongodb_up",
    "time() - telemetry_last_flush_timestamp_seconds > 120",
    "max by (route) (histogram_quantile(0.9, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m]))))",
    "quantile(0.5, jobs_waiting)",
    "sum(up) / count(up)",
    "redis_memory_used_bytes / redis_memory_max_bytes > 0.9 and redis_memory_max_bytes > 0",
    "sum by (instance) (rate(redis_commands_duration_seconds_total[5m])) > sum by (instance) (redis_db_keys)",
]


@pytest.mark.parametrize(("check", "expr", "part"), QUERIES)
def test_a_fault_in_a_query_is_noticed(planted: Planted, check: str, expr: str, part: str) -> None:
    """The check that claims the kind tells it, and carets stand below the guilty part."""
    found = planted.found(check, expr=expr)

    assert part in [finding.fault.part for finding in found]
    assert all(pointed(finding.fault, 120) for finding in found)


RATE = "rate(http_requests_total[5m])"


def test_what_is_known_of_one_service_is_not_said_of_another(production: Stack, tmp_path: Path) -> None:
    """Built one after the other, each is judged by its own name and its own jobs."""
    asked = 'up{job="shop"} + on () count(ALERTS{service="shop"})'
    api = replace(production.targets.api, job="shop")
    targets = Targets(production.targets | {"api": api})
    shop = replace(production, service=replace(production.service, name="shop"), targets=targets)

    told = [
        Planted(one, tmp_path).found("query/impossible-value", expr=asked) for one in (production, shop, production)
    ]

    assert [len([one for one in found if one.fault.expr == asked]) for found in told] == [2, 0, 2]


REPEATED = [
    ("function/kind", f"{RATE} > on () rate(http_requests_in_progress[5m])", "http_requests_in_progress", 43),
    ("function/raw-counter", "rate(jobs_failed_total[5m]) > jobs_failed_total", "jobs_failed_total", 30),
    ("query/unknown-label", 'http_requests_total{total="1"}', "total", 20),
    ("query/unknown-label", 'up{job="up"} + http_requests_total{up="1"}', "up", 35),
    ("query/impossible-value", 'up{job="redis"} > on () http_requests_total{job = "redis"}', 'job = "redis"', 44),
    ("function/lost-group", "sum(http_requests_total) by (total)", "total", 29),
    ("function/lost-group", f"sum by (job) ({RATE}) / on () sum by (queue) ({RATE})", "queue", 61),
    ("operator/unlike-units", 'jobs_waiting{queue=" + "} + redis_memory_used_bytes', " + ", 25),
    ("operator/unlike-units", "jobs_waiting offset -5m-redis_memory_used_bytes", "-", 23),
    ("function/short-window", "rate(http_requests_total[5m]) + rate(http_requests_total[15s])", "rate", 32),
    ("function/long-step", "max_over_time(up[1h:5m]) + max_over_time(up[5m:1h])", "[5m:1h]", 43),
    ("query/unknown-metric", 'up{job=~"upp|$a"} + upp', "upp", 20),
    ("dashboard/variable", 'up{job="no", instance="$no"}', "no", 24),
    ("variable/exact-match", 'up{job="$environment"} + up{environment="$environment"}', 'job="$environment"', 3),
]


@pytest.mark.parametrize(("check", "expr", "part", "start"), REPEATED)
def test_of_a_repeated_part_the_guilty_one_is_pointed_at(
    planted: Planted, check: str, expr: str, part: str, start: int
) -> None:
    """The same name may stand in a string, in a label, in another metric and in a part that is sound."""
    found = [finding.fault for finding in planted.found(check, expr=expr)]

    assert (part, start) in [(fault.part, fault.start) for fault in found]
    line, carets = pointed(found[0], 120) or ("", "")
    assert line[carets.index("^") :].startswith(found[0].part)


@pytest.mark.parametrize("expr", SOUND)
def test_a_sound_query_is_let_through(planted: Planted, expr: str) -> None:
    """What looks like a fault and is none raises no alarm."""
    assert planted.asked(expr, "query", "function", "operator", "alert/changing-set") == []


def ruled(**fields: Any) -> Alert:
    """Return the sound alert with other fields."""
    return replace(ALERT, **fields)


RULES: list[tuple[str, Alert, str]] = [
    (
        "alert/changing-set",
        ruled(expr='topk(3, sum by (route) (rate(http_requests_total{job="rce-api", status=~"5.."}[5m]))) > 1'),
        "topk picks other series from one evaluation to the next",
    ),
    ("alert/short-hold", ruled(hold="10s"), "hold = '10s' is shorter than the 15s between two evaluations"),
    ("alert/promise", ruled(slo="availabilty"), "there is no promise 'availabilty'; there is availability, latency"),
    (
        "alert/summary",
        ruled(summary="MongoDB is down."),
        "the summary is about MongoDB, and the expression reads job rce-api",
    ),
    (
        "alert/summary",
        ruled(
            expr="redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.9", summary="Redis uses over 80 % of it."
        ),
        "the summary says 80 %, and the expression has no such number",
    ),
    (
        "alert/unrounded",
        ruled(expr='rate(redis_evicted_keys_total{job="redis"}[5m]) > 1', description="{{ $value }} a second."),
        "{{ $value }} is read with up to 17 digits",
    ),
    ("query/impossible-value", ruled(expr='ALERTS{alertname="ApiGone"} == 1'), 'ALERTS is never alertname="ApiGone"'),
    ("function/raw-counter", ruled(expr="redis_evicted_keys_total > 10"), "redis_evicted_keys_total is a counter"),
]


@pytest.mark.parametrize(("check", "alert", "said"), RULES)
def test_a_fault_in_a_rule_is_noticed(planted: Planted, check: str, alert: Alert, said: str) -> None:
    """A rule is judged for what it is: what a board may ask, an alert may not."""
    assert said in " ".join(planted.told(check, alert=alert))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (ruled(name="ApiGone"), "ApiGone has the condition of ApiDown, so both fire at once"),
        (ruled(name="ApiGone", expr='0 == up{job="rce-api"}'), None),
        (ruled(name="ApiGone", expr='  (up{job="rce-api"})==0'), "ApiGone has the condition of ApiDown"),
        (ruled(expr='up{job="redis"} == 0'), "has the name ApiDown as well"),
    ],
)
def test_a_second_alert_for_one_thing_is_noticed(planted: Planted, more: Alert, said: str | None) -> None:
    """One name or one condition for two alerts, however it is written."""
    told = planted.told("alert/repeated", more=(more,))

    assert told == [] if said is None else said in " ".join(told)


@pytest.mark.parametrize(
    ("check", "recorded", "said"),
    [
        (
            "recording/name",
            "sum by (job) (rate(http_requests_total[1m]))",
            "its name says 5m, and its rule looks back 1m",
        ),
        (
            "recording/name",
            "sum by (job) (increase(http_requests_total[5m]))",
            "its name says rate, and its rule takes",
        ),
        ("recording/labels", "sum by (route) (rate(http_requests_total[5m]))", "its rule leaves route"),
        (
            "recording/unused",
            "sum by (job) (rate(http_requests_total[5m]))",
            "job:http_requests:rate5m: nothing reads it",
        ),
        ("recording/unused", "sum by (job) (rate(http_requests_total[5m]))", "job:http_requests_slow:rate5m: no rule"),
    ],
)
def test_a_recording_keeps_what_its_name_promises(planted: Planted, check: str, recorded: str, said: str) -> None:
    """Its rule is there, somebody reads it, and window, function and level are those of its name."""
    assert said in " ".join(planted.told(check, recorded=recorded))


def panel(**fields: Any) -> Plant:
    """Plant fields in the first panel."""
    return lambda model: model["panels"][0].update(fields)


def asks(expr: str, unit: str = "", **fields: Any) -> Plant:
    """Have the first panel ask something, in a unit."""
    targets = [QUERY | {"expr": expr, "legendFormat": "all"} | fields]
    return panel(targets=targets, fieldConfig={"defaults": {"unit": unit}})


def fed(query: str, expr: str, name: str = "choice") -> Plant:
    """Add a variable, and have the first panel follow it."""

    def plant(model: dict[str, Any]) -> None:
        model["templating"]["list"].append(
            {"name": name, "type": "query", "multi": True, "datasource": SOURCE, "query": {"query": query}}
        )
        asks(expr)(model)

    return plant


def override(kind: str, options: str, unit: str) -> dict[str, Any]:
    """Return a panel's settings with one unit for some of its series."""
    changed = {"matcher": {"id": kind, "options": options}, "properties": [{"id": "unit", "value": unit}]}
    return {"defaults": {"unit": "bytes"}, "overrides": [changed]}


BOARDS: list[tuple[str, Plant, str]] = [
    (
        "variable/exact-match",
        asks('sum(rate(http_requests_total{environment="$environment"}[5m]))'),
        "'environment' may have several values",
    ),
    (
        "variable/exact-match",
        asks('sum(rate(http_requests_total{environment!="${environment}"}[5m]))'),
        'write environment!~"${environment}"',
    ),
    (
        "variable/exact-match",
        asks('{service="$environment"} | json', datasource={"type": "loki", "uid": "loki"}),
        "'environment' may have several values",
    ),
    (
        "variable/ignored",
        asks("sum(rate(http_requests_total[5m]))"),
        "it shows the same whatever is chosen for 'environment'",
    ),
    (
        "variable/fed-elsewhere",
        fed("label_values(websocket_connections, route)", 'sum(rate(http_requests_total{route=~"$choice"}[5m]))'),
        "its values come from websocket_connections, which no panel that uses it reads",
    ),
    (
        "variable/fed-elsewhere",
        fed("label_values(redis_up, instance)", 'sum(rate(http_requests_total{instance=~"$choice"}[5m]))'),
        "its values come from redis, and are asked of rce-api",
    ),
    (
        "variable/fed-elsewhere",
        fed("label_values(http_requests_total, method)", 'sum(rate(http_requests_total{route=~"$choice"}[5m]))'),
        "it offers values of 'method', and is compared with 'route'",
    ),
    ("panel/unknown-unit", asks("redis_memory_used_bytes", "bytez"), "did you mean 'bytes'?"),
    ("panel/unknown-unit", panel(fieldConfig=override("byName", "all", "secs")), "Grafana knows no unit 'secs'"),
    ("panel/unit", asks("redis_memory_used_bytes / (redis_memory_max_bytes > 0)", "percent"), "take 'percentunit'"),
    (
        "panel/unit",
        panel(
            targets=[QUERY | {"expr": "redis_memory_used_bytes", "legendFormat": "memory used"}],
            fieldConfig=override("byRegexp", "/used/", "s"),
        ),
        "answers in bytes, and the unit is 's'",
    ),
    (
        "panel/one-axis",
        panel(
            fieldConfig={"defaults": {"unit": "short"}},
            targets=[
                QUERY | {"expr": "redis_memory_used_bytes"},
                QUERY | {"refId": "B", "expr": "redis_uptime_in_seconds"},
            ],
        ),
        "query A answers in bytes, query B in seconds, on one axis",
    ),
    (
        "panel/same-legend",
        panel(targets=[QUERY, QUERY | {"refId": "B", "expr": "sum by (route) (rate(http_requests_total[5m]))"}]),
        "queries A and B are both called '{{route}}'",
    ),
    (
        "dashboard/source",
        lambda model: [holder.pop("datasource") for holder in (model["panels"][0], model["panels"][0]["targets"][0])],
        "it has no data source",
    ),
    (
        "dashboard/annotation-tag",
        lambda model: model["annotations"]["list"][0].update(target={"type": "tags", "tags": ["deploys"]}),
        "nothing writes the tag 'deploys'; `obs push` writes deploy, rce-api",
    ),
    (
        "link/broken",
        panel(links=[{"title": "Route", "url": "/d/rce-api-api?viewPanel=1&var-rout=${__value.raw}"}]),
        "dashboards/api.py has no variable 'rout' to pass a value to; it has datasource, environment",
    ),
]


@pytest.mark.parametrize(("check", "plant", "said"), BOARDS)
def test_a_fault_in_a_dashboard_is_noticed(planted: Planted, check: str, plant: Plant, said: str) -> None:
    """What misleads a reader, and what Grafana shows without a word."""
    assert said in " ".join(planted.told(check, plant=plant))


@pytest.mark.parametrize(
    "plant",
    [
        asks("redis_memory_used_bytes", "suffix: bytes"),
        panel(fieldConfig=override("byRegexp", "/^used/", "s")),
        asks('sum(rate(http_requests_total{environment=~"$environment"}[5m]))', "reqps"),
        fed("label_values(http_requests_total, route)", 'sum(rate(http_requests_total{route=~"$choice"}[5m]))'),
        lambda model: (
            asks('sum(rate(http_requests_total{environment="$environment"}[5m]))')(model),
            model["panels"][0].update(repeat="environment"),
        ),
    ],
)
def test_a_sound_dashboard_is_let_through(planted: Planted, plant: Plant) -> None:
    """Words of one's own, variables fed by what is read, overrides for other series."""
    told = planted.told("variable/exact-match", "variable/fed-elsewhere", "panel/unknown-unit", plant=plant)

    assert told == []


LOGS = [
    ("query/log-line", '{service="rce-api"} | jsonn', "jsonn"),
    ("query/log-line", '{service="rce-api"} |= "a|b" | json | statuss >= 500', "statuss"),
    ("query/log-line", '{service="rce-api"} | json | route > 5', "route > 5"),
    ("query/log-line", '{service="rce-api"} | json | status >= "500"', 'status >= "500"'),
    ("query/log-line", '{service="rce-api"} | status >= 500', "status"),
    ("query/log-line", 'sum by (rout) (count_over_time({service="rce-api"} | json [5m]))', "rout"),
    ("query/log-stream", '{service="shop"} | json', 'service="shop"'),
    ("query/log-stream", '{container=~"redis|reddis"}', 'container=~"redis|reddis"'),
    ("query/log-stream", '{service="rce-api", environment="production"}', None),
    ("query/log-stream", '{service="rce-api", environment="staging"}', 'environment="staging"'),
    ("query/log-stream", 'rate(http_requests_total{job="rce-api"}[5m])', "http_requests_total"),
    ("query/log-stream", "up", ""),
    ("query/log-line", '{service="rce-api"} |= "jsonn" | jsonn', "jsonn"),
    ("query/log-line", '{service="rce-api"} |~ "5.." | json | status >= 500 or route="/x"', None),
    ("query/log-line", '{service="rce-api"} | json | duration_seconds > 1.5 | line_format "{{.route}} | {{.x}}"', None),
    ("query/log-line", '{service="redis"} | pattern "<_> <verb> <_>" | verb = "GET"', None),
    ("query/log-line", 'sum by (level) (rate({service="rce-api"} | json | status >= 500 [$__auto])) > 1', None),
    ("query/log-line", 'avg_over_time({service="rce-api"} | json | unwrap duration_seconds [5m]) by (route)', None),
]


@pytest.mark.parametrize(("check", "text", "part"), LOGS)
def test_a_question_to_the_logs_is_read_to_its_end(planted: Planted, check: str, text: str, part: str | None) -> None:
    """Streams exist, parsers are spelled right, fields are there and of the type they are compared as."""
    (planted.root / "docker-compose.yml").write_text("services: {redis: {}, mongodb: {}, api: {}}\n")

    found = planted.found(check, plant=asks(text, datasource={"type": "loki", "uid": "loki"}))

    assert [finding.fault.part for finding in found] == ([] if part is None else [part])
    assert [finding.fault.start for finding in found] == ([] if part is None else [text.rindex(part) if part else 0])


def test_saved_queries_are_read(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Explore opens is judged like what a panel asks."""
    saved = logql.SavedQuery("odd", "Which?", '{service="rce-api"} | jsonn')
    known = logql.queries
    monkeypatch.setattr(logql, "queries", lambda stack: (*known(stack), saved))

    assert "saved query 'odd'" in " ".join(planted.told("query/log-line"))


def test_the_fields_are_those_that_are_documented(root: Path) -> None:
    """The page lists every field of a line, and no other."""
    table = (root / "docs" / "telemetry.md").read_text(encoding="utf-8").partition("| field | on | meaning |")[2]
    cells = [line.split("|")[1] for line in table.partition("\n\n")[0].splitlines() if line.startswith("| `")]

    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(FIELDS)


COMPOSE = """services:
  redis: {volumes: ["./infra/redis.conf:/etc/redis.conf:ro", "data:/data"]}
  redis-exporter: {}
  mongodb-exporter: {}
  api: {networks: {default: {aliases: [alertmanager, loki, promtail, jaeger]}}}
  grafana: {hostname: prometheus}
"""
NAMED = "See [Redis](redis.md#redis), the *Error ratio* panel, `make check` and `docker compose logs --tail 5 redis`."


@pytest.mark.parametrize(
    ("check", "edit", "said"),
    [
        ("compose/mount", ("redis.conf:/", "reddis.conf:/"), "did you mean 'infra/redis.conf'?"),
        ("compose/host", ("redis-exporter", "redis-exporterr"), "no service is called 'redis-exporter'"),
        ("compose/host", ("jaeger", "yaeger"), "datasources.jaeger: no service is called 'jaeger'"),
        ("runbook/reference", ("redis.md", "reddis.md"), "it links to reddis.md, which is not there"),
        ("runbook/reference", ("#redis", "#rediss"), "redis.md has no section '#rediss'"),
        ("runbook/reference", ("Error ratio", "Error rate"), "there is no panel 'Error rate'"),
        ("runbook/reference", ("make check", "make chekc"), "the Makefile has no target 'chekc'"),
        ("runbook/reference", ("5 redis", "5 reddis"), "no service is called 'reddis'"),
    ],
)
def test_what_files_name_is_there(planted: Planted, check: str, edit: tuple[str, str], said: str) -> None:
    """A mount, a host, a link, a panel, a target or a service with a letter too many is told; as it was, nothing."""
    files = {
        "docker-compose.yml": COMPOSE,
        "infra/redis.conf": "",
        "Makefile": "check: tools\n",
        "docs/operations/redis.md": "# Redis\n",
        "docs/operations/a.md": NAMED,
    }
    for path, text in files.items():
        (planted.root / path).parent.mkdir(parents=True, exist_ok=True)
        (planted.root / path).write_text(text)
    assert planted.told(check) == []

    (edited,) = [path for path in ("docker-compose.yml", "docs/operations/a.md") if edit[0] in files[path]]
    (planted.root / edited).write_text(files[edited].replace(*edit))

    assert said in " ".join(planted.told(check))


FULL = "redis_memory_used_bytes / (redis_memory_max_bytes > 0)"
YESTERDAY = "redis_memory_used_bytes offset 1d / (redis_memory_max_bytes offset 1d > 0)"


def marked(expr: str, *steps: tuple[float | None, str]) -> Plant:
    """Have the panel of the alert plot something, with limits in colours."""

    def plant(model: dict[str, Any]) -> None:
        model["panels"][1]["targets"][0].update(expr=expr, legendFormat="all")
        listed = [{"value": value, "color": colour} for value, colour in steps]
        model["panels"][1]["fieldConfig"] = {"defaults": {"unit": "percentunit", "thresholds": {"steps": listed}}}

    return plant


@pytest.mark.parametrize(
    ("check", "expr", "plant", "said"),
    [
        ("alert/panel-limit", f"{FULL} > 0.9", marked(FULL, (None, "green"), (0.8, "red")), "marks 0.8, and the alert"),
        ("alert/panel-limit", f"{FULL} > 0.9", marked(FULL, (None, "red"), (0.9, "green")), "shows the side as calm"),
        ("alert/panel-limit", f"{FULL} < 0.9", marked(FULL, (None, "green"), (0.9, "red")), "shows the side as calm"),
        ("alert/panel-limit", f"{FULL} > 0.9", marked(FULL, (None, "green"), (0.9, "red")), ""),
        ("alert/panel-limit", f"{FULL} < 0.9", marked(FULL, (None, "red"), (0.9, "green")), ""),
        ("alert/panel-limit", f"{FULL} > 0.9", marked(FULL, (None, "green")), ""),
        # A limit on yesterday is none of a panel about now, and one of a panel about yesterday.
        ("alert/panel-limit", f"{YESTERDAY} > 0.9", marked(FULL, (None, "green"), (0.8, "red")), ""),
        ("alert/panel-limit", f"{YESTERDAY} > 0.9", marked(YESTERDAY, (None, "green"), (0.8, "red")), "marks 0.8, and"),
        (
            "alert/panel-question",
            "max by (instance) (jobs_waiting) > 5",
            marked("avg by (instance) (jobs_waiting)"),
            "shows avg(jobs_waiting), and the alert asks max(jobs_waiting)",
        ),
        (
            "alert/panel-question",
            f"{FULL} > 0.9",
            marked("redis_memory_used_bytes"),
            "asks redis_memory_used_bytes as a ratio",
        ),
        (
            "alert/panel-question",
            "deriv(jobs_waiting[5m]) > 5",
            marked("jobs_waiting"),
            "shows jobs_waiting, and the alert asks deriv(jobs_waiting)",
        ),
        (
            "alert/panel-question",
            "sum by (queue) (increase(jobs_failed_total[5m])) > 3",
            marked("sum by (queue) (rate(jobs_failed_total[$__rate_interval]))"),
            "",
        ),
        ("alert/panel-question", "max by (instance) (redis_up) == 0", marked("min(redis_up)"), ""),
    ],
)
def test_the_panel_shows_what_the_alert_judges(
    planted: Planted, check: str, expr: str, plant: Plant, said: str
) -> None:
    """The same question with the same limit, the same way up."""
    told = planted.told(check, alert=ruled(expr=expr), plant=plant)

    assert told == [] if not said else said in " ".join(told)
