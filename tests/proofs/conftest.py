"""What proofs are tried on: the compiled stack of this repository, and promtool."""

from pathlib import Path

import pytest

from obs.output import Built, build
from obs.proofs import promtool
from obs.proofs.evidence import Evidence
from obs.proofs.promtool import Promtool
from obs.stack import Stack
from tests.proofs.planted import Planted


@pytest.fixture(scope="session")
def tool(root: Path) -> Promtool:
    """Return the promtool that the proofs run with."""
    return promtool.find(root)


@pytest.fixture(scope="session")
def built(production: Stack) -> Built:
    """Return this repository's stack, compiled."""
    return build(production)


@pytest.fixture(scope="session")
def evidence(built: Built, root: Path) -> Evidence:
    """Return what the checks look at in this repository."""
    return Evidence(built, root)


@pytest.fixture
def planted(production: Stack, tmp_path: Path) -> Planted:
    """Return a sound stack, to plant a fault in."""
    return Planted(production, tmp_path)
