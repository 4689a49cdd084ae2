"""Say what each panel and each rule costs Prometheus, and hold it to a budget: the verb `obs cost`."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from obs import content
from obs.alerting import rules
from obs.alerting.render import group_body
from obs.cli.cli import FOUND, Selection, refuse_unknown
from obs.durations import seconds
from obs.preview import cost as costs
from obs.preview import history
from obs.preview.answering import committed
from obs.preview.ask import Asker
from obs.preview.cost import Cost, Counting
from obs.preview.history import Blocks, Live, Source, Span
from obs.preview.story import Teller
from obs.programs import programs
from obs.stack import Stack

HEAD = ("board or group", "panel or rule", "samples", "peak", "ms")
MOST_SHOWN = 20


@click.command()
@click.argument("names", nargs=-1, metavar="[BOARD|GROUP]...")
@click.option("--from", "source", metavar="URL|BLOCKS", default="", help="Ask about what a real Prometheus remembers.")
@click.option("--last", metavar="DURATION", default="1h", show_default=True, help="How much boards show.")
@click.option("--json", "as_json", is_flag=True, help="Print every panel and rule as JSON.")
@click.option("--markdown", is_flag=True, help="Print the sums as they stand in docs/cost.md.")
@click.pass_obj
def cost(
    selection: Selection, *, names: tuple[str, ...], source: str, last: str, as_json: bool, markdown: bool
) -> None:
    r"""
    Ask every panel and every rule of a real Prometheus, and say how many samples each reads.

    Data is an ordinary hour where no --from is given. A board or rule group that reads more than `cost` of stack.toml
    allows is named with its dearest query, and the recording that would serve it; the exit code is 1 then.

    \b
    obs cost
    obs cost api promises
    obs cost --from http://localhost:9090 --last 7d
    """
    stack = selection.stack()
    groups = rules.groups(stack)
    boards = committed(Path.cwd())
    known = [*boards, *(group.file for group in groups)]
    refuse_unknown("board or rule group", names, known)
    with history.opened(
        programs.find(Path.cwd()), [group_body(stack, one) for one in groups], _source(stack, source, last)
    ) as (server, span):
        counting = Counting(server.url)
        found = list(_asked(stack, counting, span, {k: v for k, v in boards.items() if not names or k in names}))
        chosen = [group for group in groups if not names or group.file in names]
        rated = [one for group in chosen for one in costs.rules(counting, group, span.end)]
    over = [*_over(found, stack.cost.board_samples), *_over(rated, stack.cost.group_samples)]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in (*found, *rated)], indent=2))
    else:
        _print([*found, *rated], markdown=markdown)
    for of, samples, most, dearest in over:
        click.secho(f"{of} reads {samples:,} samples; `cost` of stack.toml allows {most:,}", fg="red", err=True)
        click.echo(f"  most for '{dearest.name}': {' '.join(dearest.query.split())}", err=True)
        if record := costs.recording(dearest.query):
            click.echo(f"  recorded once, it would be one sample a step: {record}", err=True)
    if over:
        click.get_current_context().exit(FOUND)


def _source(stack: Stack, source: str, last: str) -> Source:
    try:
        lasts = seconds(last)
    except ValueError as error:
        raise click.UsageError(f"--last: {error}") from error
    if not source:
        return Teller(stack, content.here()).ordinary()
    return Live(source, lasts) if source.startswith(("http://", "https://")) else Blocks(Path(source), lasts)


def _asked(stack: Stack, server: Counting, span: Span, boards: dict[str, dict[str, object]]) -> Iterator[Cost]:
    asker = Asker(server, None, span.start, span.end, seconds(stack.prometheus.scrape_interval))
    for slug, model in boards.items():
        yield from costs.panels(server, asker, slug, model)


def _over(found: Sequence[Cost], most: int) -> Iterator[tuple[str, int, int, Cost]]:
    for of, samples in costs.totals(found).items():
        if samples > most:
            yield of, samples, most, max((one for one in found if one.of == of), key=lambda one: one.spent.samples)


def _print(found: Sequence[Cost], *, markdown: bool) -> None:
    """Print what each board and group reads in all, and the dearest of their panels and rules."""
    sums = sorted(costs.totals(found).items(), key=lambda item: -item[1])
    if markdown:
        click.echo("| board or group | samples | dearest | of them |\n| --- | --- | --- | --- |")
        for of, samples in sums:
            one = max((one for one in found if one.of == of), key=lambda one: one.spent.samples)
            click.echo(f"| {of} | {samples:,} | {one.name} | {one.spent.samples:,} |")
        return
    dearest = sorted(found, key=lambda one: -one.spent.samples)[:MOST_SHOWN]
    rows = [
        HEAD,
        *(
            (one.of, one.name, f"{one.spent.samples:,}", f"{one.spent.peak:,}", f"{1000 * one.spent.seconds:.1f}")
            for one in dearest
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        left = "  ".join(text.ljust(width) for text, width in zip(row[:2], widths, strict=False))
        click.echo(left + "  " + "  ".join(text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)))
    click.echo("\n" + ", ".join(f"{of} {samples:,}" for of, samples in sums))
