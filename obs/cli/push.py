"""`obs push`: how does the code get into Grafana?"""

import os
import sys
from pathlib import Path

import click

from obs import output
from obs.cli.cli import COULD_NOT_RUN, FOUND, Selection
from obs.cli.grafana import open_grafana, open_ruler, patience_option
from obs.cli.plan import with_deletions
from obs.deploy import ruler
from obs.deploy.plan.desired import desired
from obs.deploy.plan.plan import Plan, make_plan
from obs.deploy.plan.saved import SavedPlan, load
from obs.deploy.push import commits, report
from obs.deploy.push.journal import open_journal
from obs.deploy.push.outcome import Outcome, Result
from obs.deploy.push.push import Author, Push, stopping

JOURNALS = Path(".obs/push")


@click.command()
@click.argument("approved", metavar="[PLAN]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--prune", is_flag=True, help="Delete what is ours and gone from the code.")
@click.option("--adopt-mine", metavar="UID", multiple=True, help="Let the code win over a person's edit of it.")
@click.option("--keep-going", is_flag=True, help="After a failure write the rest, and put nothing back.")
@click.option("--resend-secrets", is_flag=True, help="Send contact points again: a rotated secret cannot be seen.")
@click.option("--dry-run", is_flag=True, help="Plan, say what would happen, send no write.")
@click.option("--take-over", is_flag=True, help="Push although another push is said to be under way: it died.")
@click.option("--ruler", "ruler_url", metavar="URL", help="Push the rules to a Mimir, Cortex or Loki ruler instead.")
@patience_option
@click.pass_obj
def push(
    selection: Selection,
    *,
    approved: Path | None,
    prune: bool,
    adopt_mine: tuple[str, ...],
    keep_going: bool,
    resend_secrets: bool,
    dry_run: bool,
    take_over: bool,
    ruler_url: str | None,
) -> None:
    r"""Make Grafana hold what the code says: plan, write what differs, read it back; on failure put everything back.

    \b
    obs push --dry-run                    the plan alone
    obs push approved.json                what `obs plan --out approved.json` saved, or nothing if the world has moved
    obs push --prune                      delete what left the code, too
    obs push --adopt-mine rce-api-api     overwrite a person's edit of one dashboard
    obs push --ruler https://mimir/prometheus/config/v1/rules

    Tokens come from GRAFANA_TOKEN and RULER_TOKEN, or from the files GRAFANA_TOKEN_FILE and RULER_TOKEN_FILE name.
    Exit codes: 0 done, 1 something is in the way and nothing was written, 2 it failed.
    """
    if approved and (prune or adopt_mine or resend_secrets or ruler_url):
        raise click.UsageError("a saved plan says itself what is pruned and adopted; give the options to `obs plan`")
    plan = load(approved) if approved else None
    if plan:
        prune, adopt_mine = plan.options.prune, plan.options.adopt_mine
    stack = selection.stack()
    texts = output.build(stack).texts
    if ruler_url:
        _push_rules(ruler_url, stack.service.name, texts, prune=prune, dry_run=dry_run)
        return
    client = open_grafana(stack)
    wanted = desired(stack, texts, os.environ)
    with open_journal(JOURNALS, client.url, wanted.owner, client.organisation().id) as journal:
        if journal.unfinished:
            click.echo(f"An earlier push of {journal.unfinished.commit[:12]} did not end; this finishes it.", err=True)
        made = make_plan(
            client, wanted, prune_gone=prune, adopt_mine=frozenset(adopt_mine), resend_secrets=resend_secrets
        )
        show(with_deletions(made, selection))
        if plan:
            refuse_moved(plan, made)
        if not dry_run:
            name = commits.name(Path.cwd(), selection.files[0], selection.env, wanted, os.environ)
            if commits.DIRTY in name:
                click.echo(f"note: no commit has what is pushed; it is deployed as {name}, and git cannot give it back")
            author = Author(name, commits.author(os.environ))
            finish(Push(client, made, journal, author, keep_going, take_over, progress).run())


def show(made: Plan) -> None:
    """Print a plan; end with exit code 1 if something is in its way."""
    click.echo(report.rendered(made, "terminal"))
    if made.refused:
        raise SystemExit(FOUND)


def refuse_moved(approved: SavedPlan, made: Plan) -> None:
    """End with exit code 1 if a plan made now would do anything that was not approved, or less."""
    moved = list(approved.moved(made))
    for sentence in moved:
        click.echo(f"not as approved: {sentence}")
    if moved:
        click.echo("Nothing was written: the plan is not what it was; plan again, and have that approved.")
        raise SystemExit(FOUND)


def progress(done: Result) -> None:
    """Print one finished object on a terminal; stay quiet in CI."""
    if sys.stderr.isatty():
        click.echo(f"{done.fate:>6} {done.key.kind} {done.title}", err=True)


def finish(done: Outcome) -> None:
    """Print what a push did; end with exit code 2 if it did not do all of it."""
    for line in report.outcome(done):
        click.echo(line)
    if done.failure or done.notes:
        raise SystemExit(COULD_NOT_RUN)


def _push_rules(url: str, namespace: str, texts: dict[str, str], *, prune: bool, dry_run: bool) -> None:
    client = open_ruler(url)
    there = ruler.Ruler(client, namespace, os.environ.get("RULER_TENANT", ""))
    changes = there.plan(ruler.prometheus_groups(texts), prune=prune)
    for change in changes:
        if change.action == "left":
            ours = change.name.startswith(f"{namespace}-")
            why = "it left the code; --prune deletes it" if ours else "its name is not one of ours"
            click.echo(f"note: rule group {change.name} stays: {why}")
        elif change.writes:
            click.echo(f"{change.action} rule group {change.name}")
    with stopping(client.patience.stop):
        written = [] if dry_run else there.push(changes)
    click.echo(f"{len(written)} rule groups written, {len(changes) - len(written)} not.")
