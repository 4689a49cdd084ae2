"""What every test starts from: the checkout, and the stack it describes."""

import compileall
import shutil
import signal
from pathlib import Path

import pytest

from obs import stack
from obs.proofs import promtool
from obs.stack import Stack
from tests.checkout import LEFT_OUT, SHARED, Checkout

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


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return one copy of the repository that nobody changes, its modules compiled once for all copies of it."""
    target = tmp_path_factory.mktemp("pristine") / "checkout"
    shutil.copytree(root, target, ignore=LEFT_OUT)
    compileall.compile_dir(target, quiet=2)
    return target


@pytest.fixture
def checkout(tmp_path: Path, pristine: Path, root: Path) -> Checkout:
    """Return a copy of the repository whose content is there to break; the tool is one for all, and compiled once."""
    target = tmp_path / "checkout"
    shutil.copytree(pristine, target, ignore=lambda folder, _: SHARED if Path(folder) == pristine else ())
    for shared in SHARED:
        (target / shared).symlink_to(pristine / shared)
    return Checkout(target, promtool.find(root).path)


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with both wheels and their dependencies, without this checkout."""
    from tests.wheels import installed  # noqa: PLC0415 - it takes ROOT from here

    return installed(tmp_path_factory)
