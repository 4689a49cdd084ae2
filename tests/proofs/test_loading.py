"""Several stacks are put before promtool together, and each is judged as if it were alone."""

import re
from dataclasses import replace

from obs.output import Built
from obs.output.built import FOLDER, File
from obs.proofs.loading import TOGETHER, Loading
from tests.conftest import ROOT

RULES = f"{FOLDER}/prometheus/rules/api.yml"
ONE_LINE = re.compile(r"alert: (?P<name>\w+)\n +expr: (?P<expr>[^|\n]+)")


def broken(built: Built) -> tuple[Built, str]:
    """Return a stack one of whose alerts about the API asks what is no PromQL, and the alert's name."""
    text = built.files[RULES].text
    rule = ONE_LINE.search(text)
    assert rule
    wrong = text[: rule.start("expr")] + "sum(" + text[rule.end("expr") :]
    return replace(built, files=built.files | {RULES: File(wrong)}), rule["name"]


def test_what_promtool_refuses_of_one_of_many_stacks_is_told_once_by_its_alert(built: Built) -> None:
    """More stacks than one question takes: the one that is wrong is named, and no other is blamed for it."""
    wrong, name = broken(built)
    with Loading(ROOT, TOGETHER + 2) as loading:
        for number in range(TOGETHER + 2):
            loading.add(wrong if number == TOGETHER else built)
        (found,) = loading.found()

    alerts = {alert.name: alert.source for group in built.groups for alert in group.alerts}
    assert found.fault.place == alerts[name]
    assert "could not parse expression" in found.fault.what


def test_what_was_added_is_judged_though_fewer_came_than_were_announced(built: Built) -> None:
    """A build that stops at its second stack still tells what promtool makes of the first."""
    with Loading(ROOT, 3) as loading:
        loading.add(broken(built)[0])
        loading.add(built)

        assert len(loading.found()) == 1
