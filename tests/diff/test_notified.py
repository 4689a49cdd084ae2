"""Does a change of rules or routes say who hears of what, from when, and what silences it?"""

import dataclasses

import click
import pytest

from obs.diff import render_terminal
from obs.diff.sources import Files, diff_files, read_code
from obs.stack import Stack

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
        ("severity: page", "severity: ticket", ["Down: goes to tickets after 1m30s instead of to pager after 1m30s"]),
        ("severity: ticket", "severity: info", ["Slow: goes to nobody after 5m30s instead of to tickets after 5m30s"]),
        ("for: 1m", "for: 90s", ["Down: goes to pager after 2m instead of to pager after 1m30s"]),
        ("for: 1m", "for: 60s", []),
        (
            "alert: Slow",
            "alert: Late",
            ["Late: goes to tickets after 5m30s", "Slow: no longer goes to tickets after 5m30s"],
        ),
        (
            "      - {alert: Slow",
            "      - {alert: Down, expr: up < 0.5, labels: {severity: ticket}}\n      - {alert: Slow",
            ["Down: also goes to tickets after 30s"],
        ),
    ],
)
def test_a_rule_says_whom_it_reaches_and_after_how_long(find: str, put: str, told: list[str]) -> None:
    """A reviewer need not follow labels through the routing tree: the sentence names the receiver."""
    assert said(files(rules=RULES.replace(find, put))) == told


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ("receiver: tickets", "receiver: chat", ["Slow: goes to chat after 5m30s instead of to tickets after 5m30s"]),
        (
            "      receiver: tickets",
            "      receiver: tickets\n      mute_time_intervals: [nights]",
            [
                "Slow: goes to tickets after 5m30s, not at all hours (nights) instead of to tickets after 5m30s",
            ],
        ),
        (
            'channel="chat"]\n      receiver: pager',
            'channel="chat"]\n      receiver: second',
            ['Down: also goes to second after 1m30s where channel="chat"'],
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


def test_how_long_a_route_gathers_is_part_of_how_long_it_takes() -> None:
    """A human hears at the end of `for` and `group_wait`, whichever of both somebody edits; alike texts come once."""
    waiting = ROUTES.replace("receiver: nobody\n", "receiver: nobody\n  group_wait: 2m\n", 1)

    assert said(files(routes=waiting)) == [
        "Down: goes to pager after 3m instead of to pager after 1m30s",
        "Slow: goes to tickets after 7m instead of to tickets after 5m30s",
    ]


def test_matchers_of_older_files_are_followed() -> None:
    """`match` and `match_re` are what `matchers` was before."""
    older = ROUTES.replace('matchers: [severity="ticket"]', "match_re: {severity: tick.*}")

    assert said(files(routes=older)) == []
    assert said(files(routes=older.replace("tick.*", "tock"))) == [
        "Slow: goes to nobody after 5m30s instead of to tickets after 5m30s"
    ]


@pytest.mark.parametrize("broken", ["for: soon", "for: [1m]", "expr: ["])
def test_a_rule_that_nobody_can_follow_stops_no_diff(broken: str) -> None:
    """What is wrong with the rule is told where the rule is."""
    assert said(files(rules=RULES.replace("for: 1m", broken))) == []


PROVIDER = "providers: [{name: shop, folder: Shop}]"


def where_grafana_pages(rules: str = RULES) -> Files:
    """Return the files of a build with `grafana.pages = true`: Alertmanager's receivers for people send nothing."""
    receivers = "\nreceivers: [{name: pager}, {name: tickets}, {name: nobody}, {name: deadman, webhook_configs: []}]\n"
    return {
        **files(ROUTES + receivers, rules),
        f"{FOLDER}/grafana/grafana.ini": b"[unified_alerting]\nexecute_alerts = true\n",
        f"{FOLDER}/grafana/provisioning/dashboards/stack.yml": PROVIDER.encode(),
    }


def test_where_grafana_pages_its_own_policy_is_followed() -> None:
    """Who pages changes with one setting: each alert has another receiver, and nothing silences it any more."""
    unsilenced = "no longer silenced while Down fires"

    assert said(where_grafana_pages()) == [
        "Down: goes to Grafana's shop--page after 1m30s instead of to pager after 1m30s",
        f"Slow: goes to Grafana's shop--ticket after 5m30s instead of to tickets after 5m30s; {unsilenced}",
    ]
    promised = RULES.replace("severity: page", "severity: page, slo: availability").replace("for: 5m", "for: 10m")
    assert said(where_grafana_pages(promised), where_grafana_pages()) == [
        "Down: goes to Grafana's shop--page after 1m15s instead of to Grafana's shop--page after 1m30s",
        "Slow: goes to Grafana's shop--ticket after 10m30s instead of to Grafana's shop--ticket after 5m30s",
    ]


def test_the_code_with_grafana_as_the_pager_is_followed(production: Stack) -> None:
    """Through the real build: every page and ticket goes to Grafana's contact points, none to two engines."""
    pages = dataclasses.replace(production, grafana=dataclasses.replace(production.grafana, pages=True))

    told = said(read_code(pages), read_code(production))

    assert told
    name = production.service.name
    assert all(f"Grafana's {name}--" in line for line in told if "goes to" in line)
    (down,) = (line for line in told if line.startswith("ApiDown, ") and "goes to" in line)
    assert f"goes to Grafana's {name}--page after 1m30s instead of to pager after 1m30s" in down
