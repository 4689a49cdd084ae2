"""A promtool that is a script of the test's."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def promtool(tmp_path: Path) -> Callable[[str], str]:
    """Return what makes a promtool of a shell script, and its path."""

    def make(script: str) -> str:
        path = tmp_path / "promtool"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return make
