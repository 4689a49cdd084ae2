"""`obs upgrade`: what does the installed version of the tool make otherwise than the one before?"""

from pathlib import Path

import click

from obs import __version__
from obs.cli.cli import Selection
from obs.cli.forms import RENDERERS, form_options
from obs.diff.sources import compared, diff_files
from obs.output import made_by


@click.command()
@form_options
@click.pass_obj
def upgrade(selection: Selection, form: str) -> None:
    r"""
    Say in words what another version of the tool changes in what is committed. Nothing is written.

    Put the new version into requirements.txt, install it, ask; `obs build` then writes what was said.

    \b
    obs upgrade
    obs upgrade --format markdown    for a review
    """
    before = made_by(Path.cwd())
    changes = diff_files(*compared(Path.cwd(), selection.stack, ()))
    click.echo(f"made by {before or 'a version that did not say so'}; this is {__version__}", err=True)
    click.echo(RENDERERS[form](changes).rstrip("\n"))
