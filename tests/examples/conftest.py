"""What the tests of the reference service share: its real processes, once per test process."""

import socket
from collections.abc import Iterator

import pytest

from examples.demo import Demo, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run Redis, two API workers and a job worker, with the fault switches open."""
    with running(tmp_path_factory.mktemp("service"), port=free_port(), faults=True) as demo:
        yield demo


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
