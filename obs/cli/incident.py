"""Write down what happened, while Prometheus still remembers."""

import re
from datetime import UTC, datetime
from pathlib import Path

import click

from obs.alerting.slo import availability, latency
from obs.cli.cli import Selection
from obs.replay import episodes, spent, write_up

TEMPLATE = Path("docs/operations/post-mortem-template.md")
FOLDER = Path("docs/operations/post-mortems")


class Moment(click.ParamType[datetime]):
    """A moment in ISO 8601; without a zone it is UTC."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment in UTC; end with a usage error that shows the form."""
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: takes a time such as 2026-11-20T14:05Z", param, ctx)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@click.group()
def incident() -> None:
    """Write post-mortems."""


@incident.command()
@click.argument("title")
@click.option("--from", "start", type=Moment(), required=True, help="When it began.")
@click.option("--to", "end", type=Moment(), required=True, help="When it was over.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.  [default: by date and title]"
)
@click.pass_obj
def new(selection: Selection, title: str, start: datetime, end: datetime, out: Path | None) -> None:
    r"""
    Write a post-mortem with the alerts that fired and the error budget they cost.

    \b
    obs incident new "Rooms could not be opened" --from 2026-11-20T14:00Z --to 2026-11-20T15:10Z
    """
    if end <= start:
        raise click.UsageError(f"--to {end:%Y-%m-%dT%H:%MZ} is not after --from {start:%Y-%m-%dT%H:%MZ}")
    stack = selection.stack()
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "incident"
    path = out or FOLDER / f"{start:%Y-%m-%d}-{slug}.md"
    if path.exists():
        raise click.ClickException(f"{path} exists; give another file with --out")
    cost = {slo: spent(stack, slo, start, end) for slo in (availability(stack), latency(stack))}
    history = episodes(stack, start, end)
    template = TEMPLATE.read_text(encoding="utf-8")
    text = write_up(template, title=title, start=start, end=end, history=history, cost=cost)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {path}")
