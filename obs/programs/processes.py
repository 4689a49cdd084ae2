"""How are real processes started, watched, killed and brought back, and why is none left when the run ends?"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import requests

from obs.programs.containers import JsonFile
from obs.programs.waiting import until


class ProcessError(Exception):
    """A process can't be started, or ended by itself; the message quotes the last line it wrote."""


@dataclass
class Process:
    """One real program, in a process group of its own, that can be killed and started again."""

    name: str
    argv: Sequence[str]
    log: Path
    environ: Mapping[str, str]
    started: Callable[[int], None]
    """Told the process group of every start."""
    container: JsonFile | None = None
    """Takes what it writes, where the log shipper would read it; else ``log`` does."""
    _running: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Start it; raise ProcessError when it can't be."""
        try:
            with self.log.open("ab") as log:
                running = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if self.container else log,
                    stderr=subprocess.STDOUT,
                    env=dict(self.environ),
                    start_new_session=True,
                )
        except OSError as error:
            raise ProcessError(f"{self.name}: {self.argv[0]} can't be started: {error.strerror}") from error
        self.started(running.pid)
        if self.container and running.stdout:
            threading.Thread(target=_pass_on, args=(running.stdout, self.container), daemon=True).start()
        self._running = running

    def restart_if_ended(self) -> None:
        """Start it again where it has ended by itself."""
        if self._running is not None and self._running.poll() is not None:
            self.start()

    def ready(self, url: str, *, within: float = 60) -> None:
        """Wait until ``url`` answers 2xx; raise ProcessError if the process ends instead."""
        until(
            f"{self.name}: {url} answering 2xx", lambda: self.alive() and requests.get(url, timeout=2).ok, within=within
        )

    def alive(self) -> bool:
        """Return True while it runs; raise ProcessError, with its last words, when it has ended by itself."""
        if self._running is None or self._running.poll() is None:
            return self._running is not None
        last = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it wrote nothing"]
        raise ProcessError(f"{self.name} ended with status {self._running.returncode}: {last[0]} ({self.log})")

    def kill(self) -> None:
        """End the whole group at once, as a power cut or the kernel's memory killer does."""
        if self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()
            self._running = None


class Processes:
    """
    Every process of one run. Leaving the context ends them all.

    So does the death of this process, even by SIGKILL: a guard, in a session of its own, then ends what is left.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._all: list[Process] = []
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "obs.programs.guard"], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    def __enter__(self) -> Self:
        """Begin with no process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes, the latest first."""
        for process in reversed(self._all):
            process.kill()
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait()

    def start(
        self,
        name: str,
        *argv: str | Path,
        environ: Mapping[str, str] | None = None,
        container: JsonFile | None = None,
    ) -> Process:
        """Start a program; raise ProcessError. What it writes goes to `logs/NAME.log`, or to ``container``."""
        process = Process(
            name,
            [str(part) for part in argv],
            container.path if container else self._logs / f"{name}.log",
            {**os.environ, **(environ or {})},
            self._tell_guard,
            container,
        )
        self._all.append(process)
        process.start()
        return process

    def _tell_guard(self, group: int) -> None:
        if self._guard.stdin:
            self._guard.stdin.write(f"{group}\n")
            self._guard.stdin.flush()


def _pass_on(stream: IO[bytes], container: JsonFile) -> None:
    with stream:
        for line in stream:
            container.write(line)
