"""A part of an alert that no case needs is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from obs.alerting import Alert, Group, clears, pages, silent
from obs.proofs import mutants
from obs.proofs.mutants import SurvivorError, survivors
from obs.proofs.mutations import of_duration, of_expression
from obs.proofs.promtool import Promtool
from obs.stack import Stack
from tests.proofs.test_cases import DOWN
from watchkeeper.contract.labels import JOB


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play in a folder without a list of survivors, and without fates of other runs."""
    monkeypatch.chdir(tmp_path)


def unproven(tool: Promtool, stack: Stack, alert: Alert) -> list[str]:
    """Return which parts of an alert no case needs."""
    return [str(problem) for problem in mutants.prove(tool, stack, [Group("api", "api", (alert,))]).findings]


def test_parts_that_are_needed_are_not_named(production: Stack, tool: Promtool) -> None:
    """A hold and a comparison, which the first moment of firing shows."""
    assert unproven(tool, production, DOWN) == []


def test_a_threshold_anyone_could_move_is_named(production: Stack, tool: Promtool) -> None:
    """Histories far from the threshold do not say where it is."""
    series = 'queue{job="api"}'
    alert = replace(
        DOWN,
        expr="queue > 50",
        hold="0s",
        description="The queue is long.",
        cases=(
            pages("very long", at="0s", series={series: "9000x10"}, where=(JOB.eq("api"),)),
            silent("empty", series={series: "0x10"}),
            clears("worked off", at="11m", series={series: "9000x10 0x10"}),
        ),
    )

    numbers = (25, 40, 45, 55, 60, 100)
    assert [part for part in unproven(tool, production, alert) if " 50 " in part] == [
        f"alerts/api.py:7 down: no case notices that 50 is not {number}; add one" for number in numbers
    ]


@pytest.mark.parametrize(
    ("expr", "changed"),
    [
        ("up == 0", ["up != 0", "up"]),
        ("a > 10", ["a < 10", "a", "a > 5", "a > 8", "a > 9", "a > 11", "a > 12", "a > 20", "a > 1", "a > 100"]),
        ("a and b", ["a", "b", "a unless b"]),
        ("a or b", ["a", "b", "a and b"]),
        ("a unless b", ["a", "a and b"]),
        ("rate(a[5m])", ["increase(a[5m])", "rate(a[2m30s])", "rate(a[10m])"]),
        ("a offset 10m", ["a", "a offset 5m", "a offset 20m"]),
        ("sum by (x, y) (a)", ["max by (x, y) (a)", "sum by (y) (a)", "sum by (x) (a)"]),
        ('a{x="1"}', ["a", 'a{x!="1"}']),
        ('a{job="1"}', []),
        ('up{job="1"}', ["up", 'up{job!="1"}']),
        ("a / (b > 0)", ["a", "a / b", "a / (b < 0)"]),
        ("rate(a[1m]) / (rate(b[1m]) > 0)", None),
    ],
)
def test_what_an_expression_could_say_instead(expr: str, changed: list[str] | None) -> None:
    """Numbers, windows, operators, sides, aggregations, labels, matchers, guards: each once, the rest as it was."""
    found = {" ".join(mutation.expr.split()).replace("(", "").replace(")", "") for mutation in of_expression(expr)}

    if changed is None:
        assert not any("increase" in text for text in found)
        assert "ratea[1m] / rateb[1m]" not in found
    else:
        assert found == {text.replace("(", "").replace(")", "") for text in changed}


def test_holds_are_halved_doubled_and_left_out() -> None:
    """None is not made shorter."""
    assert [span for span, _ in of_duration("5m")] == ["2m30s", "10m", "0s"]
    assert list(of_duration("0s")) == []


def test_a_survivor_that_is_listed_is_no_problem(
    production: Stack, tool: Promtool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its reason, until its day; then, or where it covers nothing, the entry itself is one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alerts").mkdir()
    entry = '[[survivor]]\npart = "{}"\nreason = "a test"\nexpires = {}\n'
    lax = replace(DOWN, cases=(*DOWN.cases[:2], replace(DOWN.cases[2], name="x")))
    alive = unproven(tool, production, lax)
    lists = tmp_path / "alerts/survivors.toml"

    lists.write_text(entry.format(".*", "2100-01-01"))
    assert unproven(tool, production, lax) == (
        [] if alive else ["alerts/survivors.toml '' .*: it covers nothing; remove it"]
    )
    lists.write_text(entry.format(".*", "2000-01-01"))
    assert "alerts/survivors.toml '' .*: it expired on 2000-01-01; add a case, or argue again" in unproven(
        tool, production, lax
    )


@pytest.mark.parametrize(
    "text", ["[[survivor]]\npart = 7", "[[survivor]", '[[survivor]]\npart = "("\nreason = "x"\nexpires = 2100-01-01']
)
def test_a_list_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str) -> None:
    """The file, the entry, and what it takes."""
    (tmp_path / "survivors.toml").write_text(text)

    with pytest.raises(SurvivorError, match=r"survivors\.toml: "):
        survivors(tmp_path / "survivors.toml")


def test_a_fate_is_kept(production: Stack, tool: Promtool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run asks promtool nothing, and says the same."""
    monkeypatch.chdir(tmp_path)
    first = unproven(tool, production, DOWN)
    monkeypatch.setattr("obs.proofs.promtool.Promtool.test_rules", None)

    assert unproven(tool, production, DOWN) == first
