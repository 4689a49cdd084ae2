"""A service that calls the standard series otherwise: everything that asks for them follows, and still proves."""

import json
import re
import tomllib
from functools import cache
from typing import Any

import pytest

from obs import content, stack
from obs.alerting.rules import groups
from obs.boards.model import panels
from obs.output import Built, build
from obs.output.built import FOLDER
from obs.proofs import cases, promtool
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine
from obs.proofs.loading import loads
from obs.query import expr
from obs.replay import scenario
from obs.stack import Stack, StackError
from obs.stack.names import STANDARD
from tests.conftest import ROOT
from tests.stack.parts import settings, toml

PAGE = (ROOT / "docs/names.md").read_text(encoding="utf-8")
TABLES = re.findall(r"^```toml\n(\[names.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
OPENTELEMETRY, OPTIONAL, MICROMETER, GO = range(4)
EDGES = {OPENTELEMETRY: 0.25, OPTIONAL: 1.0, MICROMETER: 0.3, GO: 0.1}
"""A latency objective for each table of the page; that of the second is a whole number."""

API = ("api", "promises", "budgets", "api-traffic")
ON_DISK = {"file/outdated", "runbook/missing"}


def foreign(number: int, *, threshold: float = 0, **names: Any) -> Stack:
    """Return the committed stack for a service with the names of one table of docs/names.md, and nothing but HTTP."""
    raw = settings("websockets", "jobs", "vitals", "telemetry")
    raw["slo"]["latency"]["threshold_seconds"] = threshold or EDGES[number]
    raw |= tomllib.loads(TABLES[number])
    raw["names"] |= names
    return stack.loads(toml(raw), "", content.here().thresholds)


@cache
def made(number: int) -> Built:
    """Build that stack once."""
    return build(foreign(number))


def names_read(built: Built) -> set[str]:
    """Return every metric that rules and panels read."""
    asked = Evidence(built, ROOT, whole=False).parsed
    return {name for question, _ in asked for name in expr.names(question.text)}


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_everything_that_asks_follows(number: int) -> None:
    """No rule, panel, variable or template has a standard name that the service does not use."""
    built = made(number)

    real = {metric.name for metric in content.here().of(built.stack).own}
    families = {re.sub("_(bucket|count|sum)$", "", name) for name in names_read(built)}
    assert not (names_read(built) | families) & (STANDARD.keys() - real)
    assert examine(Evidence(built, ROOT, whole=False), [one for one in CHECKS if not one.whole]) == []
    assert loads(promtool.find(ROOT), built) == []


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_the_alerts_prove(number: int) -> None:
    """Their cases feed the service's own series, and hold."""
    built = made(number)
    names = [alert.name for group in built.groups if group.file in API for alert in group.alerts]

    assert {"ApiErrorRatioHigh", "ApiLatencyP95OverSlo", "ApiMostRequestsFail", "ApiDown"} <= set(names)
    assert cases.prove(promtool.find(ROOT), built.stack, built.groups, names) == []


def test_opentelemetry_counts_requests_by_their_durations() -> None:
    """The page for failures reads the histogram's count and its own labels."""
    built = made(OPENTELEMETRY)

    (page,) = (alert for group in built.groups for alert in group.alerts if alert.name == "ApiErrorRatioHigh")
    read = expr.parse(page.expr).selectors
    assert {selector.name for selector in read} == {"http_server_request_duration_seconds_count"}
    assert 'http_response_status_code=~"5.."' in page.expr
    board = json.loads(built.texts[f"{FOLDER}/grafana/dashboards/api.json"])
    route = next(one for one in board["templating"]["list"] if one["name"] == "route")
    assert route["definition"].endswith(", http_route)")
    titles = {panel["title"] for panel in panels(board)}
    assert {"Requests", "Error ratio", "Latency", "Routes"} <= titles
    assert not {"In flight", "Request size", "Response size", "Saturation and size"} & titles
    legends = {target.get("legendFormat") for panel in panels(board) for target in panel.get("targets", ())}
    assert "{{http_response_status_code}}" in legends
    assert "| `http_requests_in_progress` |" in built.texts["docs/catalog.md"]


def test_optional_series_bring_their_panels_back() -> None:
    """Naming one is enough."""
    board = json.loads(made(OPTIONAL).texts[f"{FOLDER}/grafana/dashboards/api.json"])
    titles = {panel["title"] for panel in panels(board)}

    assert {"In flight", "Request size", "Response size"} <= titles


def test_a_whole_edge_is_found_however_it_was_written() -> None:
    """Prometheus 2 keeps `le="1"` as Go and Java write it; Prometheus 3 makes it 1.0."""
    (slow,) = (
        rule["expr"]
        for rule in _rules(made(OPTIONAL), "recording")
        if rule.get("record") == "job:http_requests_slow:rate5m"
    )

    (bucket,) = (one for one in expr.parse(slow).selectors if one.name.endswith("_bucket"))
    (pattern,) = (one.value for one in bucket.conditions if one.label == "le")
    assert [edge for edge in ("1", "1.0", "10", "1.05", "0.1") if re.fullmatch(pattern, edge)] == ["1", "1.0"]


def _rules(built: Built, file: str) -> list[dict[str, Any]]:
    import yaml  # noqa: PLC0415 - one test reads it

    text = built.texts[f"{FOLDER}/prometheus/rules/{file}.yml"]
    found: list[dict[str, Any]] = yaml.safe_load(text)["groups"][0]["rules"]
    return found


def test_without_a_histogram_the_latency_promise_is_absent() -> None:
    """What needs durations goes; what counts requests stays."""
    built = build(
        foreign(
            MICROMETER,
            metrics={
                "http_requests_total": "http_server_requests_seconds_count",
                "http_request_duration_seconds": "",
            },
        )
    )

    alerts = {alert.name for group in built.groups for alert in group.alerts}
    assert {"ApiErrorRatioHigh", "ApiAvailabilityBudgetFastBurn", "ApiDown"} <= alerts
    assert not {"ApiLatencyP95OverSlo", "ApiLatencyBudgetFastBurn", "ApiLatencyBudgetSlowBurn"} & alerts
    assert "latency" not in {alert.slo for group in built.groups for alert in group.alerts}
    assert examine(Evidence(built, ROOT, whole=False), [one for one in CHECKS if not one.whole]) == []


def test_jobs_can_have_other_names_too() -> None:
    """Labels follow into descriptions, into what silences what, and into the cases."""
    raw = settings("websockets", "vitals", "telemetry")
    raw["names"] = {
        "metrics": {"jobs_waiting": "sidekiq_queue_size", "jobs_processed_total": "sidekiq_jobs_total"},
        "labels": {"queue": "queue_name"},
    }
    renamed = stack.loads(toml(raw))
    built = build(renamed)

    jobs = [alert for group in built.groups if group.file == "jobs" for alert in group.alerts]
    assert all("$labels.queue_name" in alert.description for alert in jobs)
    assert cases.prove(promtool.find(ROOT), renamed, built.groups, [alert.name for alert in jobs]) == []
    assert "queue_name" in built.texts[f"{FOLDER}/alertmanager/alertmanager.yml"]


def test_incidents_are_played_in_the_names_of_the_service() -> None:
    """Every incident of what is there can be read, and none feeds a series that nobody exposes."""
    played = scenario.read(foreign(OPENTELEMETRY), content.here())

    names = {track.metric.name for one in played for track in (*one.usual, *one.tracks)}
    assert "http_server_request_duration_seconds_count" in names
    assert not names & STANDARD.keys()
    assert {one.part for one in played} >= {"api", "redis", "mongodb"}
    assert "jobs" not in {one.part for one in played}


def test_one_process_builds_services_with_and_without_names() -> None:
    """What one service calls a series is nothing to the next."""
    plain = [str(alert.expr) for group in groups(stack.loads(toml(settings()))) for alert in group.alerts]
    build(foreign(GO))

    assert [str(alert.expr) for group in groups(stack.loads(toml(settings()))) for alert in group.alerts] == plain


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ({"preset": "otel"}, "names.preset = 'otel': takes \"opentelemetry\", or nothing"),
        ({"metrics": {"http_request_total": "x"}}, "did you mean 'http_requests_total'?"),
        ({"metrics": {"http_requests_total": "9x"}}, "names.metrics.http_requests_total = '9x': takes the name"),
        ({"metrics": {"http_requests_total": 3}}, "names.metrics.http_requests_total = 3: takes text"),
        (
            {"metrics": {"http_request_duration_seconds": "x_seconds_bucket"}},
            "takes the name of the histogram, without _bucket/_count/_sum",
        ),
        ({"metrics": {"jobs_active": "x", "jobs_delayed": "x"}}, "names.metrics.jobs_active has it too"),
        ({"labels": {"rout": "uri"}}, "did you mean 'route'?"),
        ({"labels": {"route": "job"}}, "names.labels.route = 'job': takes the name of a label that the service sets"),
        ({"labels": {"route": "x", "status": "x"}}, "names.labels.route has it too"),
        ({"buckets": {"http_requests_total": [1]}}, "not a standard histogram"),
        ({"buckets": {"http_request_duration_seconds": [1, 0.5]}}, "takes the edges of the buckets, rising"),
        ({"buckets": {"http_request_duration_seconds": "1"}}, "takes a list of numbers"),
        (
            {"buckets": {"http_request_duration_seconds": [0.1, 1]}},
            "slo.latency.threshold_seconds = 0.3: takes an",
        ),
        ({"label": {}}, "did you mean 'labels'?"),
    ],
)
def test_every_mistake_is_named(names: dict[str, Any], complaint: str) -> None:
    """Key, what it got, what it takes."""
    raw = settings()
    raw["names"] = names

    with pytest.raises(StackError, match=re.escape(complaint)):
        stack.loads(toml(raw))
