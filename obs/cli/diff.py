"""`obs diff`: what does a change mean, in words?"""

from pathlib import Path

import click

from obs.cli.cli import COULD_NOT_RUN, FOUND, Selection
from obs.cli.forms import RENDERERS, form_options
from obs.cli.writing import write
from obs.diff import render_html
from obs.diff.sources import compared, diff_files


@click.command()
@click.argument("sides", nargs=-1, metavar="[BEFORE] [AFTER]")
@form_options
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with panels side by side.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything changed.")
@click.pass_obj
def diff(selection: Selection, sides: tuple[str, ...], form: str, html: Path | None, exit_code: bool) -> None:
    r"""Say in words what changed in dashboards and rules, panel by panel and rule by rule.

    \b
    obs diff             the committed files and what the code renders now
    obs diff main        a git revision and the working tree
    obs diff A..B        two git revisions
    obs diff A...B       what B changed since it left A
    obs diff DIR1 DIR2   two folders of JSON and YAML, or two files

    Files are known by what they hold: dashboards, Grafana's resources, rule groups, PrometheusRule manifests, lists of
    them. One that cannot be read is named, the others are compared, and the exit code is 2.

    `obs plan` says the same of Grafana and the code.
    """
    changes = diff_files(*compared(Path.cwd(), selection.stack, sides))
    if html:
        write(html, render_html(changes))
        click.echo(f"wrote {html}", err=True)
    click.echo(RENDERERS[form](changes).rstrip("\n"))
    actions = {change.action for change in changes}
    if "unread" in actions:
        click.get_current_context().exit(COULD_NOT_RUN)
    if exit_code and actions & {"create", "update", "delete"}:
        click.get_current_context().exit(FOUND)
