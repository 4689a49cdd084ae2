"""Who ends what a killed run left running? `python -m obs.programs.guard`, which is fed the ids of the processes."""

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
