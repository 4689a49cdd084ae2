"""Is a build skipped only where nothing changed of what it is made from?"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkout import Checkout

SKIPPED = "nothing they are made from has changed"


def touched(path: str) -> Callable[[Path], object]:
    """Write a file again as it is, a moment later: whether that means something is for the build to find out."""
    return lambda root: (root / path).write_bytes((root / path).read_bytes())


def backdated(path: str, old: str, new: str) -> Callable[[Path], object]:
    """Change a file, keeping its size and its time of modification."""

    def change(root: Path) -> None:
        before = (root / path).stat()
        text = (root / path).read_text()
        assert text.count(old) >= 1
        assert len(old) == len(new)
        (root / path).write_text(text.replace(old, new, 1))
        os.utime(root / path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return change


def added(path: str, text: str = "") -> Callable[[Path], object]:
    """Bring a new file."""

    def change(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return change


@pytest.fixture
def skipping(checkout: Checkout) -> Checkout:
    """Return a checkout whose next build has nothing to do."""
    checkout.own("obs", "watchkeeper")
    assert SKIPPED not in checkout.obs("build").stdout
    assert SKIPPED in checkout.obs("build").stdout
    return checkout


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(touched("stack.toml"), id="the stack file"),
        pytest.param(touched("waivers.toml"), id="the waivers"),
        pytest.param(touched("alerts/api.py"), id="an alert"),
        pytest.param(touched("dashboards/api.py"), id="a dashboard"),
        pytest.param(touched("metrics/redis.py"), id="a metric"),
        pytest.param(touched("watchkeeper/contract/metrics.py"), id="the contract"),
        pytest.param(touched("obs/boards/panels.py"), id="the tool"),
        pytest.param(touched("infra/observability/prometheus/prometheus.yml"), id="a written file"),
        pytest.param(touched("docs/catalog.md"), id="the catalog"),
        pytest.param(backdated("stack.toml", "0.02", "0.03"), id="a change that keeps size and time"),
        pytest.param(added("alerts/extra.py"), id="a new module of alerts"),
        pytest.param(added("alerts.py"), id="a module in front of the folder"),
        pytest.param(added("infra/observability/grafana/dashboards/old.json", "{}"), id="a file nothing renders"),
        pytest.param(lambda root: (root / "docs/catalog.md").unlink(), id="a written file is gone"),
    ],
)
def test_a_change_of_anything_it_is_made_from_builds(skipping: Checkout, change: Callable[[Path], object]) -> None:
    """Tool, content, settings and output: each is an input, and so is its time of change."""
    change(skipping.root)

    assert SKIPPED not in skipping.obs("build").stdout


def test_a_module_that_content_imports_is_an_input(checkout: Checkout) -> None:
    """What an alert takes from a module or a file of its own is heard of, without being named anywhere."""
    added("helpers.py", "from pathlib import Path\nLIMIT = Path('limit.txt').read_text().strip()\n")(checkout.root)
    added("limit.txt", "5m\n")(checkout.root)
    module = checkout.root / "alerts/api.py"
    module.write_text(module.read_text().replace("\n\n", "\n\nimport helpers\n", 1))
    checkout.obs("build")
    assert SKIPPED in checkout.obs("build").stdout

    added("limit.txt", "6m\n")(checkout.root)
    assert SKIPPED not in checkout.obs("build").stdout
    assert SKIPPED in checkout.obs("build").stdout

    touched("helpers.py")(checkout.root)
    assert SKIPPED not in checkout.obs("build").stdout


def test_another_promtool_or_environment_builds(skipping: Checkout, tmp_path: Path) -> None:
    """What proves the output is an input like what it is made from."""
    other = tmp_path / "promtool"
    other.symlink_to(skipping.promtool)

    assert SKIPPED not in skipping.obs("build", PROMTOOL=str(other)).stdout
    assert SKIPPED not in skipping.obs("build", LIMIT="7").stdout
    assert SKIPPED not in skipping.obs("build", "--target", "kubernetes").stdout
    assert SKIPPED not in skipping.obs("--env", "staging", "build", "--check").stdout


def test_what_was_found_is_found_again(skipping: Checkout) -> None:
    """A build that failed, or had something to write, is never skipped."""
    skipping.edit("stack.toml", "api_error_ratio = 0.02", "api_error_ratio = 0.03")

    first, second = skipping.obs("build", "--check"), skipping.obs("build", "--check")

    assert first.returncode == second.returncode == 1
    assert first.stderr == second.stderr
    skipping.obs("build")
    assert SKIPPED not in skipping.obs("build").stdout
    assert SKIPPED in skipping.obs("build").stdout


def test_a_note_that_is_no_note_costs_a_build(skipping: Checkout) -> None:
    """A note cut short is passed over."""
    (note,) = (skipping.root / ".obs/builds").iterdir()
    note.write_text("{")

    assert SKIPPED not in skipping.obs("build").stdout
    assert SKIPPED in skipping.obs("build").stdout
