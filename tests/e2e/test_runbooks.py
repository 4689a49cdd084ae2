"""Are the JavaScript blocks of runbooks what mongosh could read?"""

import subprocess

import pytest

from tests.config.test_pages import BLOCKS
from tests.e2e.programs import program

SCRIPTS = [text for _, language, text in BLOCKS if language == "js"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_for_mongosh_is_javascript(script: str) -> None:
    """Node, which mongosh is built on, reads it without an error."""
    answer = subprocess.run(
        [program("node"), "--check", "-"], input=script, capture_output=True, text=True, check=False, timeout=60
    )

    assert answer.returncode == 0, answer.stderr
