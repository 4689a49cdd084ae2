"""Durations are read as Prometheus reads them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs import durations
from obs.proofs import promtool
from obs.query import expr
from obs.stack.settings import DURATION, matches

PART = st.tuples(
    st.one_of(st.integers(0, 99).map(str), st.sampled_from(["", "05", "1.5", "-1", "292", "293", "2562047788"])),
    st.sampled_from(["y", "w", "d", "h", "m", "s", "ms", "", "M"]),
)
TEXT = st.lists(PART, max_size=3).map(lambda parts: "".join(number + unit for number, unit in parts))
NAMED = ["1m1h", "1m1m", "1.5h", "2562047788y", "292y", "293y", "292y27w", "1h0m0s", "05m", "0", "0s", "", "5", "1h 1m"]


def refused(folder: Path, root: Path, texts: list[str]) -> set[str]:
    """Return those that promtool does not take as the `for` of a rule."""
    files = {folder / f"{number}.yml": text for number, text in enumerate(texts)}
    for path, text in files.items():
        rule = f'{{alert: A, expr: up, for: "{text}"}}'
        path.write_text(f"groups: [{{name: a, rules: [{rule}]}}]")
    remarks = promtool.find(root).check_rules(files)
    return {files[folder / Path(remark.file).name] for remark in remarks}


def read(text: str) -> bool:
    """Tell whether our reading takes it."""
    try:
        durations.parse(text)
    except ValueError:
        return False
    return True


@settings(max_examples=5, deadline=None)
@given(st.lists(TEXT, min_size=80, max_size=80, unique=True))
def test_durations_are_those_that_promtool_takes(
    root: Path, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """A text is a duration for us exactly when it is one for promtool."""
    asked = sorted({*texts, *NAMED})

    assert {text for text in asked if not read(text)} == refused(tmp_path_factory.mktemp("rules"), root, asked)


@given(TEXT)
def test_settings_take_no_duration_that_is_none(text: str) -> None:
    """What stack.toml and an alert may hold is read by everything that follows."""
    assert read(text) or not matches(DURATION, text)


@pytest.mark.parametrize("window", ["1m1h", "1m1m", "1.5h", "2562047788y", "293y", "0s"])
def test_a_window_of_no_length_or_order_is_no_promql(window: str) -> None:
    """The parser would take 293 years."""
    with pytest.raises(expr.ExprError):
        expr.parse(f"rate(up[{window}])")
