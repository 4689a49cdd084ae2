"""`obs import`: what would this dashboard look like as Python?"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from obs.adopt.importing import Import, import_dashboard
from obs.cli.cli import Selection
from obs.cli.writing import write
from obs.deploy.connect import connect
from obs.deploy.grafana.client import segment
from obs.stack import Stack

NAMED = 3  # panels named beside a loss that touches more


@click.command("import")
@click.argument("source", metavar="FILE|UID")
@click.option("--slug", default="", help="Name of the module and end of the uid; by default from the old uid or title.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the module here; never over a file."
)
@click.pass_obj
def import_(selection: Selection, source: str, slug: str, out: Path | None) -> None:
    r"""
    Turn a dashboard's JSON into a module of dashboards/.

    Takes a file as Grafana exports it, or the uid of a dashboard in the stack's Grafana. The module says only what
    is not a default. What it cannot say is listed: the module is built and compared with the original.

    \b
    obs import legacy.json > dashboards/legacy.py
    obs import cIBgcSjkk --slug legacy --out dashboards/legacy.py
    """
    stack = selection.stack()
    found = import_dashboard(_read(source, stack), stack, slug)
    if out is None:
        click.echo(found.source, nl=False)
    else:
        write(out, found.source, over=False)
        click.echo(f"wrote {out}; now run `obs build`", err=True)
    _report(found)


def _read(source: str, stack: Stack) -> dict[str, Any]:
    path = Path(source)
    if not path.exists():
        if path.suffix == ".json":
            raise click.ClickException(f"there is no file {source}")
        return dict(connect(stack, os.environ).read(f"/api/dashboards/uid/{segment(source)}"))
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{source} can't be read as JSON: {error}") from error
    if not isinstance(model, dict):
        raise click.ClickException(f"{source} holds a {type(model).__name__}; a dashboard is an object")
    return model


def _report(found: Import) -> None:
    """Say each loss once, with everything it touches; what every dashboard here has anyway is only counted."""
    touched: dict[str, list[str]] = defaultdict(list)
    for sentence in found.losses.sentences:
        if sentence.old is not None:
            touched[sentence.text].append(sentence.subject or "the dashboard")
    gained = sum(sentence.old is None for sentence in found.losses.sentences)
    click.echo("It can't say, or says otherwise:" if touched else "Nothing is lost.", err=True)
    for text, subjects in touched.items():
        more = f" and {len(subjects) - NAMED} more" if len(subjects) > NAMED else ""
        click.echo(f"  {text}  [{', '.join(subjects[:NAMED])}{more}]", err=True)
    if gained:
        click.echo(
            f"It gains what every dashboard here has ({gained} settings); `obs diff` shows it once built.", err=True
        )
