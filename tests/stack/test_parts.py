"""What a stack lacks takes everything with it that is about it, and what is left builds, checks and proves."""

import itertools
import re

import pytest

from obs.output import build
from obs.proofs import cases, promtool
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine
from obs.proofs.loading import loads
from obs.stack import schema
from tests.checkout import Checkout
from tests.conftest import ROOT
from tests.stack.parts import PARTS, WORDS, settings, toml, without

COMMITTED = "file/outdated"
"""The check that files on disk are what is built: on disk is the stack that lacks nothing."""

PAIRS = tuple(itertools.combinations(PARTS, 2))
ALL_BUT_A_PAIR = tuple(tuple(part for part in PARTS if part not in pair) for pair in PAIRS[::7])


@pytest.mark.parametrize("absent", [*((part,) for part in PARTS), PARTS, *PAIRS[::5], *ALL_BUT_A_PAIR], ids="+".join)
def test_a_stack_without_some_parts_builds_and_checks(absent: tuple[str, ...]) -> None:
    """Each part alone, all of them, pairs, and all but a pair: nothing is found, and Prometheus takes the rules."""
    built = build(without(absent))

    found = examine(Evidence(built, ROOT), [check for check in CHECKS if check.id != COMMITTED])

    assert [str(finding) for finding in found] == []
    assert loads(promtool.find(ROOT), built) == []


@pytest.mark.parametrize("part", PARTS)
def test_nothing_mentions_a_part_that_is_not_there(part: str) -> None:
    """No file that a program loads holds a word of it."""
    built = build(without([part]))

    telling = re.compile(WORDS[part], re.IGNORECASE)
    found = [
        f"{path}: {line.strip()}"
        for path, text in built.texts.items()
        for line in (path.removeprefix("infra/observability/"), *text.splitlines())
        if path != schema.PATH and telling.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("absent", [(), ("redis", "mongodb", "logs", "traces", "jobs", "websockets", "vitals")])
def test_what_others_run_is_only_given_dashboards_and_rules(absent: tuple[str, ...]) -> None:
    """One setting leaves nothing to load but rules and dashboards, and they check."""
    built = build(without(absent, others=True))

    rooms = ("docs/catalog.md", "infra/observability/files.txt", schema.PATH)
    folders = {path.rpartition("/")[0] for path in built.texts if path not in rooms}

    assert folders == {"infra/observability/prometheus/rules", "infra/observability/grafana/dashboards"}
    assert not any(group.file in ("prometheus", "notifications", "logs-traces") for group in built.groups)
    found = examine(Evidence(built, ROOT), [check for check in CHECKS if check.id != COMMITTED])
    assert [str(finding) for finding in found] == []
    assert loads(promtool.find(ROOT), built) == []


@pytest.mark.parametrize("absent", [PARTS, ("alertmanager", "logs", "traces", "grafana"), ("redis", "jobs", "vitals")])
def test_the_alerts_that_are_left_prove(absent: tuple[str, ...]) -> None:
    """The cases hold of those that look at several parts at once."""
    lacking = without(absent)
    groups = build(lacking).groups
    names = [alert.name for group in groups if group.file in ("targets", "notifications") for alert in group.alerts]

    assert cases.prove(promtool.find(ROOT), lacking, groups, names) == []


def test_a_build_removes_what_a_part_left_behind(checkout: Checkout) -> None:
    """Its rules, boards and configuration go from the disk with it."""
    (checkout.root / "stack.toml").write_text(toml(settings("redis", "logs")))

    done = checkout.obs("build")
    checked = checkout.obs("check")

    assert done.returncode == 0, done.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    left = [path.removeprefix(str(checkout.root)) for path in checkout.written()]
    assert not [path for path in left if path.startswith("/infra/obs") and re.search("redis|loki|promtail", path)]
