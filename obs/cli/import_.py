"""`obs import`: what would this dashboard look like as Python?"""

import datetime as dt
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from obs.adopt.importing import Import, import_dashboard
from obs.cli.cli import Selection
from obs.cli.contract import declared, report
from obs.cli.forms import form_options
from obs.cli.writing import keep, write
from obs.content import DASHBOARDS
from obs.deploy.connect import connect
from obs.deploy.grafana.client import segment
from obs.deploy.grafana.errors import Refused
from obs.diff.documents import DASHBOARD_FIELDS, opened
from obs.diff.layout import refuse_v2
from obs.proofs import as_json, as_markdown, waivers
from obs.stack import Stack

NAMED = 3  # panels named where there are more
EXPLAINED_WITHIN_DAYS = 90


@click.command("import")
@click.argument("source", metavar="FILE|UID")
@click.option("--slug", default="", help="Name of the module and end of the uid; by default from the old uid or title.")
@click.option("--job", default="", help="Scrape job whose instances the board offers; by default the queries' own.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the module here; never over a file."
)
@click.option(
    "--contract",
    "scrape",
    default="",
    metavar="URL|FILE",
    help="Declare what this target exposes, too, in metrics/ beside the folder of --out.",
)
@form_options
@click.pass_obj
def import_(
    selection: Selection, source: str, *, slug: str, job: str, out: Path | None, scrape: str, form: str
) -> None:
    r"""
    Turn a dashboard's JSON into a module of dashboards/.

    Takes a file as Grafana exports it, or the uid of a dashboard in the stack's Grafana. What no word of the vocabulary
    says comes over in Grafana's own JSON, as `raw`. The module is built and compared with the original: how many panels
    are equal is counted, and what differs is listed: on standard error, or with --format and --out on standard output.

    \b
    obs import legacy.json > dashboards/legacy.py
    obs import cIBgcSjkk --slug legacy --out dashboards/legacy.py
    obs import shop.json --out dashboards/shop.py --contract http://localhost:9100/metrics
    """
    if scrape and out is None:
        raise click.UsageError("--contract writes a second module: say with --out where the first one goes")
    stack = selection.stack()
    series = declared(selection, scrape) if scrape else None
    found = import_dashboard(_read(source, stack), stack, slug, job)
    if series and out:
        keep(out)
        write(out.parent.parent / "metrics" / out.name, series.source, over=False)
    if out is None:
        click.echo(found.source, nl=False)
    else:
        write(out, found.source, over=False)
        click.echo(f"wrote {out}; now run `obs build`", err=True)
        _waive(found, out, source)
    if form == "terminal":
        _report(found)
    else:
        told = (
            as_markdown(found.findings) if form == "markdown" else f"{json.dumps(as_json(found.findings), indent=2)}\n"
        )
        click.echo(told, nl=False, err=out is None)
    if series:
        report(series)


def _waive(found: Import, out: Path, source: str) -> None:
    """Let a board be built before it is explained, until a day and in plain sight; no other check waits."""
    if not found.unexplained or out.resolve().parent.name != DASHBOARDS:
        return
    panels = f"{found.unexplained} of {found.panels} panels"
    until = dt.datetime.now(tz=dt.UTC).date() + dt.timedelta(days=EXPLAINED_WITHIN_DAYS)
    reason = f"imported from {Path(source).name}: {panels} lack a title, a description or a query"
    waiver = waivers.Waiver(f"{DASHBOARDS}/{out.name}", "dashboard/explained", reason, until)
    file = out.resolve().parent.parent / waivers.WAIVERS
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    write(file, f"{before.rstrip()}\n\n{waiver}".lstrip())
    click.echo(
        f"{panels} lack a title, a description or a query: waived in {waivers.WAIVERS} until {until}; "
        "describe them and take the waiver out",
        err=True,
    )


def _read(source: str, stack: Stack) -> dict[str, Any]:
    path = Path(source)
    if not path.exists():
        if path.suffix == ".json":
            raise click.ClickException(f"there is no file {source}")
        try:
            return dict(connect(stack, os.environ).read(f"/api/dashboards/uid/{segment(source)}"))
        except Refused as refused:
            if refused.status == HTTPStatus.NOT_ACCEPTABLE:
                refuse_v2({"title": source, "elements": {}, "layout": {}})
            raise
    try:
        model = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{source} can't be read as JSON: {error}") from error
    except RecursionError as error:
        raise click.ClickException(f"{source} can't be read: its values are nested too deeply") from error
    if not isinstance(model, dict):
        raise click.ClickException(f"{source} holds a {type(model).__name__}; a dashboard is an object")
    if not DASHBOARD_FIELDS & opened(model).keys():
        raise click.ClickException(f"{source} holds no dashboard: it has neither panels nor rows")
    return model


def _report(found: Import) -> None:
    """Count the panels, then say each loss once, with everything it touches, the gravest first."""
    equal = found.panels - found.unequal
    noun = "panel" if found.panels == 1 else "panels"
    click.echo(f"{found.panels} {noun}: {equal} equal to the original, {found.unequal} not.", err=True)
    if found.foreign:
        click.echo(f"Kept and not checked, for they ask other data sources: {_several(found.foreign)}", err=True)
    touched: dict[str, list[str]] = defaultdict(list)
    for finding in found.findings:
        touched[finding.fault.what].append(finding.fault.place.item)
    gained = sum(sentence.old is None for sentence in found.losses.sentences)
    click.echo("It says otherwise:" if touched else "Nothing is lost.", err=True)
    for text, subjects in touched.items():
        click.echo(f"  {text}  [{_several(subjects)}]", err=True)
    if gained:
        click.echo(
            f"It gains what every dashboard here has ({gained} settings); `obs diff` shows it once built.", err=True
        )


def _several(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
