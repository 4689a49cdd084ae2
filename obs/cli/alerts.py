"""Play the cases of alerts through promtool: the verb `obs alerts`."""

import dataclasses
import json
import sys
import time
from pathlib import Path

import click

from obs.alerting import rules
from obs.cli.cli import FOUND, Selection, refuse_unknown
from obs.proofs import cases, mutants, promtool, report


@click.group()
def alerts() -> None:
    """Show that alerts fire, stay silent and clear."""


@alerts.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--mutants", "mutate", is_flag=True, help="Change every part of the rules: a case has to notice.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@click.pass_obj
def test(selection: Selection, names: tuple[str, ...], mutate: bool, as_json: bool) -> None:
    r"""
    Play every case of every alert, or of those named, through promtool.

    \b
    obs alerts test
    obs alerts test ApiErrorRatioHigh
    obs alerts test --mutants ApiErrorRatioHigh
    """
    started = time.perf_counter()
    stack = selection.stack()
    groups = rules.groups(stack)
    chosen = [alert for group in groups for alert in group.alerts if not names or alert.name in names]
    refuse_unknown("alert", names, (alert.name for group in groups for alert in group.alerts))
    tool = promtool.find(Path.cwd())
    if sys.stderr.isatty() and not as_json:
        click.echo(f"playing {len(chosen)} alerts{', a part changed in each' if mutate else ''} ...", err=True)
    if mutate:
        score = mutants.prove(tool, stack, groups, names)
        problems, held = list(score.findings), str(score)
    else:
        problems = cases.prove(tool, stack, groups, names)
        held = f"{sum(len(alert.cases) for alert in chosen)} cases hold"
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(problem) for problem in problems], indent=2))
    elif problems:
        report(problems)
        if mutate:
            click.echo(held, err=True)
    else:
        seconds = time.perf_counter() - started
        click.secho(f"{len(chosen)} alerts: {held} (promtool {tool.version}, {seconds:.1f} s)", fg="green")
    if problems:
        click.get_current_context().exit(FOUND)
