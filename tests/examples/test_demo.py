"""The demonstration shows numbers that match what was sent."""

import socket
import subprocess
import sys
from pathlib import Path

from examples.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration with these arguments."""
    command = [sys.executable, "-m", "examples.demo", "--once", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_every_number_counted_is_the_number_sent() -> None:
    """Requests by route and status, chat, vitals and jobs agree over all processes, exactly."""
    done = run("--port", str(free_port()), "--requests", "200")

    _, _, table = done.stdout.partition("counted\n")
    rows = [line.rsplit(None, 2) for line in table.splitlines()]
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row for row in rows if row[1] != row[2]] == []
    assert sum(int(sent) for name, sent, _ in rows if name.split()[0] in ("GET", "POST")) == 200
    assert {"chat messages", "web vitals", "deliveries"} <= {row[0].strip() for row in rows}


def test_a_taken_port_is_named_before_anything_starts() -> None:
    """The error says which port, and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", str(port))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"port {port} is taken; choose another with --port\n"
