"""A promtool is found, asked and understood; one that can't answer is said to be so."""

import stat
from pathlib import Path

import pytest

from obs.proofs import promtool
from obs.proofs.promtool import OLDEST, Promtool, PromtoolError, Version
from obs.proofs.promtool_output import Firing

RULES = """
groups:
- name: api
  rules:
  - {alert: ApiDown, expr: 'up == 0', for: 5m, labels: {severity: page}, annotations: {description: '{{ $value }} up'}}
"""
BROKEN = """
groups:
- name: api
  rules:
  - {alert: ApiDown, expr: 'rate(up[5m]'}
  - {alert: ApiSlow, expr: up, annotations: {description: '{{ nope }}'}}
"""
TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- name: two are down, though one is expected
  interval: 1m
  input_series: [{series: 'up{job="a"}', values: '0x20'}, {series: 'up{job="b"}', values: '0x20'}]
  alert_rule_test:
  - eval_time: 10m
    alertname: ApiDown
    exp_alerts: [{exp_labels: {job: a, severity: page}, exp_annotations: {description: 0 up}}]
- name: it holds
  interval: 1m
  input_series: [{series: 'up{job="a"}', values: '0x20'}]
  alert_rule_test: [{eval_time: 1m, alertname: ApiDown, exp_alerts: []}]
- name: the sum is known
  interval: 1m
  input_series: [{series: 'up{job="a"}', values: '1x20'}]
  promql_expr_test: [{expr: 'sum(up) # known', eval_time: 5m, exp_samples: [{labels: '{}', value: 3}]}]
"""


def script(path: Path, text: str) -> Path:
    """Write an executable that stands in for a promtool nobody has at hand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def announcing(path: Path, version: str) -> Path:
    """Write a promtool of some version that does nothing else."""
    return script(path / "promtool", f'echo "promtool, version {version} (branch: HEAD)"')


def test_rules_are_checked_by_name(tool: Promtool, tmp_path: Path) -> None:
    """Each rule that promtool refuses is one finding, with its group, its name and the reason."""
    (tmp_path / "rules.yml").write_text(BROKEN)

    found = tool.check_rules([tmp_path / "rules.yml"])

    assert [(one.group, one.rule) for one in found] == [("api", "ApiDown"), ("api", "ApiSlow")]
    assert found[0].message == "could not parse expression: 1:12: parse error: unclosed left parenthesis"
    assert 'function "nope" not defined' in found[1].message


def test_good_rules_have_no_findings(tool: Promtool, tmp_path: Path) -> None:
    """Nothing is found in what Prometheus would load."""
    (tmp_path / "rules.yml").write_text(RULES)

    assert tool.check_rules([tmp_path / "rules.yml"]) == ()


def test_the_same_rule_twice_is_found(tool: Promtool, tmp_path: Path) -> None:
    """A duplicate is a finding about the file, for promtool does not say which rule."""
    (tmp_path / "rules.yml").write_text(RULES + RULES.split("rules:\n")[1])

    (found,) = tool.check_rules([tmp_path / "rules.yml"])

    assert (found.file, found.rule) == (str(tmp_path / "rules.yml"), "")
    assert "1 duplicate rule(s) found" in found.message


def test_a_configuration_is_checked_with_its_rules(tool: Promtool, tmp_path: Path) -> None:
    """A rule file that does not exist, and a rule in one that does, are both found."""
    (tmp_path / "prometheus.yml").write_text("rule_files: [nowhere.yml]\n")
    (missing,) = tool.check_config(tmp_path / "prometheus.yml")
    (tmp_path / "rules.yml").write_text(BROKEN)
    (tmp_path / "prometheus.yml").write_text("rule_files: [rules.yml]\n")
    broken = tool.check_config(tmp_path / "prometheus.yml")

    assert "does not point to an existing file" in missing.message
    assert [one.rule for one in broken] == ["ApiDown", "ApiSlow"]


def test_an_exposition_is_checked(tool: Promtool) -> None:
    """A metric without help is complained about, a clean one is not."""
    assert tool.check_metrics("api_requests_total 1\n") == ("api_requests_total no help text",)
    assert tool.check_metrics("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n") == ()


def test_failures_say_what_was_expected_and_what_came(tool: Promtool, tmp_path: Path) -> None:
    """An expectation that does not hold carries its test's name, moment, and both sides; one that holds is silent."""
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "tests.yml").write_text(TESTS)

    alert, expression = tool.test_rules([tmp_path / "tests.yml"])

    one, other = (
        Firing({"alertname": "ApiDown", "job": job, "severity": "page"}, {"description": "0 up"}) for job in "ab"
    )
    assert (alert.name, alert.alert, alert.at) == ("two are down, though one is expected", "ApiDown", "10m")
    assert (alert.expected, alert.got) == ((one,), (one, other))
    assert (expression.expr, expression.at) == ("sum(up) # known", "5m")


def test_a_series_that_does_not_parse_is_a_message(tool: Promtool, tmp_path: Path) -> None:
    """What promtool can't read is passed on in its words."""
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "tests.yml").write_text(TESTS.replace("0x20'}]\n  alert_rule_test: [", "zero'}]\n  alert_rule_test: ["))

    found = tool.test_rules([tmp_path / "tests.yml"])

    complaint = 'parse error: unexpected identifier "zero" in series values, expected number or "stale"'
    assert [one.message.partition(": ")[2] for one in found if one.message] == [complaint]


def test_the_order_is_promtool_path_own_folder(tmp_path: Path) -> None:
    """$PROMTOOL goes before PATH, PATH before .tools/bin."""
    own = announcing(tmp_path / ".tools" / "bin", "3.0.1")
    first = announcing(tmp_path / "first", "3.0.2")
    chosen = announcing(tmp_path / "chosen", "3.0.3")
    there = {"PATH": str(first.parent)}

    assert promtool.find(tmp_path, there | {"PROMTOOL": str(chosen)}).path == chosen
    assert promtool.find(tmp_path, there).path == first
    assert promtool.find(tmp_path, {"PATH": ""}) == Promtool(own, Version(3, 0, 1))


def test_an_old_one_on_path_is_passed_over(tmp_path: Path) -> None:
    """`obs tools` helps although a distribution's promtool is too old."""
    announcing(tmp_path / "usr", "2.15.2")
    own = announcing(tmp_path / ".tools" / "bin", str(OLDEST))

    assert promtool.find(tmp_path, {"PATH": str(tmp_path / "usr")}).path == own


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("echo promtool, version 2.41.0", "is 2.41.0; 2.42.0 is the oldest that will do"),
        ("exit 3", "did not tell its version (status 3)"),
        ("kill -SEGV $$", "did not tell its version (status -11)"),
        ("echo hello", "did not tell its version (status 0)"),
    ],
)
def test_a_promtool_that_can_not_be_used_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """Too old, failing, crashing, or something else: one sentence with the path, the reason and the remedy."""
    chosen = script(tmp_path / "promtool", text)

    with pytest.raises(PromtoolError) as caught:
        promtool.find(tmp_path, {"PROMTOOL": str(chosen)})

    assert str(caught.value) == f"promtool: {chosen} {complaint}; run `obs tools`"


def test_a_missing_promtool_is_one_sentence(tmp_path: Path) -> None:
    """Where it was looked for, and what to do."""
    with pytest.raises(PromtoolError) as nowhere:
        promtool.find(tmp_path, {"PATH": str(tmp_path)})
    with pytest.raises(PromtoolError) as chosen:
        promtool.find(tmp_path, {"PATH": str(tmp_path), "PROMTOOL": "/nowhere/promtool"})

    assert str(nowhere.value) == "promtool: not on PATH nor in .tools/bin, and $PROMTOOL is not set; run `obs tools`"
    assert str(chosen.value) == (
        "promtool: $PROMTOOL is '/nowhere/promtool', and no such program; unset it and run `obs tools`"
    )


def test_a_crash_is_no_verdict(tmp_path: Path) -> None:
    """A promtool that dies while it checks has neither accepted nor refused anything."""
    path = script(tmp_path / "promtool", "echo 'panic: out of memory'; kill -ABRT $$")

    with pytest.raises(PromtoolError) as caught:
        Promtool(path, OLDEST).check_rules([tmp_path / "rules.yml"])

    assert str(caught.value) == (f"{path} check rules: ended with status -6: panic: out of memory; run `obs tools`")


def test_a_file_that_is_not_there_is_no_verdict(tool: Promtool, tmp_path: Path) -> None:
    """Promtool's own usage errors are errors, not findings."""
    with pytest.raises(PromtoolError, match="does not exist"):
        tool.check_rules([tmp_path / "nowhere.yml"])
