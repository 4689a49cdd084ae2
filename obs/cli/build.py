"""Compile dashboards, rules and configuration, prove them, and write what differs."""

import time
from dataclasses import asdict
from pathlib import Path

import click

from obs.cli.cli import FOUND, Selection
from obs.cli.inputs import Inputs
from obs.cli.table import Row, print_json, print_table


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
    (print_json if as_json else print_table)(rows, time.perf_counter() - started, built=known is None)
    stale = [row for row in rows if row.action != "unchanged"]
    if check and stale:
        for row in stale:
            at = f", line {row.line}" if row.line else ""
            click.echo(f"{row.path}{at}: out of date ({row.action}); run `make dashboards` and commit it", err=True)
        click.get_current_context().exit(FOUND)


def _built(inputs: Inputs, selection: Selection, out: Path | None, target: str, *, write: bool) -> list[Row]:
    """Build; where nothing differed, the next build need not run before something does."""
    inputs.listen()
    from obs.cli.compiling import compiled  # noqa: PLC0415 - with all it needs, it is most of a build with nothing to do

    rows = compiled(selection, out, target, write=write)
    if rows is None:
        click.get_current_context().exit(FOUND)
    if all(row.action == "unchanged" for row in rows):
        inputs.remember([asdict(row) | {"milliseconds": 0.0} for row in rows])
    return rows
