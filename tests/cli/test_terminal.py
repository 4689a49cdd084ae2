"""What does a person see at a terminal, beside what a verb says?"""

import os
import pty
import subprocess
import sys

import pytest

from tests.checkout import PROGRAM, Checkout

ESCAPE = b"\x1b["


def at_a_terminal(checkout: Checkout, *arguments: str, **environment: str) -> bytes:
    """Run `obs` at a terminal of its own; return what it shows."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(checkout.root), "PROMTOOL": str(checkout.promtool), "TERM": "xterm"}
    env.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=checkout.root,
        env=env | environment,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other side is closed: that is how a terminal ends on Linux
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown


def test_a_terminal_is_shown_colours(checkout: Checkout) -> None:
    """What became of a file is told apart at a glance."""
    assert ESCAPE in at_a_terminal(checkout, "build")


@pytest.mark.parametrize("wish", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "a dumb terminal"])
def test_who_wants_no_colours_sees_none(checkout: Checkout, wish: dict[str, str]) -> None:
    """The wish of a person and the limits of a terminal are heeded."""
    shown = at_a_terminal(checkout, "build", **wish)

    assert b"nothing to write" in shown
    assert ESCAPE not in shown


@pytest.mark.parametrize(("typed", "meant"), [("biuld", "build"), ("alert", "alerts"), ("dif", "diff")])
def test_a_verb_misspelt_is_answered_with_the_nearest(checkout: Checkout, typed: str, meant: str) -> None:
    """A slip of the finger is told what it was meant to be."""
    result = checkout.obs(typed)

    assert result.returncode == 2
    assert f"No such command '{typed}'; did you mean '{meant}'?" in result.stderr


def test_a_verb_like_no_other_is_refused_alone(checkout: Checkout) -> None:
    """Nothing is suggested where nothing is near."""
    assert "Did you mean" not in checkout.obs("zzz").stderr
