"""Each planted fault is found by its check, and told in one sentence: where, what, what instead."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from obs.alerting import PanelRef
from obs.output import Built
from obs.output.built import File
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine
from obs.stack import Stack
from tests.proofs.planted import ALERT, BOARD, RATIO, RULE, RUNBOOK, Plant, Planted

ALL = ("query", "function", "operator", "panel", "dashboard", "link", "runbook", "alert/panel", "alert/template-label")


def test_a_sound_stack_has_no_problems(planted: Planted) -> None:
    """What the faults below are planted in is without fault."""
    assert planted.told(*ALL) == []


@pytest.mark.parametrize(
    ("expr", "family", "said"),
    [
        ("sum(rate(up[5m])", "query", ": 'sum(rate(up[5m])' is no PromQL; unclosed left parenthesis"),
        ("http_request_total", "query", ": nothing exposes http_request_total; did you mean 'http_requests_total'?"),
        (
            "http_request_duration_seconds",
            "query",
            (
                ": nothing exposes http_request_duration_seconds; it is a histogram; there is: "
                "http_request_duration_seconds_bucket, http_request_duration_seconds_count, "
                "http_request_duration_seconds_sum"
            ),
        ),
        (
            'rate(http_requests_total{code="500"}[5m])',
            "query",
            ": http_requests_total has no label 'code'; it has environment, instance, job, method, route, status",
        ),
        (
            'http_requests_total{method="FETCH"}',
            "query",
            (
                ': http_requests_total is never method="FETCH"; '
                "method takes GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, other"
            ),
        ),
        (
            'http_requests_total{method=~"FETCH|PULL"}',
            "query",
            (
                ': http_requests_total is never method=~"FETCH|PULL"; '
                "method takes GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, other"
            ),
        ),
        (
            'up{job="rce"}',
            "query",
            (
                ': up is never job="rce"; job takes rce-api, redis, mongodb, prometheus, alertmanager, loki, promtail, '
                "jaeger, grafana"
            ),
        ),
        (
            'rate(telemetry_flush_duration_seconds_bucket{le="0.2"}[5m])',
            "query",
            (
                ': telemetry_flush_duration_seconds_bucket is never le="0.2"; '
                "le takes 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.5, 5.5, +Inf"
            ),
        ),
        ('{job="rce-api"}', "query", ": '{job=\"rce-api\"}' does not name its metric; select one metric by its name"),
        (
            "rate(http_requests_in_progress[5m])",
            "function",
            ": rate(http_requests_in_progress): it is a gauge; rate is for counters",
        ),
        (
            "deriv(http_requests_total[5m])",
            "function",
            ": deriv(http_requests_total): it is a counter, which only rises; take rate or increase",
        ),
        (
            "histogram_quantile(0.9, sum by (route) (rate(http_request_duration_seconds_bucket[5m])))",
            "function",
            ": histogram_quantile gets route, and no bucket; keep 'le': sum by (le, ...)",
        ),
        (
            "sum by (queue) (rate(http_requests_total[5m]))",
            "function",
            (
                ": 'sum' groups by 'queue', which no series has; "
                "there is environment, instance, job, method, route, status"
            ),
        ),
        (
            "sum by (route) (rate(http_requests_total[5m])) / (sum by (job) (rate(http_requests_total[5m])) > 0)",
            "operator",
            ": the sides of '/' carry different labels and never meet; left: route; right: job",
        ),
        (
            "sum by (job) (up) / on (route) (sum by (job) (up) > 0)",
            "operator",
            ": '/' matches on 'route', which one side does not have; left: job; right: job",
        ),
        (
            "rate(http_requests_total[5m]) / rate(http_requests_total[5m])",
            "operator",
            (
                ": it divides by 'rate(http_requests_total[5m])', which can be zero; "
                "write (rate(http_requests_total[5m]) > 0)"
            ),
        ),
        (
            "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
            "panel/unit",
            ": query A answers in seconds, and the unit is 'percentunit'; take 's' or 'dtdurations' or 'clocks'",
        ),
        (
            "rate(redis_net_input_bytes_total[5m])",
            "panel/unit",
            ": query A answers in bytes per second, and the unit is 'percentunit'; take 'Bps' or 'binBps'",
        ),
        (
            "sum(rate(http_response_size_bytes_sum[5m])) / (sum(rate(http_response_size_bytes_count[5m])) > 0)",
            "panel/unit",
            ": query A answers in bytes, and the unit is 'percentunit'; take 'bytes' or 'decbytes'",
        ),
        (
            "telemetry_last_flush_timestamp_seconds",
            "panel/unit",
            ": query A answers in timestamp, and the unit is 'percentunit'; convert it to a unit people read",
        ),
    ],
)
def test_a_fault_in_a_query(planted: Planted, expr: str, family: str, said: str) -> None:
    """A query is read as Prometheus reads it, against what is exposed."""
    assert planted.asked(expr, family) == [BOARD + said]


@pytest.mark.parametrize(
    "expr",
    [
        "time() - telemetry_last_flush_timestamp_seconds",
        "sum(rate(http_request_duration_seconds_sum[5m])) / (sum(rate(http_request_duration_seconds_count[5m])) > 0)",
        "histogram_quantile(0.5, sum by (le) (rate(jobs_run_duration_seconds_bucket[5m])))",
        "sum_over_time(up[5m]) * 0 + jobs_oldest_waiting_seconds",
    ],
)
def test_seconds_are_recognised(planted: Planted, expr: str) -> None:
    """Differences of times, means, quantiles and conversions answer in seconds."""

    def plant(model: dict[str, Any]) -> None:
        model["panels"][0]["targets"][0] |= {"expr": expr, "legendFormat": "all"}
        model["panels"][0]["fieldConfig"]["defaults"]["unit"] = "s"

    assert planted.told("panel/unit", plant=plant) == []


def test_a_legend_names_what_the_query_keeps(planted: Planted) -> None:
    """A label that was aggregated away would leave the braces standing."""
    assert planted.asked(RATIO, "panel/legend", legendFormat="{{method}}") == [
        f"{BOARD}: the legend of query A names 'method', which the query drops; it keeps route"
    ]


def test_a_description_names_what_the_expression_keeps(planted: Planted) -> None:
    """A label that was aggregated away would be blank in the message."""
    alert = replace(ALERT, expr='sum by (job) (up{job="rce-api"}) == 0', description="{{ $labels.instance }} is down.")

    assert planted.told("alert/template-label", alert=alert) == [
        f"{RULE}: the description names 'instance', which the expression drops; it keeps job"
    ]


def test_rules_are_read_like_panels(planted: Planted) -> None:
    """A fault in an alert names the constant it stands in."""
    alert = replace(ALERT, expr="rate(http_requests_in_progress[5m]) > 3 and upp == 0")

    assert planted.told("query", "function", alert=alert) == [f"{RULE}: nothing exposes upp; did you mean 'up'?"]


def test_variables_annotations_and_links_are_read_too(planted: Planted) -> None:
    """Whatever holds a query is checked against the contract."""

    def plant(model: dict[str, Any]) -> None:
        model["templating"]["list"][1]["query"]["query"] = "label_values(up, zone)"
        model["annotations"]["list"][0]["expr"] = "ALARMS"
        model["links"][1]["url"] = (
            "http://localhost:3001/explore?panes=%7B%22a%22%3A%7B%22queries%22%3A%5B%7B%22expr%22%3A%22upp%22%7D%5D%7D%7D"
        )

    assert planted.told("query", plant=plant) == [
        "dashboards/api.py annotation 'Alerts': nothing exposes ALARMS; did you mean 'ALERTS'?",
        "dashboards/api.py link 'Runbook': nothing exposes upp; did you mean 'up'?",
        "dashboards/api.py variable 'environment': up has no label 'zone'; it has environment, instance, job",
    ]


def test_queries_in_runbooks_are_read_too(planted: Planted) -> None:
    """Nobody is sent a query at night that answers nothing."""
    planted.write(RUNBOOK.replace('up{job="rce-api"}', "upp").replace('level="error"', 'host="a"'))

    assert planted.told("query") == [
        "docs/operations/api.md:15: nothing exposes upp; did you mean 'up'?",
        (
            "docs/operations/api.md:19: '{service=\"rce-api\", host=\"a\"} | json': no stream has the label 'host'; "
            "streams have service, level, container, environment; filter after | json"
        ),
    ]


def panel(number: int = 0, **fields: Any) -> Plant:
    """Plant other fields in a panel."""
    return lambda model: model["panels"][number].update(fields)


@pytest.mark.parametrize(
    ("family", "plant", "said"),
    [
        (
            "dashboard/identity",
            lambda model: model.update(uid="a/b"),
            "dashboards/api.py: the uid is 'a/b'; it takes at most 40 letters, digits, '-' and '_'",
        ),
        ("dashboard/identity", panel(id=0), f"{BOARD}: its id is 0; take a whole number from 1 to 2147483647"),
        (
            "dashboard/identity",
            lambda model: model["panels"][0]["targets"][0].update(refId="a"),
            f"{BOARD}: a query has the refId 'a'; take A, B, C and on",
        ),
        (
            "dashboard/identity",
            lambda model: model["panels"][0]["targets"].append(model["panels"][0]["targets"][0]),
            f"{BOARD}: 2 queries have the refId 'A'; refIds are unique in a panel",
        ),
        (
            "dashboard/grid",
            panel(gridPos={"x": 13, "y": 9, "w": 12, "h": 8}),
            f"{BOARD}: it lies at x=13 y=9 w=12 h=8; the grid has 24 columns, and rows from 0 down",
        ),
        (
            "dashboard/grid",
            panel(1, gridPos={"x": 11, "y": 7, "w": 12, "h": 8}),
            "dashboards/api.py panel 'Targets': it lies on panel 'Error ratio'; both take x=11 y=7 w=12 h=8",
        ),
        (
            "dashboard/explained",
            panel(description=""),
            f"{BOARD}: it has no description; say what a change means, and what to do",
        ),
        ("dashboard/explained", panel(targets=[]), f"{BOARD}: it asks nothing; give it a query"),
        (
            "dashboard/source",
            panel(datasource={"type": "prometheus", "uid": "thanos"}),
            (
                f"{BOARD}: no data source has the uid 'thanos'; "
                "there is ${datasource}, prometheus, loki, jaeger, alertmanager"
            ),
        ),
        (
            "dashboard/source",
            panel(datasource={"type": "loki", "uid": "prometheus"}),
            f"{BOARD}: the data source 'prometheus' is taken for loki; it is prometheus",
        ),
        (
            "dashboard/variable",
            lambda model: model["panels"][0]["targets"][0].update(expr='up{job="$role"}'),
            f"{BOARD}: there is no variable 'role'; there is datasource, environment",
        ),
        (
            "dashboard/variable",
            lambda model: model["templating"]["list"].append({"name": "zone", "type": "custom", "query": "a"}),
            "dashboards/api.py variable 'zone': nothing uses it; use it, or leave it out",
        ),
        (
            "link/broken",
            lambda model: model["links"][1].update(url=model["links"][1]["url"].replace("api.md", "apis.md")),
            "dashboards/api.py link 'Runbook': there is no docs/operations/apis.md; there is docs/operations/api.md",
        ),
        (
            "link/broken",
            lambda model: model["links"][1].update(url=model["links"][1]["url"].replace("#apidown", "#apiup")),
            "dashboards/api.py link 'Runbook': docs/operations/api.md has no section '#apiup'; write it",
        ),
        (
            "link/broken",
            lambda model: model["links"][0].update(tags=["shop"]),
            "dashboards/api.py link 'Others': no dashboard has the tags shop; link by a tag that boards carry",
        ),
        (
            "link/broken",
            panel(links=[{"title": "Redis", "url": "/d/rce-api-reddis?from=now-1h"}]),
            f"{BOARD}: no dashboard has the uid 'rce-api-reddis'; there is rce-api-api",
        ),
        (
            "link/broken",
            panel(links=[{"title": "Rate", "url": "/d/rce-api-api?viewPanel=panel-9"}]),
            f"{BOARD}: dashboards/api.py has no panel with id 9; link it by its title",
        ),
    ],
)
def test_a_fault_in_a_dashboard(planted: Planted, family: str, plant: Plant, said: str) -> None:
    """What Grafana would refuse, hide or lead astray is found in the model it loads."""
    assert said in planted.told(family, plant=plant)


def test_two_panels_of_one_id_are_both_named(planted: Planted) -> None:
    """Either of them may get another slug."""
    assert planted.told("dashboard/identity", plant=panel(1, id=1)) == [
        f"{BOARD}: 2 panels have the id 1; give it a slug= of its own",
        "dashboards/api.py panel 'Targets': 2 panels have the id 1; give it a slug= of its own",
    ]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (PanelRef("apis", "Targets"), "there is no dashboard 'apis'; there is api"),
        (PanelRef("api", "Target"), "dashboards/api.py has no panel 'Target'; it has 'Error ratio', 'Targets'"),
        (PanelRef("api", "Error ratio"), "panel 'Error ratio' plots none of what the alert reads; it reads up"),
    ],
)
def test_the_panel_of_an_alert_plots_it(planted: Planted, reference: PanelRef, said: str) -> None:
    """Who is woken sees on the panel what woke them."""
    assert planted.told("alert/panel", alert=replace(ALERT, panel=reference)) == [f"{RULE}: {said}"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "## ApiDown",
            "## ApiGone",
            [
                (
                    f"{RULE}: docs/operations/api.md has no section '## ApiDown'; "
                    "write it: Meaning, Impact, Diagnosis, Mitigation, Escalation"
                ),
                (
                    "docs/operations/api.md:3: no alert has the section '## ApiGone' as its runbook; "
                    "remove it, or give it back its alert"
                ),
            ],
        ),
        (
            "### Impact\n\nAll of them.\n\n",
            "",
            [
                (
                    "docs/operations/api.md:3 ApiDown: its steps are Meaning, Diagnosis, Mitigation, Escalation; "
                    "take Meaning, Impact, Diagnosis, Mitigation, Escalation, in this order"
                )
            ],
        ),
        ("All of them.", "", ["docs/operations/api.md:3 ApiDown: 'Impact' is empty; say it"]),
        ("All of them.", "TODO", ["docs/operations/api.md:11: it says TODO; finish it"]),
    ],
)
def test_a_fault_in_a_runbook(planted: Planted, old: str, new: str, said: list[str]) -> None:
    """An alert leads to five things that are said, a section to its alert."""
    planted.write(RUNBOOK.replace(old, new))

    assert planted.told("runbook") == said


def test_a_runbook_that_is_missing(planted: Planted) -> None:
    """The page is named, and the section it owes."""
    assert planted.told("runbook", alert=replace(ALERT, runbook="web.md"))[0] == (
        f"{RULE}: there is no docs/operations/web.md; write it, with a section '## ApiDown'"
    )


def test_generated_files_are_current(production: Stack, tmp_path: Path) -> None:
    """A missing, an edited and an orphaned file are named."""
    rules = "infra/observability/prometheus/rules"
    (tmp_path / rules).mkdir(parents=True)
    (tmp_path / rules / "api.yml").write_text("groups:\n- name: edited\n")
    (tmp_path / rules / "old.yml").write_text("groups: []\n")
    (tmp_path / "infra/files.txt").write_text(f"{rules}/api.yml\n{rules}/old.yml\n")
    files = {f"{rules}/api.yml": File("groups:\n- name: api\n"), f"{rules}/jobs.yml": File("groups: []\n")}
    files["infra/files.txt"] = File(f"{rules}/api.yml\n{rules}/old.yml\n")
    built = Built(production, (), (), files)
    chosen = [check for check in CHECKS if check.id == "file/outdated"]

    assert [str(problem) for problem in examine(Evidence(built, tmp_path), chosen)] == [
        f"{rules}/api.yml:2: it is not what its source makes; run `make dashboards`",
        f"{rules}/jobs.yml: it is not there; run `make dashboards`",
        f"{rules}/old.yml: nothing makes it any more; run `make dashboards`, which removes it",
    ]


def test_every_check_has_an_id_of_its_own_and_a_claim() -> None:
    """A waiver names one check, and `obs check --list` says what each holds."""
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert all(check.claim and check.id.count("/") == 1 for check in CHECKS)
