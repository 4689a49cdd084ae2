"""Is this process one of several workers of a server?"""

import multiprocessing
import os
import re
import sys
from pathlib import Path

SERVERS = ("gunicorn.arbiter", "granian.server")
"""Modules that are there where a server has forked its workers."""


def has_siblings() -> bool:
    """
    Say whether a server runs other workers beside this process, as far as can be told.

    Servers do not say how many workers they have. WEB_CONCURRENCY does, and on Linux the children of the same parent
    that were started by the same command.
    """
    wanted = os.environ.get("WEB_CONCURRENCY", "")
    if wanted.isdecimal() and int(wanted) > 1:
        return True
    if multiprocessing.parent_process() is None and not any(name in sys.modules for name in SERVERS):
        return False
    parent = os.getppid()
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        commands = [_command(child) for child in children]
        return commands.count(_command("self")) > 1
    except OSError:  # no Linux, or a child that has just ended
        return False


def _command(process: str) -> bytes:
    """Return how a process was started, without the numbers that differ from worker to worker."""
    return re.sub(rb"\d+", b"", Path(f"/proc/{process}/cmdline").read_bytes())
