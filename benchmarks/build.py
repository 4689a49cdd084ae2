"""How long do builds take, beside the bare cost of the programs they start and beside grafanalib's own command?"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ROUNDS = 5
COPIES = (10, 100, 1000)
PEER_COPIES = (5, 25)

PEER_MODULE = """
from grafanalib.core import *
dashboard = Dashboard(title={slug!r}, uid={slug!r}, panels={panels!r})
"""
"""A file for `generate-dashboards`: the very grafanalib panels of one of our boards, written out as its users write."""


def seconds(*command: str | Path) -> float:
    """Return how long a command takes, from start to end."""
    started = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def interleaved(*runs: Callable[[], float]) -> list[float]:
    """Return the median of each run, taken in turns so that a busy moment hits all of them."""
    taken = [[run() for run in runs] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def child(*command: str | Path) -> tuple[float, float]:
    """Return the CPU seconds and the peak MiB of one command."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]}: ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print one table a question."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # stdout is a text file here
    os.chdir(ROOT)
    idle()
    with tempfile.TemporaryDirectory(prefix="obs-bench-") as folder:
        copies(Path(folder))
        peer(Path(folder))
    checks()


def idle() -> None:
    """Compare a build with nothing to do with the bare sum of what it can't do without."""
    obs, python, promtool = ROOT / ".venv/bin/obs", sys.executable, _promtool()
    rules = sorted((ROOT / "infra/observability/prometheus/rules").glob("*.yml"))

    def forgotten() -> float:
        shutil.rmtree(ROOT / ".obs/builds", ignore_errors=True)
        return seconds(obs, "build")

    proven, build, start, render, check = interleaved(
        forgotten,
        lambda: seconds(obs, "build"),
        lambda: seconds(python, "-c", ""),
        lambda: seconds(python, "-c", "import grafanalib.core"),
        lambda: seconds(promtool, "check", "rules", *rules),
    )
    bare = render + check
    print("A build with nothing to write")
    _row("interpreter start", start)
    _row("  and import grafanalib", render)
    _row("one promtool check", check)
    _row("bare sum", bare)
    _row("obs build, nothing changed", build, build / bare, "of the bare sum; goal 1.5")
    _row("obs build, all made and proven again", proven, proven / bare, "of the bare sum")


def copies(folder: Path) -> None:
    """Build many services at once: time and memory a copy should not depend on how many there are."""
    text = (ROOT / "stack.toml").read_text()
    print("\nMany services in one build")
    first: tuple[float, float] | None = None
    base = child(ROOT / ".venv/bin/obs", "build", "--help")
    for count in COPIES:
        arguments: list[str] = []
        for number in range(count):
            file = folder / f"{number}.toml"
            file.write_text(text.replace('name = "rce-api"', f'name = "service-{number}"', 1))
            arguments += ["--stack", str(file)]
        cpu, memory = child(ROOT / ".venv/bin/obs", *arguments, "build", "--json", "--out", folder / str(count))
        each = (cpu - base[0]) / count, (memory - base[1]) / count
        first = first or each
        print(
            f"  {count:>5} copies  {each[0] * 1000:7.1f} ms CPU each ({each[0] / first[0]:.2f}), {memory:.0f} MiB peak"
        )


def peer(folder: Path) -> None:
    """Build the same boards with grafanalib's own command, all in one process; both start the same interpreter."""
    sources = folder / "peer"
    sources.mkdir()
    shown = _panels()
    for number in range(max(PEER_COPIES)):
        for slug, panels in shown.items():
            module = PEER_MODULE.format(slug=slug, panels=panels)
            (sources / f"{slug}-{number}.dashboard.py").write_text(module)

    def theirs(count: int) -> float:
        files = [sources / f"{slug}-{number}.dashboard.py" for slug in shown for number in range(count)]
        return child(ROOT / ".venv/bin/generate-dashboards", *files)[0]

    def ours(count: int) -> float:
        program = (
            "import pathlib\nfrom obs import stack\nfrom obs.boards import dashboards\n"
            "s = stack.load(pathlib.Path('stack.toml'))\n"
            f"for _ in range({count}): dashboards.render(s)"
        )
        return child(sys.executable, "-c", program)[0]

    few, many = PEER_COPIES
    columns = interleaved(lambda: theirs(many) - theirs(few), lambda: ours(many) - ours(few))
    each = [seconds / (many - few) / len(shown) for seconds in columns]
    print("\nCPU of one dashboard more, in a process that is running")
    _row("grafanalib generate-dashboards", each[0])
    _row("here", each[1], each[0] / each[1], "times faster; goal 10")


def _panels() -> dict[str, list[Any]]:
    """Return the panels of every board as grafanalib knows them, before we turn them into today's JSON."""
    from obs import content, stack
    from obs.boards import board, dashboards, grafana

    found: dict[str, list[Any]] = {slug: [] for slug in content.here().dashboards}
    ours = board.panel_json
    for slug, made in found.items():

        def keep(panel: Any, grid: dict[str, int], made: list[Any] = made) -> dict[str, Any]:
            theirs, json = grafana.SHAPES[panel.kind](grafana.style(panel)), ours(panel, grid)
            theirs.title, theirs.description, theirs.id, theirs.gridPos = panel.title, panel.why, json["id"], grid
            theirs.dataSource, theirs.targets = json.get("datasource"), json.get("targets", [])
            made.append(theirs)
            return json

        board.panel_json = keep
        dashboards.build(slug, stack.load(ROOT / "stack.toml"))
    board.panel_json = ours
    return found


def checks() -> None:
    """Measure the CPU of `obs check` beyond the start of the interpreter and its libraries."""
    obs = ROOT / ".venv/bin/obs"
    start = statistics.median(child(obs, "check", "--help")[0] for _ in range(ROUNDS))
    whole = statistics.median(child(obs, "check")[0] for _ in range(ROUNDS))
    print("\nobs check")
    _row("CPU beyond start-up", whole - start, whole - start, "s; goal 1")


def _promtool() -> Path:
    from obs.proofs import promtool

    return promtool.find(ROOT).path


def _row(words: str, value: float, ratio: float | None = None, about: str = "") -> None:
    compared = f"  {ratio:5.2f} {about}" if ratio is not None else ""
    print(f"  {words:<36} {value * 1000:8.1f} ms{compared}")


if __name__ == "__main__":
    main()
