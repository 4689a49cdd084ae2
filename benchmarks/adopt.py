"""
What does another service take until everything is green?

Each is begun in an empty folder, built, checked and proven, without an edit: `python -m benchmarks.adopt` prints the
table of docs/adopting.md; time is that of processors, promtool's included.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from obs.proofs import promtool

ROOT = Path(__file__).parent.parent
OBS = (sys.executable, "-c", "from obs.cli.cli import main; main()")
SERVICES = {
    "an API alone": ("--parts", "api"),
    "an API with Redis": ("--parts", "api,redis,telemetry"),
    "an API with two queues, logs and traces, on Kubernetes": ("--parts", "api,redis,telemetry,jobs,logs,traces"),
    "a service of OpenTelemetry's names": ("--preset", "otel"),
    "a service of the names in its scrape": ("--preset", str(ROOT / "benchmarks/spring.prom")),
}
STEPS = (("build",), ("check",), ("alerts", "test"))


def main() -> None:
    """Begin each service, and print what it took."""
    print("| service | `obs init` | files begun | made of them | alerts | CPU seconds to build, check and prove |")
    print("|---|---|---|---|---|---|")
    for words, arguments in SERVICES.items():
        print(row(words, arguments))


def row(words: str, arguments: tuple[str, ...]) -> str:
    """Begin one service, and return its line."""
    with tempfile.TemporaryDirectory() as folder:
        service = Path(folder) / "shop"
        run(Path(folder), "init", "shop", *arguments)
        begun = count(service)
        steps = (*STEPS, ("build", "--target", "kubernetes")) if "Kubernetes" in words else STEPS
        took = [timed(service, *step) for step in steps]
        rules = service / "infra/observability/prometheus/rules"
        alerts = sum(path.read_text(encoding="utf-8").count("- alert: ") for path in rules.iterdir())
        shown = " ".join(Path(word).name if word.startswith("/") else word for word in arguments)
        made = count(service) - begun
        return f"| {words} | `{shown}` | {begun} | {made} | {alerts} | {', '.join(f'{one:.1f}' for one in took)} |"


def count(service: Path) -> int:
    """Return how many files a repository holds, without what is never committed."""
    ignored = {".obs", "__pycache__"}
    return sum(path.is_file() and not ignored & set(path.parts) for path in service.rglob("*"))


def timed(folder: Path, *arguments: str) -> float:
    """Run `obs`; return the seconds of CPU it took, with the programs it started."""
    started = os.times()
    run(folder, *arguments)
    ended = os.times()
    return ended.children_user + ended.children_system - started.children_user - started.children_system


def run(folder: Path, *arguments: str) -> None:
    """Run `obs` in a folder; stop where it finds anything."""
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PROMTOOL": str(promtool.find(ROOT).path)}
    subprocess.run([*OBS, *arguments], cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
