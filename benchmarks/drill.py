"""How long do ordinary days take to play, and how much disk and memory do they need, at three lengths?

In a copy of the checkout, where nothing was played before. Disk is the most that lay in the temporary folder at once,
which ends empty; memory is that of all processes together. Run `python -m benchmarks.drill`.
"""

import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.preview import CONTENT, EVERY_SECONDS, ROOT, family, memory

DAYS = (3, 10, 30)
STORY = "Thirty days"


def main() -> None:
    """Print the table."""
    for days in DAYS:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder)
            for name in CONTENT:
                place = ROOT / name
                (shutil.copytree if place.is_dir() else shutil.copy)(place, copy / name)
            file = copy / "alerts/drill/days.toml"
            told = re.sub(r'lasts = "30d"', f'lasts = "{days}d"', file.read_text(encoding="utf-8"))
            file.write_text(told, encoding="utf-8")
            seconds, cpu, peak, disk = play(copy)
            again, *_ = play(copy)
        print(
            f"{days:3} days   {seconds:6.1f} s   {cpu:6.1f} s of CPU   {peak:5.0f} MiB of memory   "
            f"{disk:5.0f} MiB of disk   again {again:4.1f} s"
        )


def play(copy: Path) -> tuple[float, float, float, float]:
    """Play the days, and return the seconds it took, those of CPU, and the most memory and disk at once, in MiB."""
    begun, peak, disk = time.monotonic(), 0.0, 0.0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    scratch = copy / "scratch"
    scratch.mkdir(exist_ok=True)
    command = [shutil.which("obs") or "obs", "drill", STORY]
    environment = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            peak = max(peak, sum(map(memory, family(running.pid))))
            disk = max(disk, sum(map(_size, scratch.rglob("*"))))
            time.sleep(EVERY_SECONDS)
    seconds = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, peak / 1024, disk / 2**20


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


if __name__ == "__main__":
    main()
