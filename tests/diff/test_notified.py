"""Does a change of rules or routes say who hears of what, from when, and what silences it?"""

import click
import pytest

from obs.diff import render_terminal
from obs.diff.sources import Files, diff_files

FOLDER = "infra/observability"
ROUTES = """
route:
  receiver: nobody
  routes:
    - matchers: [severity="none"]
      receiver: deadman
    - matchers: [severity="page", channel="chat"]
      receiver: pager
    - matchers: [severity="page"]
      receiver: pager
    - matchers: [severity="ticket"]
      receiver: tickets
inhibit_rules:
  - source_matchers: [alertname="Down"]
    target_matchers: [alertname="Slow"]
"""
RULES = """
groups:
  - name: api
    rules:
      - {alert: Down, expr: up == 0, for: 1m, labels: {severity: page}}
      - {alert: Slow, expr: latency > 1, for: 5m, labels: {severity: ticket}}
"""


def files(routes: str = ROUTES, rules: str = RULES) -> Files:
    """Return the files of a build that decide who is told."""
    return {
        f"{FOLDER}/alertmanager/alertmanager.yml": routes.encode(),
        f"{FOLDER}/prometheus/rules/api.yml": rules.encode(),
    }


def said(after: Files, before: Files | None = None) -> list[str]:
    """Return what is told of notifications."""
    told = [change for change in diff_files(before or files(), after) if change.kind == "notifications"]
    lines = click.unstyle(render_terminal(told)).splitlines()
    return [line.split(" / ", 1)[1] for line in lines if " / " in line]


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ("severity: page", "severity: ticket", ["Down: goes to tickets after 1m instead of to pager after 1m"]),
        ("severity: ticket", "severity: info", ["Slow: goes to nobody after 5m instead of to tickets after 5m"]),
        ("for: 1m", "for: 90s", ["Down: goes to pager after 1m30s instead of to pager after 1m"]),
        ("for: 1m", "for: 60s", []),
        ("alert: Slow", "alert: Late", ["Late: goes to tickets after 5m", "Slow: no longer goes to tickets after 5m"]),
        (
            "      - {alert: Slow",
            "      - {alert: Down, expr: up < 0.5, labels: {severity: ticket}}\n      - {alert: Slow",
            ["Down: also goes to tickets after 0s"],
        ),
    ],
)
def test_a_rule_says_whom_it_reaches_and_after_how_long(find: str, put: str, told: list[str]) -> None:
    """A reviewer need not follow labels through the routing tree: the sentence names the receiver."""
    assert said(files(rules=RULES.replace(find, put))) == told


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ("receiver: tickets", "receiver: chat", ["Slow: goes to chat after 5m instead of to tickets after 5m"]),
        (
            "      receiver: tickets",
            "      receiver: tickets\n      mute_time_intervals: [nights]",
            [
                "Slow: goes to tickets after 5m, not at all hours (nights) instead of to tickets after 5m",
            ],
        ),
        (
            'channel="chat"]\n      receiver: pager',
            'channel="chat"]\n      receiver: second',
            ['Down: also goes to second after 1m where channel="chat"'],
        ),
        ('[alertname="Slow"]', '[alertname="None"]', ["Slow: no longer silenced while Down fires"]),
        (
            "inhibit_rules:",
            'inhibit_rules:\n  - {source_matchers: [alertname="Slow"], target_matchers: [severity="page"]}',
            ["Down: silenced while Slow fires"],
        ),
    ],
)
def test_a_route_or_an_inhibition_says_which_alerts_it_moves(find: str, put: str, told: list[str]) -> None:
    """The routing tree is edited in one place and decides over all alerts."""
    assert said(files(routes=ROUTES.replace(find, put))) == told


def test_a_broken_tree_is_told_as_a_file_alone() -> None:
    """What cannot be followed is not guessed at; the other changes are told."""
    broken = files(routes=ROUTES.replace('severity="page"]', "severity>page]"))

    assert said(broken) == []
    assert [change.kind for change in diff_files(files(), broken) if change.action == "update"] == ["settings"]
    assert said({"a.json": b"{}"}) == []
