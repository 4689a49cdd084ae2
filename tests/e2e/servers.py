"""How is a real server started on a free port for one test, and stopped whatever happens?"""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.e2e.programs import program

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.1


@contextmanager
def serving(name: str, *arguments: str | Path, ready: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program, which is given, until the block ends; it starts when the address ``ready`` answers 200."""
    with (
        log.open("w") as output,
        subprocess.Popen([program(name), *arguments], stdout=output, stderr=output) as process,
    ):
        try:
            until(lambda: process.poll() is not None or answers(ready), f"{name} does not answer {ready}; see {log}")
            assert process.poll() is None, f"{name} ended: {log.read_text()[-2000:]}"
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def answers(url: str) -> bool:
    """Tell whether an address answers 200."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def until(condition: Callable[[], bool], failure: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition; fail with a sentence when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, failure
        time.sleep(PAUSE_SECONDS)
