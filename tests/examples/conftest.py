"""What the tests of the reference service share: its real processes, once per test process."""

from collections.abc import Iterator

import pytest

from examples.ports import free_port
from examples.service import Demo, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run Redis, two API workers and a job worker, with the fault switches open."""
    with running(tmp_path_factory.mktemp("service"), port=free_port(), faults=True) as demo:
        yield demo
