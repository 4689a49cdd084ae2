"""A case that does not hold is told in words, and a case that proves nothing is refused."""

from dataclasses import replace

import pytest

from obs.alerting import Alert, AlertError, Case, Group, PanelRef, Recording, Severity, clears, pages, silent
from obs.place import Place
from obs.proofs import cases
from obs.proofs.promtool import Promtool
from obs.stack import Stack
from watchkeeper.contract.labels import JOB
from watchkeeper.contract.metrics import Metric

UP = 'up{job="api"}'
DOWN = Alert(
    name="ApiDown",
    expr="up == 0",
    hold="5m",
    severity=Severity.PAGE,
    summary="The API is down.",
    description="{{ $labels.job }} has been down.",
    runbook="api.md",
    panel=PanelRef("api", "Requests"),
    cases=(
        pages("it dies", at="11m", series={UP: "1x5 0x30"}, where=(JOB.eq("api"),), says="api has been down."),
        silent("it lives", series={UP: "1x30"}),
        clears("it is back", at="26m", series={UP: "0x25 1x10"}),
    ),
    source=Place("alerts/api.py", 7, "down"),
)


def told(tool: Promtool, stack: Stack, *more: Case, alert: Alert = DOWN) -> list[str]:
    """Return what is said of an alert with further cases."""
    group = Group("api", "api", (replace(alert, cases=(*alert.cases, *more)),))
    return [str(problem) for problem in cases.prove(tool, stack, [group])]


def test_cases_that_hold_are_silent(production: Stack, tool: Promtool) -> None:
    """Nothing is said of an alert that does what its cases say."""
    assert told(tool, production) == []


def test_an_alert_that_stays_silent(production: Stack, tool: Promtool) -> None:
    """What was expected to fire is named, labels and words."""
    case = pages("a blip", at="8m", series={UP: "1x5 0x30"}, where=(JOB.eq("api"),), says="api has been down.")

    assert told(tool, production, case) == [
        (
            "alerts/api.py:7 down case 'a blip': nothing fires at 8m; expected "
            '{job="api", service="rce-api", severity="page", team="backend"}, which says \'api has been down.\''
        ),
        "alerts/api.py:7 down case 'a blip': it fires never; the case says by 8m",
    ]


@pytest.mark.parametrize(("by", "at"), [("", "20m"), ("10m", "20m"), ("12m", "20m")])
def test_a_case_says_at_which_evaluation_an_alert_fires(production: Stack, tool: Promtool, by: str, at: str) -> None:
    """Later is too late, and sooner is another rule: the moment is told."""
    case = pages("slow", at=at, by=by, series={UP: "1x5 0x30"}, where=(JOB.eq("api"),), says="api has been down.")

    assert told(tool, production, case) == [
        f"alerts/api.py:7 down case 'slow': it fires from 11m on; the case says by {by or at}"
    ]


def test_another_severity_than_the_case_says_is_refused() -> None:
    """Who is told is stated twice, so that nobody changes it by one word."""
    with pytest.raises(AlertError, match="case 'it dies' says page, and its severity is ticket"):
        replace(DOWN, severity=Severity.TICKET)


def test_an_alert_that_fires_under_other_labels(production: Stack, tool: Promtool) -> None:
    """Both label sets are told."""
    (sentence,) = told(tool, production, pages("no job", at="5m", series={UP: "0x30"}, says="api has been down."))

    assert sentence.startswith("alerts/api.py:7 down case 'no job': at 5m it fires {job=\"api\", service=")
    assert '; expected {service="rce-api", severity="page", team="backend"}' in sentence


def test_an_alert_that_says_something_else(production: Stack, tool: Promtool) -> None:
    """Only the words that differ are told."""
    case = pages("words", at="5m", series={UP: "0x30"}, where=(JOB.eq("api"),), says="The api is down.")

    assert told(tool, production, case) == [
        (
            "alerts/api.py:7 down case 'words': at 5m it fires description 'api has been down.'; "
            "expected description 'The api is down.'"
        )
    ]


def test_an_alert_that_fires_twice(production: Stack, tool: Promtool) -> None:
    """One history, one alert: a second one is a missing aggregation."""
    series = {UP: "0x30", 'up{job="web"}': "0x30"}
    case = pages("both", at="5m", series=series, where=(JOB.eq("api"),), says="api has been down.")

    (sentence,) = told(tool, production, case)

    assert sentence.startswith("alerts/api.py:7 down case 'both': at 5m it fires 2 times: ")


@pytest.mark.parametrize(("history", "moment"), [("0x10 1x20", "5m"), ("1x5 0x2", "11m"), ("1x5 0x5 1x20", "11m")])
def test_a_silent_case_is_silent_all_the_way(production: Stack, tool: Promtool, history: str, moment: str) -> None:
    """Neither fired and over, nor soon to come: the last samples last until every window has drained."""
    assert told(tool, production, silent("it was down", series={UP: history})) == [
        (
            f"alerts/api.py:7 down case 'it was down': it fires at {moment}; "
            "a silent alert never does, not even while its windows drain"
        )
    ]


def test_a_clearing_case_has_to_fire_first(production: Stack, tool: Promtool) -> None:
    """Nothing clears that never fired."""
    case = clears("it never failed", at="30m", series={UP: "1x40"})

    assert told(tool, production, case) == [
        "alerts/api.py:7 down case 'it never failed': it never fires; so nothing shows that it clears at 30m"
    ]


@pytest.mark.parametrize(
    ("history", "moment"),
    [("0x40", "52m"), ("0x24 1x40", "25m"), ("0x25 1x5 0x8 1x10", "41m")],
    ids=("on", "soon", "again"),
)
def test_an_alert_that_clears_otherwise(production: Stack, tool: Promtool, history: str, moment: str) -> None:
    """What still fires at the end, clears at another moment, or comes back is told."""
    assert told(tool, production, clears("back", at="26m", series={UP: history})) == [
        f"alerts/api.py:7 down case 'back': it clears at {moment}; the case says at 26m"
    ]


def test_every_case_is_judged_beside_a_failing_one(production: Stack, tool: Promtool) -> None:
    """Two faults are two sentences."""
    lively = silent("lively", series={UP: "0x30"})
    deaf = clears("deaf", at="30m", series={UP: "1x40"})

    assert [sentence.split("'")[1] for sentence in told(tool, production, lively, deaf)].count("lively") >= 1
    assert any("case 'deaf'" in sentence for sentence in told(tool, production, lively, deaf))


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (silent("empty", series={}), "it has no history; give it a history of up"),
        (
            silent("another metric", series={"redis_up": "0x30"}),
            "the alert reads none of its series: redis_up; it reads up",
        ),
        (
            silent("no sample", series={UP: "_x30"}),
            "its history holds no sample; give it some",
        ),
        (
            silent("typo", series={UP: "0+x30"}),
            f"the samples of {UP}: '0+x30' is no sample; write '0+10x20', '5x20', '_x3' or 'stale'",
        ),
        (
            silent("a pattern", series={'up{job=~"a.*"}': "0x30"}),
            '\'up{job=~"a.*"}\' is no single series; write one metric, with its labels as label="value"',
        ),
        (
            silent("a torn series", series={"up{": "0x30"}),
            (
                "'up{' is no series: unexpected end of input inside braces; "
                'write one metric, with its labels as label="value"'
            ),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else "",
)
def test_a_case_that_proves_nothing_is_refused(production: Stack, tool: Promtool, case: Case, said: str) -> None:
    """It would pass whatever the rule says, so it is no proof: the reason, and what would be one."""
    assert told(tool, production, case) == [f"alerts/api.py:7 down case '{case.name}': {said}"]


REQUESTED = 'http_requests_total{job="rce-api",method="GET",route="/",status="%s"}'
BUCKET = 'http_request_duration_seconds_bucket{job="rce-api",method="GET",route="/",le="%s"}'


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ({REQUESTED.replace("route", "path") % 200: "0x9"}, "the series has no label 'path'"),
        ({REQUESTED % 999: "0x9"}, "label 'status' is never '999'; take a value that its source writes"),
        ({REQUESTED % 200: "-5+1x9"}, "a counter is never below zero; count from 0"),
        ({BUCKET % "0.3": "5x9", BUCKET % "+Inf": "4x9"}, "le=0.3 holds more than +Inf: 5, 4; no histogram does"),
        ({BUCKET % "0.3": "5x9", BUCKET % "0.1": "6x9"}, "le=0.1 holds more than 0.3: 6, 5; no histogram does"),
    ],
)
def test_what_no_source_writes_proves_nothing(
    production: Stack, tool: Promtool, series: dict[str, str], said: str
) -> None:
    """Labels, values and histograms are those of the contract."""
    (sentence,) = told(tool, production, silent("it happens", series={UP: "1x30"} | series))

    assert sentence.startswith("alerts/api.py:7 down case 'it happens': ")
    assert said in sentence


def test_recordings_are_evaluated_unless_a_case_brings_their_series(production: Stack, tool: Promtool) -> None:
    """An alert on a recorded series is proven through its recording; a long history may bring the recorded one."""
    recorded = Metric("job:up:sum", "gauge", "Targets up.", (JOB,))
    alert = replace(
        DOWN,
        expr="job:up:sum == 0",
        cases=(
            *DOWN.cases,
            clears("as it was recorded", at="2885m", series={'job:up:sum{job="api"}': "0x2880 1x1500"}),
        ),
    )
    groups = [
        Group("recording", "recording", (Recording(recorded, "sum by (job) (up)"),)),
        Group("api", "api", (alert,)),
    ]

    assert cases.prove(tool, production, groups) == []


def test_an_evaluation_error_names_the_alert(production: Stack, tool: Promtool) -> None:
    """What promtool can't evaluate is passed on with the constant that asks for it."""
    alert = replace(DOWN, expr="up == on () up == 0")
    series = {UP: "0x30", 'up{job="web"}': "0x30"}

    assert any(
        sentence.startswith("alerts/api.py:7 down: promtool can't judge its cases: ") and "many-to-many" in sentence
        for sentence in told(tool, production, silent("two", series=series), alert=alert)
    )
