"""What the push tests share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import stack as stacks
from stack import Stack
from tests.deploy.world import World
from tests.fake_grafana import FakeGrafana

ROOT = Path(__file__).parents[2]
MakeWorld = Callable[..., World]


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
