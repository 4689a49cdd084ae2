"""An alert that would mislead is refused when it is built: what is wrong, and what it takes."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from obs import stack
from obs.alerting import Alert, AlertError, Case, Severity, clears, silent, tickets
from obs.alerting.slo import PAGE_WINDOWS, availability, latency
from tests.conftest import ROOT

TEXT = (ROOT / "stack.toml").read_text(encoding="utf-8")
CASES = (
    tickets("down", at="2m", series={"up": "0x9"}),
    silent("up", series={"up": "1x9"}),
    clears("up again", at="5m", series={"up": "0x4 1x9"}),
)


def alert(**changes: Any) -> Alert:
    """Return an alert with some of its fields replaced."""
    fields: dict[str, Any] = {
        "name": "ShopClosed",
        "expr": "up == 0",
        "hold": "1m",
        "severity": Severity.TICKET,
        "summary": "The shop is closed.",
        "description": "It is closed.",
        "runbook": "api.md",
        "panel": None,
        "cases": CASES,
    }
    return Alert(**fields | changes)


def test_a_sound_alert_is_taken() -> None:
    """What the refusals below are planted in is without fault."""
    assert alert().name == "ShopClosed"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "shop_closed"}, "shop_closed: a name is Subject and Symptom in CamelCase, such as RedisMemoryFull"),
        ({"hold": "5 minutes"}, "ShopClosed: hold = '5 minutes': takes a duration such as '5m'"),
        ({"keep_firing_for": "x"}, "ShopClosed: keep_firing_for = 'x': takes a duration such as '5m'"),
        ({"expr": 7}, "ShopClosed: expr = 7: takes text"),
        (
            {"summary": "{{ $value }} failed."},
            "ShopClosed: summary is a fixed sentence, so that notifications group; put templates into description",
        ),
        ({"cases": CASES[1:]}, "ShopClosed: it has no case built with fires()"),
        ({"cases": CASES[:1] + CASES[2:]}, "ShopClosed: it has no case built with silent()"),
        ({"cases": CASES[:2]}, "ShopClosed: it has no case built with clears()"),
        ({"cases": (*CASES, CASES[0])}, "ShopClosed: two cases are called 'down'"),
        (
            {"description": "{{ $value }} of it is closed."},
            "ShopClosed: case 'down': the description is a template; add says=, the sentence as it is read",
        ),
        (
            {"cases": (replace(CASES[0], says="It is closed."), *CASES[1:])},
            "ShopClosed: case 'down': the description is fixed; leave says= out",
        ),
    ],
)
def test_an_alert_that_would_mislead_is_refused(changes: dict[str, Any], sentence: str) -> None:
    """Its name, what is wrong, and what it takes."""
    with pytest.raises(AlertError, match="^" + re.escape(sentence)):
        alert(**changes)


def test_a_dead_mans_switch_needs_no_silence() -> None:
    """It always fires: there is nothing it could be silent about."""
    assert alert(severity=Severity.NONE, cases=(replace(CASES[0], severity=Severity.NONE),)).severity is Severity.NONE


@pytest.mark.parametrize("field", ["at", "by", "every"])
def test_a_moment_that_promtool_could_not_place_is_refused(field: str) -> None:
    """The case, what it got, and how a duration is written."""
    values: Any = {"at": "5m", "by": "", "every": "1m"} | {field: "soon"}

    with pytest.raises(AlertError, match="case 'down': 'soon' is no duration; write it as '30m'"):
        Case("down", "fires", series={}, **values)


@pytest.mark.parametrize(("promise", "objective"), [("availability", "0.93"), ("latency", "0.9")])
def test_a_promise_that_could_never_page_is_refused(promise: str, objective: str) -> None:
    """Its key, why, and from where on an objective can be watched."""
    text = re.sub(rf"({promise} = {{ objective = )[0-9.]+", rf"\g<1>{objective}", TEXT)
    build = {"availability": availability, "latency": latency}[promise]

    with pytest.raises(AlertError) as refused:
        build(stack.loads(text))

    factor = PAGE_WINDOWS[0].factor(30)
    assert str(refused.value) == (
        f"slo.{promise}.objective = {objective}: {factor:g} times its budget of {1 - float(objective):g} "
        f"is more than every event, so the page could never fire; take more than {1 - 1 / factor:.3f}"
    )


def test_a_threshold_between_bucket_edges_is_refused() -> None:
    """A promise in time is counted exactly only at an edge; the edges are listed."""
    text = TEXT.replace("threshold_seconds = 0.3 ", "threshold_seconds = 0.31 ")

    with pytest.raises(stack.StackError, match=r"threshold_seconds = 0\.31: takes an edge of \w+: 0\.005"):
        latency(stack.loads(text))


def test_every_refusal_is_tested() -> None:
    """The sentences of the two modules that refuse stand in these tests, so that a new one is not forgotten."""
    tests = Path(__file__).read_text(encoding="utf-8")
    source = "".join((ROOT / f"obs/alerting/{name}.py").read_text(encoding="utf-8") for name in ("model", "slo"))
    said = re.findall(r'(?:append\(|AlertError\(|f?")([a-z][^"{}]{30,})"', source)

    missing = [one for one in said if not any(word in tests for word in (one, one[:40], one.split("; ")[0]))]
    assert [one for one in missing if "`" not in one and "{{" not in one] == []
