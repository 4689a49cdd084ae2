"""`obs diff`: what does a change mean, in words?"""

from importlib import import_module
from pathlib import Path

import click

from obs.cli.cli import COULD_NOT_RUN, FOUND, Selection
from obs.cli.forms import RENDERERS, form_options
from obs.cli.progress import progress
from obs.cli.writing import write
from obs.diff import render_html
from obs.diff.sources import compared, diff_files


@click.command()
@click.argument("sides", nargs=-1, metavar="[BEFORE] [AFTER]")
@form_options
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with panels side by side.")
@click.option("--pictures", is_flag=True, help="Show each changed panel on that page, drawn before and after.")
@click.option("--exit-code", is_flag=True, help="Exit 1 if anything changed.")
@click.pass_obj
def diff(
    selection: Selection, /, *, sides: tuple[str, ...], form: str, html: Path | None, pictures: bool, exit_code: bool
) -> None:
    r"""Say in words what changed in dashboards and rules, panel by panel and rule by rule.

    \b
    obs diff             the committed files and what the code renders now
    obs diff main        a git revision and the working tree
    obs diff A..B        two git revisions
    obs diff A...B       what B changed since it left A
    obs diff DIR1 DIR2   two folders of JSON and YAML, or two files

    Files are known by what they hold: dashboards, Grafana's resources, rule groups, PrometheusRule manifests, lists of
    them. One that cannot be read is named, the others are compared, and the exit code is 2.

    With --pictures both states of a changed panel are drawn over the same ordinary hour, as `obs preview` does, by
    Prometheus, Node, npm and Chromium.

    `obs plan` says the same of Grafana and the code.
    """
    if pictures and not html:
        raise click.UsageError("--pictures are shown on a page; say where to with --html")
    old, new = compared(Path.cwd(), selection.stack, sides)
    changes = diff_files(old, new)
    if html:
        # Imported when asked for: a comparison in words waits for nothing that draws.
        comparing = import_module("obs.preview.comparing") if pictures else None
        drawn = comparing.pictures(selection.stack(), old, new, progress) if comparing else None
        progress("")
        write(html, render_html(changes, drawn=drawn))
        click.echo(f"wrote {html}", err=True)
    click.echo(RENDERERS[form](changes).rstrip("\n"))
    actions = {change.action for change in changes}
    if "unread" in actions:
        click.get_current_context().exit(COULD_NOT_RUN)
    if exit_code and actions & {"create", "update", "delete"}:
        click.get_current_context().exit(FOUND)
