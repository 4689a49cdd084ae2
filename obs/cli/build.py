"""Compile dashboards, rules and configuration, prove them, and write what differs."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from obs.cli.cli import FOUND, Selection
from obs.cli.inputs import Inputs

COLOURS = {"unchanged": "bright_black", "created": "green", "changed": "yellow", "removed": "red"}


@dataclass(frozen=True, slots=True)
class Row:
    """
    One file of the table: what became of it, what it holds, and the milliseconds it took to make.

    Its text is not kept: a thousand services are built in the memory of one.
    """

    path: str
    action: str
    line: int
    holds: str
    milliseconds: float


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file is out of date.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write below this folder, one a service.")
@click.option(
    "--target",
    type=click.Choice(["compose", "kubernetes"]),
    default="compose",
    show_default=True,
    help="What will run it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_obj
def build(selection: Selection, check: bool, out: Path | None, target: str, as_json: bool) -> None:
    r"""
    Compile dashboards, rules and configuration from Python.

    Everything is proven before the first file is written; a build that fails changes nothing on disk.

    \b
    obs build
    obs build --check
    obs build --target kubernetes      resources for the Prometheus operator, below infra/kubernetes
    obs --stack shop.toml --stack mail.toml build --out /tmp/stacks
    """
    if len(selection.files) > 1 and out is None:
        raise click.UsageError("several --stack files take --out DIR: each service gets a folder of its own")
    started = time.perf_counter()
    inputs = Inputs([selection.env, *map(str, selection.files), str(out), target])
    known = inputs.unchanged()
    rows = _built(inputs, selection, out, target, write=not check) if known is None else [Row(**row) for row in known]
    (_print_json if as_json else _print_table)(rows, time.perf_counter() - started, built=known is None)
    stale = [row for row in rows if row.action != "unchanged"]
    if check and stale:
        for row in stale:
            at = f", line {row.line}" if row.line else ""
            click.echo(f"{row.path}{at}: out of date ({row.action}); run `make dashboards` and commit it", err=True)
        click.get_current_context().exit(FOUND)


def _built(inputs: Inputs, selection: Selection, out: Path | None, target: str, *, write: bool) -> "list[Row]":
    """Build; where nothing differed, the next build need not run before something does."""
    inputs.listen()
    from obs.cli.compiling import compiled  # noqa: PLC0415 - with all it needs, it is most of a build with nothing to do

    rows = compiled(selection, out, target, write=write)
    if rows is None:
        click.get_current_context().exit(FOUND)
    if all(row.action == "unchanged" for row in rows):
        inputs.remember([asdict(row) | {"milliseconds": 0.0} for row in rows])
    return rows


def _print_table(rows: Sequence[Row], seconds: float, *, built: bool) -> None:
    width = max(len(row.path) for row in rows)
    for row in rows:
        state = click.style(f"{row.action:<9}", fg=COLOURS[row.action])
        click.echo(f"{row.path:<{width}}  {row.holds:<14} {state} {row.milliseconds:6.1f} ms")
    differing = sum(row.action != "unchanged" for row in rows)
    why = "" if built else " (nothing they are made from has changed)"
    click.echo(f"{len(rows)} files, {differing or 'nothing'} to write{why}, {seconds:.2f} s")


def _print_json(rows: Sequence[Row], seconds: float, *, built: bool) -> None:
    files = [
        {
            "path": row.path,
            "holds": row.holds,
            "action": row.action,
            "milliseconds": round(row.milliseconds, 1),
        }
        for row in rows
    ]
    click.echo(json.dumps({"files": files, "built": built, "seconds": round(seconds, 2)}, indent=2))
