"""Is time in the end-to-end run faster everywhere, and is nothing else different?"""

import re
from pathlib import Path

import pytest
import yaml

from e2e import scaling
from obs import config, durations, stack
from obs.alerting import rules
from obs.proofs import promtool
from tests.conftest import ROOT

STACK = stack.load(ROOT / "stack.toml")
DURATION = re.compile(r"'(?:for|keep_firing_for|interval)': '(\w+)'|\[(\w+)\]")


@pytest.mark.parametrize(
    ("expr", "faster"),
    [
        ("rate(x[5m])", "rate(x[10000ms])"),
        ("max_over_time(x[1h:1m])", "max_over_time(x[120000ms:2000ms])"),
        ("x offset 1h30m", "x offset 180000ms"),
        ('x{path="[5m]"} > 300', 'x{path="[5m]"} > 300'),
        ("job:requests:rate5m", "job:requests:rate5m"),
    ],
)
def test_windows_and_offsets_shrink_and_nothing_else(expr: str, faster: str) -> None:
    """A duration is one by its place: names, texts in quotes and thresholds stay."""
    assert scaling.expression(expr, 30) == faster


def test_every_rule_of_the_project_stays_valid(tmp_path: Path) -> None:
    """Promtool accepts the faster rules: no window became nothing."""
    files = []
    for path, text in rules.render(STACK).items():
        files.append(tmp_path / Path(path).name)
        files[-1].write_text(scaling.rules(text), encoding="utf-8")

    assert promtool.find(ROOT).check_rules(files) == ()


def test_no_duration_of_a_rule_is_left_as_it_was() -> None:
    """Undoing it gives the rules again: holds, intervals and windows are all thirty times shorter, exactly."""
    for text in rules.render(STACK).values():
        slower = yaml.safe_load(scaling.rules(scaling.rules(text), by=1))
        for before, after in zip(_durations(yaml.safe_load(text)), _durations(slower), strict=True):
            assert durations.seconds(after) == pytest.approx(durations.seconds(before) / scaling.SCALE, abs=0.001)


def test_routes_wait_shorter() -> None:
    """The waits of every route shrink; receivers and matchers stay."""
    text = config.render(STACK)["alertmanager/alertmanager.yml"]
    before, after = yaml.safe_load(text), yaml.safe_load(scaling.routes(text))

    assert after["route"]["group_wait"] == "1000ms"
    assert after["route"]["routes"][1]["routes"][2]["repeat_interval"] == "2880000ms"
    assert {key: after[key] for key in ("receivers", "inhibit_rules")} == {
        key: before[key] for key in ("receivers", "inhibit_rules")
    }


def _durations(rules: object) -> list[str]:
    """Return every duration of a rule file, in its order: holds, intervals, and windows in brackets."""
    return ["".join(found) for found in DURATION.findall(str(rules))]
