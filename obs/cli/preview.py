"""Draw dashboards without a Grafana, over data that is told, kept or live: the verb `obs preview`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from obs import content
from obs.alerting import rules
from obs.alerting.render import group_body
from obs.boards.dashboards import path as board_path
from obs.boards.model import panels
from obs.cli.cli import FOUND, Selection
from obs.cli.progress import progress
from obs.durations import seconds
from obs.nearest import nearest
from obs.output.built import FOLDER
from obs.preview import history, judging, lint
from obs.preview.answering import READ_FROM, Data, answered, committed, read
from obs.preview.answers import Answers, Layout
from obs.preview.ask import NO_LOKI
from obs.preview.drawing import DrawingError, draw
from obs.preview.history import KEPT, Blocks, Live, Source
from obs.preview.lint import Flaw
from obs.preview.story import ORDINARY, Story, Teller
from obs.programs import programs
from obs.replay import scenario

PAGES = KEPT / "pages"


@click.command()
@click.argument("boards", nargs=-1, metavar="[BOARD]...")
@click.option("--alert", "alerts", multiple=True, metavar="NAME", help="An alert's firing case over an ordinary hour.")
@click.option("--incident", "incidents", multiple=True, metavar="NAME", help="An incident of alerts/drill.")
@click.option("--blocks", type=click.Path(file_okay=False, path_type=Path), help="A Prometheus' folder of blocks.")
@click.option("--url", metavar="URL", default="", help="A Prometheus that runs.")
@click.option("--loki", metavar="URL", default="", help="A Loki that runs, for panels of lines.")
@click.option("--last", metavar="DURATION", default="1h", help="How much is looked at, 1h for one.")
@click.option("--until", metavar="TIME", default="", help="Its end, with --blocks or --url: 2026-01-15T03:00:00Z.")
@click.option("--against", metavar="REVISION", default="", help="Draw what differs from there, as it was and as it is.")
@click.option("--lint", "judge", is_flag=True, help="Say what is wrong with the pictures, and exit 1.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=PAGES, help=f"Where to; {PAGES}.")
@click.pass_obj
def preview(selection: Selection, /, **given: Any) -> None:
    r"""
    Draw the committed dashboards, or those named by slug or file, with Grafana's own components.

    Data is an ordinary hour where nothing else is given. For each: a page that opens from disk, a picture of the whole
    board and of its first screen, the answers it was made from. Needs Prometheus, Node, npm and Chromium.

    \b
    obs preview
    obs preview api --incident 'Half of the requests fail'
    obs preview --alert RedisDown
    obs preview --blocks /var/lib/prometheus --last 6h
    obs preview --url http://localhost:9090 my-board.json
    obs preview --against main
    obs preview --lint
    """
    Run(selection, Options(**given)).all()


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    boards: tuple[str, ...]
    alerts: tuple[str, ...]
    incidents: tuple[str, ...]
    blocks: Path | None
    url: str
    loki: str
    last: str
    until: str
    against: str
    judge: bool
    out: Path


class Run:
    """One preview, from what was asked for to what is written."""

    def __init__(self, selection: Selection, options: Options) -> None:
        self._options = options
        self._stack = selection.stack()
        self._content = content.here()
        groups = rules.groups(self._stack)
        self._alerts = [alert for group in groups for alert in group.alerts]
        self._teller = Teller(self._stack, self._content)
        self._boards = _chosen(options.boards)
        bodies = [group_body(self._stack, group) for group in groups]
        self._data = Data(
            programs.find(Path.cwd(), names=READ_FROM), self._stack, bodies, self._teller.ordinary(), options.loki
        )

    def all(self) -> None:
        """Draw everything, say where it is, and end with 1 where something is wrong."""
        flaws: list[Flaw] = []
        sources = list(self._sources())
        links = list(judging.linked(self._alerts, self._boards))
        for source in sources:
            data = replace(self._data, source=source)
            into = self._options.out / _slug(data.name)
            if self._options.against:
                flaws += self._compare(data, into)
                continue
            answers, layouts = self._draw(data, self._boards, into)
            if not self._options.judge:
                flaws += _errors(answers)
            elif isinstance(source, Story) and source.name == ORDINARY:
                flaws += judging.ordinary(answers, layouts, links)
            else:
                flaws += [flaw for slug, layout in layouts.items() for flaw in lint.incident(slug, layout)]
        if self._options.judge:
            of_all = any(source.name == ORDINARY for source in sources if isinstance(source, Story))
            asked = [one for one in links if of_all or one.alert.name in self._options.alerts]
            flaws += judging.firing(self._data, self._teller, self._boards, asked, draw=self._firing, progress=progress)
        progress("")
        history.prune()
        for flaw in flaws:
            click.secho(str(flaw), fg="red")
        if flaws:
            click.get_current_context().exit(FOUND)
        if self._options.judge:
            click.secho(f"{len(self._boards)} boards tell the truth", fg="green")

    def _sources(self) -> Iterator[Source]:
        options = self._options
        lasts = _seconds("--last", options.last)
        if options.url and options.blocks:
            raise click.UsageError("--url and --blocks are two sources; give one of them")
        if options.until and not (options.url or options.blocks):
            raise click.UsageError("--until is for --url and --blocks: a story always ends at the same moment")
        until = _moment(options.until)
        if options.url:
            yield Live(options.url, lasts, until)
        if options.blocks:
            yield Blocks(options.blocks, lasts, until)
        known = {alert.name: alert for alert in self._alerts}
        for name in options.alerts:
            alert = known[_named("alert", name, known, "`obs catalog` lists them")]
            yield self._teller.case(alert, next(case for case in alert.cases if case.verdict == "fires"))
        if options.incidents:
            scenarios = {one.name: one for one in scenario.read(self._stack, self._content)}
            for name in options.incidents:
                named = _named("incident", name, scenarios, "`obs drill` lists them")
                yield self._teller.incident(scenarios[named], int(lasts))
        if not (options.url or options.blocks or options.alerts or options.incidents):
            yield self._teller.ordinary(int(lasts))

    def _draw(
        self,
        data: Data,
        boards: Mapping[str, Mapping[str, Any]],
        into: Path,
        shown: Iterable[tuple[str, int]] = (),
    ) -> tuple[dict[str, Answers], Mapping[str, Layout]]:
        answers = answered(data, boards, progress)
        layouts = draw(answers, into, panels=shown, progress=progress)
        for slug, one in answers.items():
            file = into / f"{slug}.answers.json"
            try:
                file.write_bytes(orjson.dumps(one, option=orjson.OPT_INDENT_2))
            except OSError as error:
                raise DrawingError(f"{file}: can't be written: {error.strerror}") from error
        progress("")
        for slug in boards:
            click.echo(into / f"{slug}.html")
        return answers, layouts

    def _firing(self, documents: Mapping[str, Answers]) -> Mapping[str, Layout]:
        return draw(documents, self._options.out / "firing", progress=progress)

    def _compare(self, data: Data, into: Path) -> list[Flaw]:
        """Draw the boards that differ from a revision's, as they were and as they are, over the same data."""
        from obs.diff.sources import read_revision  # noqa: PLC0415 - a quarter of a second that other previews go without
        from obs.preview import comparing  # noqa: PLC0415

        revision = self._options.against
        folder = f"{FOLDER}/{Path(board_path('x')).parent}"
        old = committed(Path.cwd(), read_revision(Path.cwd(), revision, (folder,)))
        boards, shown = comparing.sides({slug: old[slug] for slug in self._boards if slug in old}, self._boards)
        if not boards:
            click.echo(f"every board is as in {revision}")
            return []
        return _errors(self._draw(data, boards, into, shown)[0])


def _chosen(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the boards named, by slug or as a file, or all that are committed; raise what reading does."""
    there = committed(Path.cwd())
    found = {}
    for name in names or there:
        if name.endswith(".json") or "/" in name:
            try:
                found[Path(name).stem] = read(name, Path(name).read_bytes())
            except OSError as error:
                raise click.UsageError(f"{name} can't be read: {error.strerror}") from error
        else:
            found[name] = there[_named("board", name, there, "`obs build` writes them")]
    if not found:
        raise click.ClickException(f"{FOLDER} holds no dashboards; run `obs build` first")
    return found


def _named(kind: str, name: str, known: Mapping[str, object], otherwise: str) -> str:
    if name not in known:
        raise click.UsageError(f"there is no {kind} '{name}'; {nearest(name, list(known), otherwise)}")
    return name


def _errors(answers: Mapping[str, Answers]) -> list[Flaw]:
    """Return the queries that were refused; where no Loki was there to ask, the panel says so."""
    return [
        Flaw(slug, panel.get("title", ""), f"{target['refId']}: {target['error']}")
        for slug, one in answers.items()
        for panel in panels(one["dashboard"])
        for target in one["panels"].get(str(panel.get("id")), {"targets": []})["targets"]
        if target["error"] and target["error"] != NO_LOKI
    ]


def _seconds(option: str, text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise click.UsageError(f"{option} {text}: {error}") from error


def _moment(text: str) -> float | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--until {text}: takes a time such as 2026-01-15T03:00:00Z") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
