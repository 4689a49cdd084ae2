"""What every test starts from: the checkout, and the stack it describes."""

import signal
from pathlib import Path

import pytest

from obs import stack
from obs.stack import Stack

ROOT = Path(__file__).parent.parent

# A shell that runs the suite in the background has it ignore Ctrl-C; what tests start must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def production(root: Path) -> Stack:
    """Return the stack of the committed stack.toml."""
    return stack.load(root / "stack.toml")
