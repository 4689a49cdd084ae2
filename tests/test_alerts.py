"""Every alert fires, stays silent and clears as its cases say, and no part of it goes unproven."""

from pathlib import Path

import pytest

from obs import stack
from obs.alerting import rules
from obs.alerting.model import Alert
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


@pytest.mark.parametrize("seed", [20261126, 1])
def test_what_a_random_change_does_is_noticed(seed: int, production: Stack, tool: Promtool) -> None:
    """Of fifty mutants, drawn from all of them, each is killed by a case or listed with its reason."""
    assert mutants.prove(tool, production, GROUPS, drawn=(seed, 50)).findings == ()
