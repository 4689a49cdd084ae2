"""Print the catalog: the verb `obs catalog`."""

import click

from obs.cli.cli import Selection
from obs.output import build
from obs.output.catalog import catalog as page


@click.command()
@click.pass_obj
def catalog(selection: Selection) -> None:
    r"""
    Print metrics, dashboards, alerts and promises as Markdown; `obs build` writes it to docs/catalog.md.

    \b
    obs catalog | less
    """
    built = build(selection.stack())
    click.echo(page(built.stack, built.groups, built.dashboards), nl=False)
