"""Figures of runbooks are those of the settings whose keys stand behind them."""

import pytest

from obs.output.figures import FIGURE, figures, filled
from obs.stack import Stack
from tests.checkout import Checkout
from tests.conftest import ROOT

PAGES = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/operations").glob("*.md"))}


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("More than 5 % (`thresholds.api_error_ratio`)", "More than 2 % (`thresholds.api_error_ratio`)"),
        ("0.05 (`thresholds.api_error_ratio`)", "0.02 (`thresholds.api_error_ratio`)"),
        ("99 % (`slo.availability.objective`)", "99.9 % (`slo.availability.objective`)"),
        ("1.5 s (`slo.latency.threshold_seconds`)", "0.3 s (`slo.latency.threshold_seconds`)"),
        ("20 minutes (`thresholds.job_stalled_seconds`)", "15 minutes (`thresholds.job_stalled_seconds`)"),
        ("5 % of them (`thresholds.api_error_ratio`)", "5 % of them (`thresholds.api_error_ratio`)"),
        ("5 % (`thresholds.no_such`)", "5 % (`thresholds.no_such`)"),
    ],
)
def test_a_figure_is_written_in_its_own_unit(written: str, right: str, production: Stack) -> None:
    """The setting is converted to the unit that stands there; what is no setting is left alone."""
    assert filled(written, production) == right


def test_what_is_no_setting_is_told(production: Stack) -> None:
    """A key that is misspelt has no right figure."""
    (found,) = figures("5 % (`slo.latency.goal`)", production)

    assert (found.key, found.right) == ("slo.latency.goal", None)


def test_the_committed_pages_say_what_is_set(production: Stack) -> None:
    """Thresholds and promises stand in them with their keys, and are right."""
    keys = {found["key"] for text in PAGES.values() for found in FIGURE.finditer(text)}

    assert keys >= {"thresholds.api_error_ratio", "slo.availability.objective", "slo.latency.threshold_seconds"}
    assert {path: filled(text, production) for path, text in PAGES.items()} == PAGES


def test_changing_a_setting_changes_the_page(checkout: Checkout) -> None:
    """A check names the line and the key; a build writes the figure, once."""
    checkout.edit("stack.toml", "api_error_ratio = 0.02", "api_error_ratio = 0.03")

    stale = checkout.obs("check")
    built = checkout.obs("build")
    again = checkout.obs("build", "--check")
    page = (checkout.root / "docs/operations/api.md").read_text(encoding="utf-8")

    assert stale.returncode == 1
    assert "it says 2 %, and thresholds.api_error_ratio is 3 %" in stale.stdout + stale.stderr
    assert built.returncode == 0, built.stdout + built.stderr
    assert "More than 3 % (`thresholds.api_error_ratio`) of requests" in page
    assert again.returncode == 0, again.stdout + again.stderr
    assert checkout.obs("check").returncode == 0
