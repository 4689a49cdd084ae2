"""How long does it take to see every dashboard over six hours, again when nothing changed, and one that was edited?

In a copy of the checkout, where nothing was asked or drawn before; Node's packages are installed by a first run that
does not count. Memory is that of all processes together (proportional set size: what they share counts once); CPU that
of all but the browser's own children.
Run `python -m benchmarks.preview`.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONTENT = ("alerts", "dashboards", "metrics", "infra", "docs", "stack.toml", "stack.schema.json", "waivers.toml")
EVERY_SECONDS = 0.1
SPAN = ("--last", "6h")
LIMITS = {"every board, nothing there yet": 60.0, "every board, nothing changed": 3.0, "one board, edited": 8.0}


def main() -> None:
    """Print the table, and end with 1 where a limit is missed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in CONTENT:
            place = ROOT / name
            (shutil.copytree if place.is_dir() else shutil.copy)(place, copy / name)
        preview(copy, "jobs", "--last", "1h")
        found = [preview(copy, *SPAN), preview(copy, *SPAN)]
        board = copy / "infra/observability/grafana/dashboards/api.json"
        board.write_text(board.read_text(encoding="utf-8").replace("Error ratio", "Errors"), encoding="utf-8")
        rows = dict(zip(LIMITS, [*found, preview(copy, "api", *SPAN)], strict=True))
    for words, (seconds, cpu, peak) in rows.items():
        print(f"{words:32} {seconds:5.1f} s (goal {LIMITS[words]:.0f})   {cpu:5.1f} s of CPU   {peak:5.0f} MiB")
    sys.exit(any(seconds > LIMITS[words] for words, (seconds, *_) in rows.items()))


def preview(copy: Path, *arguments: str) -> tuple[float, float, float]:
    """Draw, and return the seconds it took, those of CPU, and the most memory it had at once, in MiB."""
    begun, peak = time.monotonic(), 0.0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [shutil.which("obs") or "obs", "preview", *arguments]
    with subprocess.Popen(command, cwd=copy, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            peak = max(peak, sum(map(memory, family(running.pid))))
            time.sleep(EVERY_SECONDS)
    assert running.returncode == 0, command
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak / 1024


def family(process: int) -> Iterator[int]:
    """Return a process and all it has started."""
    yield process
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = listed.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def memory(process: int) -> int:
    """Return the proportional set size of a process in KiB; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
