"""`obs rollback`: how does an earlier deployed state come back?"""

import os
from pathlib import Path

import click

from obs.cli.cli import Selection
from obs.cli.grafana import open_grafana, patience_option
from obs.cli.push import JOURNALS, finish, progress, show
from obs.deploy.plan.desired import desired
from obs.deploy.plan.plan import make_plan
from obs.deploy.push import commits
from obs.deploy.push.journal import open_journal
from obs.deploy.push.push import Author, Push
from obs.deploy.push.rollback import previous


@click.command()
@click.option("--to", "revision", metavar="COMMIT", help="Go back to this commit, not to the deploy before the last.")
@click.option("--adopt-mine", metavar="UID", multiple=True, help="Let the commit win over a person's edit of it.")
@click.option("--take-over", is_flag=True, help="Write although another push is said to be under way: it died.")
@click.option("--dry-run", is_flag=True, help="Plan, say what would happen, send no write.")
@patience_option
@click.pass_obj
def rollback(
    selection: Selection, *, revision: str | None, adopt_mine: tuple[str, ...], take_over: bool, dry_run: bool
) -> None:
    r"""Put back the state an earlier commit deployed: its committed files, planned, written and verified as by a push.

    \b
    obs rollback                     to the deploy before the last one
    obs rollback --to v1.4.0         to any commit
    obs rollback --dry-run           say what that would change

    What the later commits created is deleted. The code is not touched: revert it too, or the next push brings it back.
    """
    now, folder = selection.stack(), Path.cwd()
    client = open_grafana(now)
    commit = commits.resolve(folder, revision or previous(client, now.service.name))
    wanted = desired(*commits.state_at(folder, commit, selection.files[0], selection.env), os.environ)
    with open_journal(JOURNALS, client.url, wanted.owner, client.organisation().id) as journal:
        made = make_plan(client, wanted, prune_gone=True, adopt_mine=frozenset(adopt_mine))
        show(made)
        if not dry_run:
            author = Author(commit, f"{commits.author(os.environ)} (rollback)")
            finish(Push(client, made, journal, author, take_over=take_over, progress=progress).run())
