"""What the push tests share."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from obs import stack as stacks
from obs.stack import Stack
from tests.deploy.world import World
from tests.fake_grafana import FakeGrafana

ROOT = Path(__file__).parents[2]
MakeWorld = Callable[..., World]


LIVE = "GRAFANA_URL and GRAFANA_TOKEN are not both set, so the tests against a real Grafana are not part of this run"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests that need a real Grafana out of a run that has none."""
    if os.environ.get("GRAFANA_URL") and os.environ.get("GRAFANA_TOKEN"):
        return
    live = [item for item in items if item.path.name == "test_live.py"]
    items[:] = [item for item in items if item not in live]
    if live:
        config.hook.pytest_deselected(items=live)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a test is not there."""
    if any(item.path.name == "test_live.py" for item in terminalreporter.stats.get("deselected", [])):
        terminalreporter.write_line(LIVE)


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Give a factory of worlds; its arguments are FakeGrafana's."""
    with ExitStack() as servers:

        def make(*args: Any, **kwargs: Any) -> World:
            return World(servers.enter_context(FakeGrafana(*args, **kwargs)), tmp_path / "journals")

        yield make


@pytest.fixture(scope="session")
def stack() -> Stack:
    """Give the settings of this repository."""
    return stacks.load(ROOT / "stack.toml")


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Give a world with a Grafana 12.3."""
    return make_world()
