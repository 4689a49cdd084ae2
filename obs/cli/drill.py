"""Play whole incidents through the rules and the routing tree: the verb `obs drill`."""

import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from obs import content
from obs.alerting import rules
from obs.alerting.render import group_body
from obs.cli.backtest import backtest
from obs.cli.cli import FOUND, Selection, refuse_unknown
from obs.config import alertmanager
from obs.diff.sources import read_revision
from obs.durations import canonical
from obs.nearest import nearest
from obs.output.built import FOLDER
from obs.proofs import promtool
from obs.proofs.promtool import Promtool
from obs.proofs.routes.files import ALERTMANAGER
from obs.replay import judging, playing, reach, scenario
from obs.replay import workbook as workbooks
from obs.replay.judging import Verdict
from obs.replay.scenario import Scenario, ScenarioError
from obs.stack import Stack

Rulebook = tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]
"""What decides who is told: rule groups as Prometheus loads them, and Alertmanager's configuration."""

RULES = "prometheus/rules"

DAYS = "days"
"""The file of ordinary days, which are counted by themselves."""

DAY_SECONDS = 24 * 3600

BESIDE = ("incident", "wants", "paged after", "workbook", "pages", "workbook", "after the end", "workbook")
"""What is told of ours and of the workbook's rules: time to the first page, pages, pages that began after the end."""

HEAD = ("incident", "wants", "told by", "after", "cleared after", "pages", "unexpected")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@click.option("--markdown", is_flag=True, help="Print the table as it stands in docs/drill.md.")
@click.option("--against", metavar="REVISION", default="", help="Print the incidents that end otherwise than there.")
@click.option("--workbook", is_flag=True, help="Play the promises' incidents through the SRE workbook's rules as well.")
@click.option("--from", "source", metavar="URL|BLOCKS", default="", help="Replay what a real Prometheus remembers.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How much of it.")
@click.pass_obj
def drill(
    selection: Selection,
    *,
    names: tuple[str, ...],
    as_json: bool,
    markdown: bool,
    against: str,
    workbook: bool,
    source: str,
    days: int,
) -> None:
    r"""
    Play every incident of alerts/drill, or those named: who is told, when, how often?

    What was played before is kept in .obs/drill until a rule or an incident changes. With --from the rules as they are
    now read a real history, and NAME is an alert: when would each have fired, how often, for how long?

    \b
    obs drill
    obs drill 'Redis is restarted'
    obs drill --against main
    obs drill --workbook
    obs drill --from http://localhost:9090 --days 30
    obs drill --from /var/lib/prometheus ApiErrorRatioHigh
    obs drill --json | jq -r '.[] | select(.missed) | .incident'
    """
    if source:
        backtest(selection, names, source, days, as_json=as_json)
        return
    started = time.perf_counter()
    stack = selection.stack()
    scenarios = scenario.read(stack, content.here())
    chosen = [one for one in scenarios if not names or one.name in names]
    refuse_unknown("incident", names, (one.name for one in scenarios), "`obs drill` without a name plays all")
    tool = promtool.find(Path.cwd())
    new = _code(stack)
    _refuse_unknown_alerts(new, chosen)
    if workbook:
        _beside_workbook(tool, stack, chosen, new, markdown=markdown)
        return
    old: list[Verdict] = []
    if against:
        before = _committed(against)
        chosen = [one for one in chosen if _differ(before, new, one)]
        old = _verdicts(tool, stack, chosen, before)
    verdicts = _verdicts(tool, stack, chosen, new)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in verdicts], indent=2))
    elif against:
        _compare(old, verdicts, against, markdown=markdown)
    else:
        _print(verdicts, markdown=markdown)
        _print_broken(verdicts)
        click.echo(_summary(verdicts))
        click.echo(f"promtool {tool.version}, {time.perf_counter() - started:.1f} s", err=True)
    # Beside another revision only what it does not share counts: what was wrong there is not this change's.
    if not all(one.good or (against and not was.good) for one, was in zip(verdicts, old or verdicts, strict=True)):
        click.get_current_context().exit(FOUND)


def _verdicts(tool: Promtool, stack: Stack, chosen: Sequence[Scenario], rulebook: Rulebook) -> list[Verdict]:
    groups, config = rulebook
    firings = playing.play(tool, stack, groups, chosen, _progress(len(chosen)))
    return [judging.judge(config, stack.service.environment, one, firings[one.name]) for one in chosen]


def _refuse_unknown_alerts(rulebook: Rulebook, chosen: Sequence[Scenario]) -> None:
    known = {rule["alert"] for group in rulebook[0] for rule in group["rules"] if "alert" in rule}
    for one in chosen:
        for name in (*(alert for alert, _ in one.detects), *one.silent):
            if name not in known:
                where = f"{scenario.FOLDER / one.part}.toml: incident '{one.name}'"
                raise ScenarioError(f"{where}: there is no alert '{name}'; {nearest(name, known)}")


def _beside_workbook(
    tool: Promtool, stack: Stack, chosen: Sequence[Scenario], ours: Rulebook, *, markdown: bool
) -> None:
    """Print what our pages and those of the workbook's shape make of the same incidents, through the same routes."""
    book = workbooks.groups(stack)
    promised = list(workbooks.promised(book, chosen))
    theirs = _verdicts(tool, stack, promised, (book, ours[1]))
    rows = [
        (one.incident, _wants(one), *itertools.chain(*zip(_paged(one), _paged(other), strict=True)))
        for one, other in zip(_verdicts(tool, stack, promised, ours), theirs, strict=True)
    ]
    _table(BESIDE, rows, [True] * len(rows), markdown=markdown)


def _paged(one: Verdict) -> tuple[str, str, str]:
    """Return when the first page came, how many came, and how many of them after the end."""
    after = "" if one.paged is None else canonical(f"{one.paged:g}s")
    return after, str(len(one.pages)), str(len(one.late_pages))


def _differ(old: Rulebook, new: Rulebook, one: Scenario) -> bool:
    """Tell whether an incident can end otherwise: its rules differ, or what happens to their alerts."""
    return old[1] != new[1] or reach.within(old[0], one) != reach.within(new[0], one)


def _code(stack: Stack) -> Rulebook:
    groups = rules.groups(stack)
    return [group_body(stack, group) for group in groups], alertmanager.configuration(stack, groups)


def _committed(revision: str) -> Rulebook:
    """Return the rules and routes that a revision has committed; raise DiffError or ClickException."""
    files = read_revision(Path.cwd(), revision, (f"{FOLDER}/{RULES}", f"{FOLDER}/{ALERTMANAGER}"))
    documents = {path: yaml.load(text, yaml.CSafeLoader) for path, text in files.items()}
    config = documents.pop(f"{FOLDER}/{ALERTMANAGER}", None)
    if not config or not documents:
        raise click.ClickException(f"{revision} holds no {FOLDER}/{RULES} and {ALERTMANAGER}; give a later revision")
    return [group for document in documents.values() for group in document["groups"]], config


def _compare(old: list[Verdict], new: list[Verdict], revision: str, *, markdown: bool) -> None:
    """Print each incident that ends otherwise, as it was above as it is."""
    changed = [pair for pair in zip(old, new, strict=True) if _row(pair[0]) != _row(pair[1])]
    if not changed:
        click.echo(f"every incident ends as with the rules of {revision}")
        return
    was = [dataclasses.replace(before, incident=f"{before.incident} ({revision})") for before, _ in changed]
    _print([one for before, (_, after) in zip(was, changed, strict=True) for one in (before, after)], markdown=markdown)
    click.echo(f"{_summary(old)} ({revision}){_summary(new)}")


def _progress(whole: int) -> Callable[[Scenario], None]:
    played = itertools.count(1)

    def done(_: Scenario) -> None:
        number = next(played)
        if sys.stderr.isatty():
            click.echo(f"\r{number}/{whole} played", nl=number == whole, err=True)

    return done


def _as_json(verdict: Verdict) -> dict[str, object]:
    return dataclasses.asdict(verdict) | {"missed": verdict.missed, "late": verdict.late, "good": verdict.good}


def _wants(one: Verdict) -> str:
    return one.wants if one.wants == "silence" else f"{one.wants} in {canonical(f'{one.within:g}s')}"


def _row(one: Verdict) -> tuple[str, ...]:
    told = ", ".join(one.told_by) or ("MISSED" if one.missed else "nobody")
    after = "" if one.after is None else canonical(f"{one.after:g}s") + (" LATE" if one.late else "")
    cleared = "" if one.cleared is None else canonical(f"{one.cleared:g}s")
    return (one.incident, _wants(one), told, after, cleared, str(len(one.pages)), ", ".join(one.unexpected))


def _print(verdicts: list[Verdict], *, markdown: bool) -> None:
    _table(HEAD, [_row(one) for one in verdicts], [one.good for one in verdicts], markdown=markdown)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]], good: list[bool], *, markdown: bool) -> None:
    if markdown:
        for row in (head, ("---",) * len(head), *rows):
            click.echo("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row, fine in zip((head, *rows), (True, *good), strict=True):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        click.secho(line, fg=None if fine else "red")


def _print_broken(verdicts: list[Verdict]) -> None:
    for one in verdicts:
        for promise in one.broken:
            click.secho(f"{one.incident}: {promise}", fg="red")


def _summary(verdicts: list[Verdict]) -> str:
    incidents = [one for one in verdicts if one.part != DAYS]
    days = [one for one in verdicts if one.part == DAYS]
    pages, tickets = sum(len(one.pages) for one in days), sum(len(one.tickets) for one in days)
    missed, late = sum(one.missed for one in incidents), sum(one.late for one in incidents)
    over = sum(len(one.late_pages) for one in incidents)
    surplus = sum(len(one.unexpected) for one in incidents)
    broken = sum(len(one.broken) for one in verdicts)
    return (
        f"\n{len(incidents)} incidents: {missed} missed, {late} late, {over} pages that began after the end, "
        f"{surplus} notifications that nobody wants, {broken} promises of time broken; "
        f"{sum(one.good for one in incidents)} are as they should be\n"
        f"{sum(one.lasts for one in days) / DAY_SECONDS:.0f} ordinary days: {pages} pages, {tickets} tickets"
    )
