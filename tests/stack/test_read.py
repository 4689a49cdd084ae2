"""Is every mistake in stack.toml named: key, what it got, what it takes?"""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs import content, stack
from obs.stack import StackError
from tests.conftest import ROOT

TEXT = (ROOT / "stack.toml").read_text()


def complaint(text: str, env: str = "") -> str:
    """Return what is said of a stack file that must not load."""
    with pytest.raises(StackError) as caught:
        stack.loads(text, env, content.here().thresholds)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('team = "backend"', 'teem = "backend"', "service.teem: no such setting; did you mean 'team'?"),
        (
            'team = "backend"',
            "",
            "service.team is missing: takes a lower-case name of at most 24 letters, digits and dashes",
        ),
        (
            "objective = 0.999",
            "objective = 99.9",
            "slo.availability.objective = 99.9: takes a number above 0 and below 1",
        ),
        (
            "objective = 0.999",
            "objective = nan",
            "slo.availability.objective = nan: takes a number above 0 and below 1",
        ),
        (
            "objective = 0.999",
            'objective = "high"',
            "slo.availability.objective = 'high': takes a number above 0 and below 1",
        ),
        ("pages = false", "pages = 0", "grafana.pages = 0: takes true or false"),
        ("api:4000", "api", "targets.api.address = 'api': takes host:port"),
        ('"15s"', '"15"', 'prometheus.scrape_interval = \'15\': takes a duration such as "30s", "5m" or "30d"'),
        ('"http://localhost:3001"', '"localhost"', "grafana.url = 'localhost': takes an http(s) address, or nothing"),
        (
            'job = "redis"',
            'job = "rce-api"',
            "targets.redis.job = 'rce-api': targets.api has it too; a job is one kind of target",
        ),
        (
            'uid = "loki"',
            'uid = "prometheus"',
            "datasources.loki.uid = 'prometheus': datasources.prometheus has it too; uids are unique",
        ),
        (
            "api_error_ratio = 0.02",
            "api_eror_ratio = 0.02",
            "thresholds.api_eror_ratio: no rule declares it; did you mean 'api_error_ratio'?",
        ),
        (
            "api_error_ratio = 0.02",
            "api_error_ratio = 1",
            "thresholds.api_error_ratio = 1: takes a number above 0 and below 1: share of requests answered 5xx",
        ),
        (
            "api_error_ratio = 0.02",
            'api_error_ratio = "2 %"',
            "thresholds.api_error_ratio = '2 %': takes a number",
        ),
        (
            'environment = "staging"',
            "environment = 7",
            "[env.staging] service.environment = 7: takes a lower-case name",
        ),
    ],
)
def test_a_mistake_is_named(old: str, new: str, sentence: str) -> None:
    """A wrong setting is answered with its key, what it got and what it takes."""
    assert old in TEXT
    assert f"stack.toml: {sentence}" in complaint(TEXT.replace(old, new, 1))


def test_every_mistake_is_named_at_once() -> None:
    """Three mistakes are three lines: nobody has to run three times."""
    text = TEXT.replace("objective = 0.999", "objective = 2").replace('"15s"', '"soon"').replace("api:4000", "api")

    assert len(complaint(text).splitlines()) == 3


def test_broken_toml_names_the_line() -> None:
    """A file that is no TOML says where it breaks."""
    assert "stack.toml: not TOML:" in complaint("[service\nname = 1")


def test_an_overlay_changes_what_it_names_and_nothing_else() -> None:
    """`--env staging` lays its keys over the file, however deep they are."""
    plain, staging = stack.loads(TEXT), stack.loads(TEXT, "staging")

    assert staging.targets.api.address == "api.staging:4000"
    assert staging.targets.api.path == plain.targets.api.path
    assert staging.thresholds == plain.thresholds


def test_an_unknown_overlay_names_those_that_exist() -> None:
    """A misspelt environment never falls back to production."""
    assert complaint(TEXT, "stagin") == "stack.toml: no [env.stagin]; there is: staging"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A stack file that isn't there is an error of one line."""
    with pytest.raises(StackError, match=r"nowhere\.toml: can't be read: No such file or directory"):
        stack.load(tmp_path / "nowhere.toml")


def test_settings_do_not_change() -> None:
    """A stack is frozen: what was checked is what is used."""
    with pytest.raises(FrozenInstanceError):
        stack.loads(TEXT).service.name = "other"  # type: ignore[misc]  # the very thing that must fail


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is in the file, the answer is a StackError."""
    complaint(text)
