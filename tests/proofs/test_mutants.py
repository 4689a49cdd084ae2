"""A part of an alert that no case needs is named."""

from dataclasses import replace

import pytest

from obs.alerting import Alert, Group, clears, pages, silent
from obs.proofs import mutants
from obs.proofs.mutants import mutations
from obs.proofs.promtool import Promtool
from obs.stack import Stack
from tests.proofs.test_cases import DOWN
from watchkeeper.contract.labels import JOB


def unproven(tool: Promtool, stack: Stack, alert: Alert) -> list[str]:
    """Return which parts of an alert no case needs."""
    return [str(problem) for problem in mutants.prove(tool, stack, [Group("api", "api", (alert,))])]


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

    assert unproven(tool, production, alert) == [
        "alerts/api.py:7 down: no case notices that the threshold is 50, not ten times it, in 'queue > 50'; add one",
        "alerts/api.py:7 down: no case notices that the threshold is 50, not a tenth of it, in 'queue > 50'; add one",
    ]


@pytest.mark.parametrize(
    ("expr", "parts"),
    [
        ("up == 0", ["'up == 0' compares"]),
        (
            "a > 1 and b > 2",
            [
                "'b > 2' is required",
                "'a > 1' is required",
                "the threshold is 1, not ten times it, in 'a > 1'",
                "the threshold is 1, not a tenth of it, in 'a > 1'",
            ],
        ),
        ("a unless on (job) b", ["'b' keeps it silent"]),
        ("absent(a) or absent(b)", ["'absent(b)' is enough", "'absent(a)' is enough"]),
        (
            'a{job="x", status=~"5.."} offset 5m == 0',
            ['\'a{job="x",status=~"5.."} offset 5m == 0\' compares', 'a is narrowed to status=~"5.."'],
        ),
        ("used / (size > 0) >= 0", ["'used / (size > 0) >= 0' compares", "'size > 0' is required"]),
        ("rate(a[5m]) / (rate(b[5m]) > 0) == 0", ["'rate(a[5m]) / (rate(b[5m]) > 0) == 0' compares"]),
        ("vector(1)", []),
    ],
)
def test_the_parts_of_an_expression(expr: str, parts: list[str]) -> None:
    """Conditions, guards, thresholds and matchers, but for what no history could tell apart."""
    assert [mutation.part for mutation in mutations(expr)] == parts


def test_a_mutation_takes_one_part_away() -> None:
    """The rest of the expression, offsets and brackets included, stays as it is."""
    texts = [" ".join(mutation.expr.split()) for mutation in mutations('(a{x="1"} offset 5m + b) / (c > 0) > 2 and d')]

    assert texts == [
        '(a{x="1"} offset 5m + b) / (c > 0) > 2',
        "d",
        '(a{x="1"} offset 5m + b) / (c > 0) > 20 and d',
        '(a{x="1"} offset 5m + b) / (c > 0) > 0.2 and d',
        '((a{x="1"} offset 5m + b)) / (c) > 2 and d',
        "(a offset 5m + b) / (c > 0) > 2 and d",
    ]
