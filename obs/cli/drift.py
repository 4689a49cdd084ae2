"""`obs drift`: what did people change in Grafana since the last push?"""

import os
from dataclasses import replace
from pathlib import Path

import click

from obs import output
from obs.adopt import Proposal, patch, propose
from obs.cli.cli import FOUND, Selection
from obs.cli.forms import RENDERERS, form_options
from obs.cli.grafana import open_grafana, patience_option
from obs.cli.writing import write
from obs.deploy.drift import Drift, notices
from obs.deploy.drift import drift as find_drift
from obs.deploy.grafana.state import Kind
from obs.deploy.plan.desired import desired
from obs.deploy.push import commits
from obs.deploy.push.rollback import deployed
from obs.diff import Sentence
from obs.stack import ownership


@click.command()
@click.option("--since", "revision", metavar="COMMIT", help="The commit deployed, instead of the last one annotated.")
@form_options
@click.option("--patch", "patch_file", type=click.Path(path_type=Path), help="Write the edits of the source here.")
@patience_option
@click.pass_obj
def drift(selection: Selection, revision: str | None, form: str, patch_file: Path | None) -> None:
    r"""Compare what was deployed, what the code says and what Grafana holds; offer people's edits back as Python.

    \b
    obs drift                            exit 1 if somebody changed something
    obs drift --format markdown          the report of a nightly job
    obs drift --patch edits.patch        and `git apply edits.patch` takes the edits over

    A change that is in the code and not yet pushed is no drift.
    """
    stack, folder = selection.stack(), Path.cwd()
    client = open_grafana(stack)
    commit = commits.resolve(folder, revision or deployed(client, stack.service.name))
    before = desired(*commits.state_at(folder, commit, selection.files[0], selection.env), os.environ)
    found = find_drift(client, before, desired(stack, output.build(stack).texts, os.environ))
    around = notices(client, before)
    if found or form == "json":
        click.echo(RENDERERS[form]([entry.change for entry in found]).rstrip("\n"))
    elif not around:
        click.echo("No drift.")
    for notice in around:
        click.echo(notice, err=form == "json")
    offers = [offer for entry in found for offer in _offers(entry, selection, folder)]
    if form != "json":
        for entry in found:
            click.echo(f"{entry.change.title}: the code already says so." if entry.in_code else "", nl=entry.in_code)
        for offer in offers:
            click.echo(_said(offer, form))
    if patch_file:
        write(patch_file, patch(offers))
    if found or around:
        raise SystemExit(FOUND)


def _offers(entry: Drift, selection: Selection, root: Path) -> list[Proposal]:
    if entry.in_code or entry.live is None or entry.change.action == "unread" or entry.key.kind is not Kind.DASHBOARD:
        return []
    stack_file = (root / selection.files[0]).resolve()
    reason = f"a push sets it, and puts it back with --adopt-mine {entry.key.uid}"
    of_push = [sentence for sentence in entry.change.sentences if _of_push(sentence)]
    of_board = replace(entry.change, sentences=tuple(one for one in entry.change.sentences if one not in of_push))
    offers = propose(of_board, entry.live.document, root=root, stack_file=stack_file, env=selection.env)
    return [*(Proposal(sentence, {}, {}, reason) for sentence in of_push), *offers]


def _of_push(sentence: Sentence) -> bool:
    """Tell whether something was changed that no module says, for a push adds it: the folder, or the mark."""
    removed = {*(sentence.old or ())} - {*(sentence.new or ())} if sentence.field == "tags" else ()
    return sentence.field == "folder" or any(str(tag).startswith(ownership.TAG) for tag in removed)


def _said(offer: Proposal, form: str) -> str:
    subject = f"{offer.sentence.subject}: " if offer.sentence.subject else ""
    body = (patch([offer]) if offer.mapped else offer.look).strip()
    why = f": not offered as an edit, {offer.reason}" if offer.reason else "" if body else ": the code already says so"
    if body and form == "markdown":
        body = f"\n```{'diff' if offer.mapped else 'json'}\n{body}\n```\n"
    return f"{subject}{offer.sentence.text}{why}\n{body}"
