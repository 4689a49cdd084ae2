"""How does what became of each file read, for a person and for a machine?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import click

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


def print_table(rows: Sequence[Row], seconds: float, *, built: bool) -> None:
    """Print one line a file; where nothing was ``built``, why."""
    width = max(len(row.path) for row in rows)
    for row in rows:
        state = click.style(f"{row.action:<9}", fg=COLOURS[row.action])
        click.echo(f"{row.path:<{width}}  {row.holds:<14} {state} {row.milliseconds:6.1f} ms")
    differing = sum(row.action != "unchanged" for row in rows)
    why = "" if built else " (nothing they are made from has changed)"
    click.echo(f"{len(rows)} files, {differing or 'nothing'} to write{why}, {seconds:.2f} s")


def print_json(rows: Sequence[Row], seconds: float, *, built: bool) -> None:
    """Print the same as one JSON object."""
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
