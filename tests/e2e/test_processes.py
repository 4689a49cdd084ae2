"""Does nothing outlive the end-to-end run, however it ends?"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from obs.programs.processes import ProcessError, Processes
from obs.programs.waiting import NeverHappenedError, until
from tests.conftest import ROOT

RUN = """
import sys, time
from pathlib import Path
from obs.programs.processes import Processes

with Processes(Path(sys.argv[1])) as processes:
    processes.start("sleeper", "sh", "-c", "echo $$; sleep 600 & sleep 600")
    print("started", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_every_process_ends_with_the_run(tmp_path: Path, number: signal.Signals) -> None:
    """Interrupted, asked to end or killed: the program is gone, and so is what it started."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert run.stdout
    with run.stdout:
        assert run.stdout.readline() == b"started\n"
        group = int(until("the sleeper's id", (tmp_path / "sleeper.log").read_text, within=10))
        run.send_signal(number)
        run.wait(timeout=30)

    until("the group's end", lambda: not _alive(group), within=10)


def test_a_program_that_ends_by_itself_is_quoted(tmp_path: Path) -> None:
    """Nobody waits a minute for a program that has said why it can't run."""
    with Processes(tmp_path) as processes:
        broken = processes.start("broken", "sh", "-c", "echo no such flag: --wrong >&2; exit 3")
        with pytest.raises(ProcessError, match=r"broken ended with status 3: no such flag: --wrong \("):
            broken.ready("http://127.0.0.1:1/", within=20)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """One sentence, not a traceback of subprocess."""
    with (
        Processes(tmp_path) as processes,
        pytest.raises(ProcessError, match="gone: /no/such can't be started: No such"),
    ):
        processes.start("gone", "/no/such")


def test_a_wait_says_what_did_not_happen() -> None:
    """The deadline passes, and the sentence names the condition."""
    with pytest.raises(NeverHappenedError, match=r"a miracle did not happen within 0\.2 s"):
        until("a miracle", lambda: False, within=0.2)


def _alive(group: int) -> bool:
    """Tell whether a process group still has a member that is not a zombie."""
    states = subprocess.run(["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True, check=False).stdout
    return any(not state.startswith("Z") for state in states.split())
