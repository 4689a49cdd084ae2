"""Prove dashboards, alerts and runbooks without a server: the verb `obs check`."""

import json
from pathlib import Path

import click

from obs import proofs
from obs.cli.cli import FOUND, Selection
from obs.cli.forms import form_options
from obs.nearest import nearest
from obs.output import build
from obs.proofs.checks import CHECKS, Check
from obs.proofs.pages import page


@click.command()
@form_options
@click.option("--list", "listing", is_flag=True, help="Say what is checked, and stop.")
@click.option("--explain", metavar="CHECK", default="", help="Say what one check demands and why, and stop.")
@click.pass_obj
def check(selection: Selection, form: str, listing: bool, explain: str) -> None:
    r"""
    Prove every query, panel, alert, link and runbook offline. Nothing is written.

    What has to stay for a while is waived in waivers.toml: place, check, reason, expires.

    \b
    obs check
    obs --env staging check
    obs check --format markdown    for a review
    obs check --json | jq -r '.[].where'
    obs check --explain query/syntax
    """
    if explain:
        click.echo(page(_named(explain)), nl=False)
        return
    if listing:
        for one in CHECKS:
            click.echo(f"{one.id:30}{one.claim}")
        return
    # What is committed is the stack without an overlay: another one is judged by itself, not by those files.
    problems = proofs.check(build(selection.stack()), Path.cwd(), written=not selection.env)
    if form == "json":
        click.echo(json.dumps(proofs.as_json(problems), indent=2))
    elif form == "markdown":
        click.echo(proofs.as_markdown(problems) or f"{len(CHECKS)} checks hold.\n", nl=False)
    elif problems:
        proofs.report(problems)
    else:
        click.secho(f"{len(CHECKS)} checks hold", fg="green")
    if problems:
        click.get_current_context().exit(FOUND)


def _named(name: str) -> Check:
    known = {one.id: one for one in CHECKS}
    if name not in known:
        instead = nearest(name, known, "`obs check --list` names them")
        raise click.UsageError(f"there is no check '{name}'; {instead}")
    return known[name]
