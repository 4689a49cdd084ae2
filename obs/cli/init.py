"""`obs init`: begin the repository of another service."""

import os
from pathlib import Path

import click

from obs.adopt.recognising import recognised
from obs.adopt.starting import PARTS, repository
from obs.cli.contract import families
from obs.output import Staging, changes
from obs.stack.settings import Names

HARMLESS = {".git"}
"""What may be in the folder already."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--parts", default="api", show_default=True, help=f"What the service has: {', '.join(PARTS)}.")
@click.option(
    "--preset",
    metavar="otel|URL|FILE",
    default="",
    help="Its HTTP series have OpenTelemetry's names, or those of a scrape.",
)
def init(folder: Path, parts: str, preset: str) -> None:
    r"""
    Begin the repository of a service, called like its folder.

    It holds the content of the parts the service has, and nothing of the others; `make dashboards` in it does the rest.

    \b
    obs init shop
    obs init shop --parts api,redis,jobs
    obs init shop --preset otel
    obs init shop --preset http://localhost:8080/actuator/prometheus
    """
    place = Path(os.path.abspath(folder))  # noqa: PTH100 - `obs init .` is called like the folder, not like what a link leads to
    if place.exists() and {entry.name for entry in place.iterdir()} - HARMLESS:
        raise click.ClickException(f"{folder} is not empty; take a new folder, or an empty one")
    wanted = [part.strip() for part in parts.split(",") if part.strip()]
    files = repository(place.name, wanted, _names(preset) if preset else None)
    with Staging() as staging:
        staging.add(changes(files, place), place)
        staging.commit()
    click.echo(f"{place.name}: {len(files)} files in {folder}")
    click.echo(f"next: cd {folder} && make dashboards")


def _names(preset: str) -> Names:
    """Return the names of a preset, or those under which a scrape has the standard HTTP series."""
    if preset == "otel":
        return Names(preset="opentelemetry")
    found = recognised(families(preset))
    if found is None:
        raise click.ClickException(
            f"{preset}: no request is counted or timed there under another name; leave --preset out"
        )
    return found
