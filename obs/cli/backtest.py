"""Replay what a real Prometheus remembers through the rules as they are now: `obs drill --from`."""

import dataclasses
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from obs.alerting import Alert, Group, Severity, rules
from obs.cli.cli import Selection, refuse_unknown
from obs.durations import canonical
from obs.preview.asking import Server
from obs.preview.backtest import Fired, fired
from obs.preview.history import Blocks, Live, opened
from obs.programs import programs

DAY_SECONDS = 86_400
HEAD = ("alert", "severity", "fired", "in all", "longest", "last")


def backtest(selection: Selection, names: tuple[str, ...], source: str, days: int, *, as_json: bool) -> None:
    """Print when each alert, or each of those named, would have fired: how often, and for how long."""
    groups = rules.groups(selection.stack())
    chosen = [(group, alert) for group in groups for alert in group.alerts if _tells(alert) or alert.name in names]
    refuse_unknown("alert", names, (alert.name for _, alert in chosen))
    chosen = [(group, alert) for group, alert in chosen if not names or alert.name in names]
    lasts = days * DAY_SECONDS
    there = Live(source, lasts) if source.startswith(("http://", "https://")) else Blocks(Path(source), lasts)
    with opened(programs.find(Path.cwd()), [], there) as (server, span):
        found = list(_fired(server, chosen, span.start, span.end))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) | {"labels": dict(one.labels)} for one in found], indent=2))
        return
    rows = [HEAD, *_rows(chosen, found, span.end)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    pages = sum(one.severity == Severity.PAGE for one in found)
    silent = len(chosen) - len(rows) + 1
    click.echo(
        f"\n{days} days until {_moment(span.end)}: {pages} pages, {len(found) - pages} tickets; {silent} alerts silent"
    )


def _tells(alert: Alert) -> bool:
    return alert.severity is not Severity.NONE


def _fired(server: Server, chosen: Sequence[tuple[Group, Alert]], start: float, end: float) -> Iterator[Fired]:
    for number, (group, alert) in enumerate(chosen, 1):
        if sys.stderr.isatty():
            click.echo(f"\r{number}/{len(chosen)} alerts", nl=number == len(chosen), err=True)
        yield from fired(server, group, alert, start, end)


def _rows(chosen: Sequence[tuple[Group, Alert]], found: Sequence[Fired], now: float) -> Iterator[tuple[str, ...]]:
    """Yield a row for each alert that fired, the one that fired most often first."""
    times = {name: list(ones) for name, ones in itertools.groupby(found, key=lambda one: one.alert)}
    for name, ones in sorted(times.items(), key=lambda item: -len(item[1])):
        lasted = [(one.end or now) - one.start for one in ones]
        severity = next(alert.severity for _, alert in chosen if alert.name == name)
        last = max(one.start for one in ones)
        yield name, severity, str(len(ones)), _span(sum(lasted)), _span(max(lasted)), _moment(last)


def _span(length: float) -> str:
    return canonical(f"{length:.0f}s")


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
