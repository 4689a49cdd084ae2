"""Start the real programs of the stack, break things, and show who hears of it."""

import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from e2e.report import Outcome, Page, Report, Result
from e2e.run import run
from obs.cli.cli import FOUND, main
from obs.programs import programs
from obs.programs.processes import ProcessError
from obs.programs.waiting import NeverHappenedError
from obs.stack import load

COLOURS = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.NOT_RUN: "yellow"}
CLEAR_LINE = "\r\x1b[K"


@click.command()
@click.option(
    "--strict", is_flag=True, help="A check that could not run fails the run; for CI, where all is installed."
)
@click.option("--keep", is_flag=True, help="Keep the folder with logs and data even when everything passed.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def e2e(strict: bool, keep: bool, as_json: bool) -> None:
    r"""
    Run the whole stack on free ports of this machine, without Docker, and break it.

    Prometheus, Alertmanager, Loki, Promtail, Jaeger and redis_exporter are found on PATH or in .tools/bin; what is
    missing is named, and its checks are reported as not run. docs/e2e.md says what is shown, and what is not.

    \b
    python -m e2e              four minutes, a line per check, a table of faults
    python -m e2e --strict     fails where a program is missing
    python -m e2e --json       the same for a machine
    """
    stack, root = load(Path("stack.toml")), Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix="obs-e2e-"))
    report = Report(lambda result: _tell(result, quiet=as_json), _step)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    started, ended = time.monotonic(), False
    try:
        run(stack, root, folder, programs.find(root), report)
        ended = True
    except (ProcessError, NeverHappenedError) as error:
        raise click.ClickException(f"the stack does not run: {error}") from error
    finally:
        _step("")
        if ended and not keep and not report.count(Outcome.FAILED):
            shutil.rmtree(folder, ignore_errors=True)
        else:
            click.echo(f"logs and data: {folder}", err=True)
    _conclude(report, time.monotonic() - started, as_json=as_json)
    if report.count(Outcome.FAILED) or (strict and report.count(Outcome.NOT_RUN)):
        click.get_current_context().exit(FOUND)


def _tell(result: Result, *, quiet: bool) -> None:
    """Print one check as it comes; to standard error where standard output is for a machine."""
    _step("")
    outcome = click.style(f"{result.outcome:<8}", fg=COLOURS[result.outcome])
    click.echo(f"{outcome} {result.part}: {result.check}" + (f": {result.detail}" if result.detail else ""), err=quiet)


def _step(words: str) -> None:
    """Show what is being waited for, on one line of a terminal; nothing where nobody watches."""
    if sys.stderr.isatty():
        click.echo(f"{CLEAR_LINE}{words[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)


def _conclude(report: Report, seconds: float, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**report.as_json(), "seconds": round(seconds, 1)}, indent=2))
        return
    if report.pages:
        click.echo()
        _print_pages(report.pages)
    if report.notifications:
        click.echo("\nEverything that arrived:")
        rows = [(*told, str(count)) for told, count in sorted(report.notifications.items())]
        _print_table([("receiver", "alert", "event", "times"), *rows])
    if report.versions:
        click.echo("\nPrograms:")
        _print_table(list(report.versions.items()))
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in Outcome)
    click.echo(f"\n{counts} ({seconds:.0f} s)")


def _print_pages(pages: list[Page]) -> None:
    rows = [("fault", "alert", "severity", "receiver", "told after", "ended after")]
    rows += [
        (page.fault, page.alert, page.severity, page.receiver, f"{page.told_after:.1f} s", f"{page.ended_after:.1f} s")
        for page in pages
    ]
    _print_table(rows)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that every process is ended."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(e2e)
