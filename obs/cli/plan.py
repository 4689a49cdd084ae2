"""`obs plan`: what would a push change in Grafana?"""

import os
from dataclasses import replace
from pathlib import Path

import click

from obs import output
from obs.cli.cli import FOUND, Selection
from obs.cli.forms import form_options
from obs.cli.grafana import open_grafana, patience_option
from obs.deploy.plan.desired import desired
from obs.deploy.plan.plan import Plan, make_plan
from obs.deploy.plan.saved import Options, save
from obs.deploy.push import report
from obs.deploy.push.rollback import deleted_since


@click.command()
@click.option("--prune", is_flag=True, help="Also plan the deletion of what is ours and gone from the code.")
@click.option("--adopt-mine", metavar="UID", multiple=True, help="Let the code win over a person's edit of it.")
@form_options
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything would change.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan here, for `obs push FILE`.")
@patience_option
@click.pass_obj
def plan(
    selection: Selection, *, prune: bool, adopt_mine: tuple[str, ...], form: str, exit_code: bool, out: Path | None
) -> None:
    r"""Say what a push would create, change and delete in Grafana, and what is in its way. Writes nothing.

    \b
    obs plan                         the code against the Grafana of stack.toml
    obs plan --prune                 what left the code, too
    obs plan --format markdown       for a comment on a pull request
    obs plan --out approved.json     saved, so that `obs push approved.json` does just this

    The token comes from GRAFANA_TOKEN, or from the file GRAFANA_TOKEN_FILE names.
    """
    stack = selection.stack()
    wanted = desired(stack, output.build(stack).texts, os.environ)
    made = make_plan(open_grafana(stack), wanted, prune_gone=prune, adopt_mine=frozenset(adopt_mine))
    made = with_deletions(made, selection)
    click.echo(report.rendered(made, form))
    if out:
        save(made, Options(prune, adopt_mine), out)
    if made.refused or (exit_code and made.writes):
        raise SystemExit(FOUND)


def with_deletions(made: Plan, selection: Selection) -> Plan:
    """Add to a plan what it makes again because people deleted it."""
    said = deleted_since(made, Path.cwd(), selection.files[0], selection.env, os.environ)
    return replace(made, notes=(*made.notes, *said))
