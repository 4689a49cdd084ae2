"""`obs diff`: what does a change mean, in words?"""

from pathlib import Path

import click

from obs.cli.cli import FOUND, Selection
from obs.diff import render_html, render_json, render_markdown, render_terminal
from obs.diff.sources import compared, diff_files

RENDERERS = {"terminal": render_terminal, "markdown": render_markdown, "json": render_json}


@click.command()
@click.argument("sides", nargs=-1, metavar="[BEFORE] [AFTER]")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(RENDERERS)),
    default="terminal",
    envvar="OBS_FORMAT",
    help="How to print it.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
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

    `obs plan` says the same of Grafana and the code.
    """
    changes = diff_files(*compared(Path.cwd(), selection.stack, sides))
    if html:
        try:
            html.write_text(render_html(changes), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{html} can't be written: {error.strerror}") from error
        click.echo(f"wrote {html}", err=True)
    click.echo(RENDERERS[form](changes).rstrip("\n"))
    if exit_code and any(change.action != "unchanged" for change in changes):
        click.get_current_context().exit(FOUND)
