"""Prove dashboards, alerts and runbooks without a server: the verb `obs check`."""

import json
from pathlib import Path

import click
import requests

from obs import proofs
from obs.cli.cli import FOUND, Selection, note_examples, refuse_unknown
from obs.cli.forms import form_options
from obs.cli.writing import write
from obs.output import build
from obs.programs.ask import Prometheus, innermost
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Finding
from obs.proofs.live import absent, unasked
from obs.proofs.pages import page
from watchkeeper.contract.labels import listed


@click.command()
@form_options
@click.option("--list", "listing", is_flag=True, help="Say what is checked, and stop.")
@click.option("--explain", metavar="CHECK", default="", help="Say what one check demands and why, and stop.")
@click.option("--live", metavar="URL", default="", help="Ask a running Prometheus whether it has what queries ask for.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write what is found as a page.")
@click.pass_obj
def check(selection: Selection, *, form: str, listing: bool, explain: str, live: str, html: Path | None) -> None:
    r"""
    Prove every query, panel, alert, link and runbook offline. Nothing is written.

    What has to stay for a while is waived in waivers.toml: place, check, reason, expires.

    \b
    obs check
    obs --env staging check
    obs check --format markdown    for a review
    obs check --json | jq -r '.[].where'
    obs check --explain query/syntax
    obs check --live http://localhost:9090
    """
    if explain:
        known = {one.id: one for one in CHECKS}
        refuse_unknown("check", [explain], known, "`obs check --list` names them")
        click.echo(page(known[explain]), nl=False)
        return
    if listing:
        for one in CHECKS:
            click.echo(f"{one.id:30}{one.claim}")
        return
    # What is committed is the stack without an overlay: another one is judged by itself, not by those files.
    stack = selection.stack()
    built = build(stack)
    if live:
        problems, summary = _live(Evidence(built, Path.cwd(), whole=not selection.env), live)
    else:
        problems, summary = proofs.check(built, Path.cwd(), written=not selection.env), f"{len(CHECKS)} checks hold"
    if html:
        write(html, proofs.as_html(problems))
        click.echo(f"wrote {html}", err=True)
    if form == "json":
        click.echo(json.dumps(proofs.as_json(problems), indent=2))
    elif form == "markdown":
        click.echo(proofs.as_markdown(problems) or f"{summary}.\n", nl=False)
    elif problems:
        proofs.report(problems)
    else:
        click.secho(summary, fg="green")
        note_examples(stack)
    if problems:
        click.get_current_context().exit(FOUND)


def _live(evidence: Evidence, url: str) -> tuple[list[Finding], str]:
    """Return what a server lacks; say on standard error which of its series nobody asks for."""
    server = Prometheus(url.rstrip("/"))
    try:
        found, idle = absent(evidence, server), unasked(evidence, server)
    except requests.RequestException as error:
        raise click.ClickException(f"{url} can't be asked: {innermost(error)}") from error
    click.echo(
        f"{len(idle)} series are asked for by nobody: {listed(idle)}" if idle else "every series is used", err=True
    )
    return found, f"{url} has every series, label and value that is asked for"
