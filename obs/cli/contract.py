"""`obs contract`: which series does this target expose, as a module of metrics/?"""

import sys
from pathlib import Path

import click
import requests

from obs import content
from obs.adopt.declaring import Declared, declare
from obs.adopt.exposition import ExpositionError, Family, read
from obs.adopt.recognising import toml
from obs.cli.cli import Selection
from obs.cli.writing import write
from obs.programs.ask import innermost
from obs.stack.settings import Names

TIMEOUT_SECONDS = 15


@click.command()
@click.argument("scrape", metavar="URL|FILE|-")
@click.option("--title", default="", help='Whose series they are, such as "postgres_exporter"; by default the address.')
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the module here; never over a file."
)
@click.pass_obj
def contract(selection: Selection, scrape: str, title: str, out: Path | None) -> None:
    r"""
    Write the module of metrics/ for what a target exposes.

    Names, types, labels, bucket edges, help and units come from its scrape. What is declared already, and what its
    client library says of the process, stays out; both are named, and so are standard series that are missing. Where a
    service has the standard series under other names, the table for stack.toml is proposed.

    \b
    obs contract http://localhost:9187/metrics --out metrics/postgres.py
    curl -s localhost:9187/metrics | obs contract - --title postgres_exporter
    """
    found = declared(selection, scrape, title)
    if out is None:
        click.echo(found.source, nl=False)
    else:
        write(out, found.source, over=False)
        click.echo(f"wrote {out}", err=True)
    report(found)


def declared(selection: Selection, scrape: str, title: str = "") -> Declared:
    """Declare what an address or a file exposes; raise click.ClickException where it cannot be read."""
    # A service that begins with its contract has no stack.toml yet.
    names = selection.stack().names if all(file.exists() for file in selection.files) else Names()
    return declare(families(scrape), title or scrape, content.here().exporters, names)


def families(scrape: str) -> dict[str, Family]:
    """Return what an address, a file or standard input exposes; raise click.ClickException where it cannot be read."""
    try:
        return read(_text(scrape))
    except ExpositionError as error:
        raise click.ClickException(f"{scrape}: {error}") from error


def _text(scrape: str) -> str:
    try:
        if scrape == "-":
            return sys.stdin.read()
        if scrape.startswith(("http://", "https://")):
            answer = requests.get(scrape, timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
            return answer.text
        return Path(scrape).read_text(encoding="utf-8-sig")
    except requests.RequestException as error:
        raise click.ClickException(f"{scrape} can't be read: {innermost(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.ClickException(f"{scrape} can't be read: {reason}") from error


def report(found: Declared) -> None:
    """Say beside the module what it declares, what it leaves out and why."""
    click.echo(f"declared: {len(found.declared)} series", err=True)
    for words, names in (
        ("standard series, which alerts and boards know already", found.recognised),
        ("declared in another module", found.known),
        ("of the client library, left out", found.runtime),
    ):
        if names:
            click.echo(f"{words}: {', '.join(names)}", err=True)
    for name, reason in found.odd.items():
        click.echo(f"can't be declared: {name}: {reason}", err=True)
    if found.proposed:
        of = (
            f"names of {found.proposed.preset}" if found.proposed.preset else "these look like the standard HTTP series"
        )
        click.echo(f"{of}; if this is targets.api, put into stack.toml:\n{toml(found.proposed)}", err=True)
    for group, names in found.missing.items():
        click.echo(f"missing of the standard series for {group}: {', '.join(names)}", err=True)
