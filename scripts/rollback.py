"""`obs rollback`: how does an earlier deployed state come back?"""

import os
from pathlib import Path

import click

from deploy import history
from deploy.connect import connect
from deploy.desired import desired
from deploy.journal import open_journal
from deploy.plan import make_plan
from deploy.push import Author, Push
from deploy.rollback import previous
from scripts.cli import Selection
from scripts.push import JOURNALS, finish, progress, show


@click.command()
@click.option("--to", "revision", metavar="COMMIT", help="Go back to this commit, not to the deploy before the last.")
@click.option("--adopt-mine", metavar="UID", multiple=True, help="Let the commit win over a person's edit of it.")
@click.option("--dry-run", is_flag=True, help="Plan, say what would happen, send no write.")
@click.pass_obj
def rollback(selection: Selection, revision: str | None, adopt_mine: tuple[str, ...], dry_run: bool) -> None:
    r"""Put back the state an earlier commit deployed: its committed files, planned, written and verified as by a push.

    \b
    obs rollback                     to the deploy before the last one
    obs rollback --to v1.4.0         to any commit
    obs rollback --dry-run           say what that would change

    What the later commits created is deleted. The code is not touched: revert it too, or the next push brings it back.
    """
    now, folder = selection.stack(), Path.cwd()
    client = connect(now, os.environ)
    commit = history.resolve(folder, revision or previous(client, now.service.name))
    wanted = desired(*history.state_at(folder, commit, selection.files[0], selection.env), os.environ)
    with open_journal(JOURNALS, client.url, wanted.owner) as journal:
        made = make_plan(client, wanted, prune_gone=True, adopt_mine=frozenset(adopt_mine))
        show(made)
        if not dry_run:
            author = Author(commit, f"{history.author(os.environ)} (rollback)")
            finish(Push(client, made, journal, author, progress=progress).run())
