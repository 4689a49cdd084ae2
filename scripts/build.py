"""Compile dashboards, rules and configuration, prove them, and write what differs."""

import json
import time
from pathlib import Path

import click

import proofs
from output import Built, Change, Staging, build as compile_stack, changes
from scripts.cli import FOUND, Selection

COLOURS = {"unchanged": "bright_black", "created": "green", "changed": "yellow", "removed": "red"}


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file is out of date.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write below this folder, one a service.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.pass_obj
def build(selection: Selection, check: bool, out: Path | None, as_json: bool) -> None:
    r"""
    Compile dashboards, rules and configuration from Python.

    Everything is proven before the first file is written; a build that fails changes nothing on disk.

    \b
    obs build
    obs build --check
    obs --stack shop.toml --stack mail.toml build --out /tmp/stacks
    """
    if len(selection.files) > 1 and out is None:
        raise click.UsageError("several --stack files take --out DIR: each service gets a folder of its own")
    rows: list[tuple[Change, Built]] = []
    with Staging() as staging:
        for stack in selection.stacks():
            root = Path.cwd() if out is None else out / stack.service.name
            built = compile_stack(stack)
            proofs.refuse(built, Path.cwd())
            planned = changes(built.texts, root)
            rows += [(change, built) for change in planned]
            if not check:
                staging.add(planned, root)
        if not check:
            staging.commit()
    _report(rows, as_json=as_json)
    stale = [change for change, _ in rows if change.action != "unchanged"]
    if check and stale:
        click.echo(_stale(stale), err=True)
        click.get_current_context().exit(FOUND)
