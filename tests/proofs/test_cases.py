"""A case that does not hold is told in words, and a case that proves nothing is refused."""

from dataclasses import replace

import pytest

from obs.alerting.model import Alert, Case, Group, PanelRef, Recording, Severity, clears, fires, silent
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
        fires("it dies", at="20m", series={UP: "1x5 0x30"}, where=(JOB.eq("api"),), says="api has been down."),
        silent("it lives", at="20m", series={UP: "1x30"}),
        clears("it is back", fired="20m", at="30m", series={UP: "0x25 1x10"}),
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
    case = fires("a blip", at="8m", series={UP: "1x5 0x30"}, where=(JOB.eq("api"),), says="api has been down.")

    assert told(tool, production, case) == [
        (
            "alerts/api.py:7 down case 'a blip': nothing fires at 8m; expected "
            '{job="api", service="rce-api", severity="page", team="backend"}, which says \'api has been down.\''
        )
    ]


def test_an_alert_that_fires_under_other_labels(production: Stack, tool: Promtool) -> None:
    """Both label sets are told."""
    (sentence,) = told(tool, production, fires("no job", at="20m", series={UP: "0x30"}, says="api has been down."))

    assert sentence.startswith("alerts/api.py:7 down case 'no job': at 20m it fires {job=\"api\", service=")
    assert '; expected {service="rce-api", severity="page", team="backend"}' in sentence


def test_an_alert_that_says_something_else(production: Stack, tool: Promtool) -> None:
    """Only the words that differ are told."""
    case = fires("words", at="20m", series={UP: "0x30"}, where=(JOB.eq("api"),), says="The api is down.")

    assert told(tool, production, case) == [
        (
            "alerts/api.py:7 down case 'words': at 20m it fires description 'api has been down.'; "
            "expected description 'The api is down.'"
        )
    ]


def test_an_alert_that_fires_twice(production: Stack, tool: Promtool) -> None:
    """One history, one alert: a second one is a missing aggregation."""
    series = {UP: "0x30", 'up{job="web"}': "0x30"}
    case = fires("both", at="20m", series=series, where=(JOB.eq("api"),), says="api has been down.")

    (sentence,) = told(tool, production, case)

    assert sentence.startswith("alerts/api.py:7 down case 'both': at 20m it fires 2 times: ")


def test_a_silent_case_is_silent_all_the_way(production: Stack, tool: Promtool) -> None:
    """An alert that fired and cleared before the moment was not silent."""
    assert told(tool, production, silent("it was down", at="20m", series={UP: "0x10 1x20"})) == [
        (
            "alerts/api.py:7 down case 'it was down': it fires before 20m; "
            "a silent alert never does; or is this a clearing case?"
        )
    ]


def test_a_clearing_case_has_to_fire_first(production: Stack, tool: Promtool) -> None:
    """Nothing clears that never fired."""
    case = clears("it never failed", fired="20m", at="30m", series={UP: "1x40"})

    assert told(tool, production, case) == [
        "alerts/api.py:7 down case 'it never failed': it does not fire at 20m; so nothing shows that it clears at 30m"
    ]


def test_an_alert_that_does_not_clear(production: Stack, tool: Promtool) -> None:
    """What still fires is told."""
    (sentence,) = told(tool, production, clears("never back", fired="20m", at="30m", series={UP: "0x40"}))

    assert sentence.startswith("alerts/api.py:7 down case 'never back': it still fires at 30m: {job=\"api\"")
    assert sentence.endswith("; expected silence")


def test_every_case_is_judged_beside_a_failing_one(production: Stack, tool: Promtool) -> None:
    """Two faults are two sentences."""
    lively = silent("lively", at="20m", series={UP: "0x30"})
    deaf = clears("deaf", fired="20m", at="30m", series={UP: "1x40"})

    assert [sentence.split("'")[1] for sentence in told(tool, production, lively, deaf)].count("lively") >= 1
    assert any("case 'deaf'" in sentence for sentence in told(tool, production, lively, deaf))


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (silent("empty", at="20m", series={}), "it has no history; give it a history of up"),
        (
            silent("another metric", at="20m", series={"redis_up": "0x30"}),
            "the alert reads none of its series: redis_up; it reads up",
        ),
        (
            silent("too late", at="20m", series={UP: "_x30 0x30"}),
            "its history holds no sample before 20m; let it begin earlier, or look later",
        ),
        (
            silent("no sample", at="20m", series={UP: "_x30"}),
            "its history holds no sample before 20m; let it begin earlier, or look later",
        ),
        (
            silent("too soon", at="4m", series={UP: "0x30"}),
            "nothing can fire by 4m; the alert holds for 5m: look later",
        ),
        (
            silent("typo", at="20m", series={UP: "0+x30"}),
            f"the samples of {UP}: '0+x30' is no sample; write '0+10x20', '5x20', '_x3' or 'stale'",
        ),
        (
            silent("a pattern", at="20m", series={'up{job=~"a.*"}': "0x30"}),
            '\'up{job=~"a.*"}\' is no single series; write one metric, with its labels as label="value"',
        ),
        (
            silent("a torn series", at="20m", series={"up{": "0x30"}),
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


def test_recordings_are_evaluated_unless_a_case_brings_their_series(production: Stack, tool: Promtool) -> None:
    """An alert on a recorded series is proven through its recording; a long history may bring the recorded one."""
    recorded = Metric("job:up:sum", "gauge", "Targets up.", (JOB,))
    alert = replace(
        DOWN,
        expr="job:up:sum == 0",
        cases=(
            *DOWN.cases,
            clears("as it was recorded", fired="2d", at="3d", series={'job:up:sum{job="api"}': "0x2880 1x1500"}),
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
        for sentence in told(tool, production, silent("two", at="20m", series=series), alert=alert)
    )
