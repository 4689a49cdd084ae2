"""Who ends the processes of a run whose own process was killed? Run as `python -m obs.programs.guard`, and fed process ids."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def main(lines: Iterable[str]) -> None:
    """Remember a process group a line; when the other end closes, as it does however it dies, kill them all."""
    groups = [int(line) for line in lines]
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.stdin)
