"""Every alert fires, stays silent and clears as its cases say, and no part of it goes unproven."""

import re
from pathlib import Path

import pytest

from obs import stack
from obs.alerting import Alert, Group, rules
from obs.proofs import cases, mutants, promtool
from obs.proofs.promtool import Promtool
from obs.stack import Stack

ROOT = Path(__file__).parent.parent
GROUPS = rules.groups(stack.load(ROOT / "stack.toml"))
ALERTS = [alert for group in GROUPS for alert in group.alerts]


@pytest.fixture(scope="module")
def tool(root: Path) -> Promtool:
    """Return the promtool that plays the cases."""
    return promtool.find(root)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_case_of_an_alert_holds(alert: Alert, production: Stack, tool: Promtool) -> None:
    """What a case says of its history is what Prometheus makes of it."""
    assert cases.prove(tool, production, GROUPS, [alert.name]) == []


PARTS = re.compile(
    r"it holds for \S+, not no time|.* (is required|is enough|keeps it silent)|(?!up ).* is narrowed to [^,]*"
    r"|the threshold is .*"
)


@pytest.mark.parametrize("group", [group for group in GROUPS if group.alerts], ids=lambda group: group.file)
def test_every_part_of_an_alert_is_needed_by_a_case(group: Group, production: Stack, tool: Promtool) -> None:
    """Without a condition, guard, matcher or hold, or with a threshold ten times off, at least one case fails."""
    names = [alert.name for alert in group.alerts]

    assert mutants.prove(tool, production, GROUPS, names, where=lambda part: bool(PARTS.fullmatch(part))).findings == ()
