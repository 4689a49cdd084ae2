"""Which boards are asked, over which data, and what was asked before?"""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import orjson

from obs.boards.dashboards import path as board_path
from obs.boards.model import panels
from obs.config import loki as loki_configuration
from obs.durations import seconds
from obs.preview import answers as answers_module
from obs.preview import ask, asking, filling, history, lines, repeating, serving
from obs.preview.answers import Answers
from obs.preview.ask import Asker
from obs.preview.asking import Loki
from obs.preview.history import KEPT, Live, Progress, Source
from obs.preview.lines import Line
from obs.preview.story import Story
from obs.programs.programs import Programs
from obs.stack import Stack

MODULES = (answers_module, ask, asking, filling, lines, repeating, serving)
"""The code that an answer depends on."""

READ_FROM = ("prometheus", "loki")
"""The programs that answer."""

Boards = Mapping[str, Mapping[str, Any]]


class BoardError(Exception):
    """A dashboard can't be read; the message names the file and what it takes."""


def committed(root: Path, files: Mapping[str, bytes] | None = None) -> dict[str, dict[str, Any]]:
    """Read the dashboards below ``root``, or those of ``files`` by their path, by their slug; raise BoardError."""
    folder = Path("infra/observability") / Path(board_path("")).parent
    if files is None:
        files = {str(file.relative_to(root)): file.read_bytes() for file in sorted((root / folder).glob("*.json"))}
    return {Path(name).stem: read(name, text) for name, text in files.items()}


def read(name: str, text: bytes) -> dict[str, Any]:
    """Read a dashboard's JSON; raise BoardError."""
    try:
        model = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BoardError(f"{name}: no JSON: {error}") from error
    model = model.get("dashboard", model) if isinstance(model, dict) else model
    if not isinstance(model, dict) or not isinstance(model.get("panels"), list):
        raise BoardError(f"{name}: no dashboard: takes an object with panels, as Grafana exports it")
    return model


@dataclass(frozen=True)
class Data:
    """
    What boards are asked about: ``source``, evaluated by ``groups`` of rules as Prometheus loads them.

    ``loki_url`` is a Loki that runs; without one, a story's lines are put into one where the program is there. What is
    not to ``keep`` is told again next time.
    """

    programs: Programs
    stack: Stack
    groups: Sequence[Mapping[str, Any]]
    source: Source
    loki_url: str = ""
    keep: bool = True

    @property
    def name(self) -> str:
        """Where the data comes from, in a few words."""
        if isinstance(self.source, Story):
            return self.source.name
        return self.source.url if isinstance(self.source, Live) else str(self.source.folder)


def answered(data: Data, boards: Boards, progress: Progress = lambda _: None) -> dict[str, Answers]:
    """
    Return the answers of each of ``boards``, from what was asked before where nothing changed.

    A live server is asked each time. Raises ServingError, AskError, RemoteWriteError or ScenarioError.
    """
    kept = {slug: _kept(data, model) for slug, model in boards.items()}
    found = {slug: answers for slug, file in kept.items() if (answers := _read(file)) is not None}
    missing = [slug for slug in boards if slug not in found]
    if missing:
        progress(f"preparing {data.name}")
        opened = history.opened(data.programs, data.groups, data.source, keep=data.keep)
        reads_logs = any(_reads_logs(boards[slug]) for slug in missing)
        with opened as (server, span), _logs(data) if reads_logs else contextlib.nullcontext() as loki:
            asker = Asker(server, loki, span.start, span.end, seconds(data.stack.prometheus.scrape_interval))
            for slug in missing:
                progress(f"asking {slug}")
                found[slug] = asker.board(boards[slug]) | {"source": data.name}
                with contextlib.suppress(OSError):  # it is asked again next time
                    _keep(kept[slug], orjson.dumps(found[slug]))
    for file in filter(None, kept.values()):
        with contextlib.suppress(OSError):
            file.touch()  # used last now
    return {slug: found[slug] for slug in boards}


@contextlib.contextmanager
def _logs(data: Data) -> Iterator[Loki | None]:
    """Give a Loki that holds the lines of a story; None where there is none to ask."""
    if data.loki_url:
        yield Loki(data.loki_url)
    elif not isinstance(data.source, Story) or "loki" not in data.programs.found:
        yield None
    else:
        configuration = loki_configuration.render(data.stack)["loki/loki.yml"]
        with serving.loki(data.programs, configuration, _lines(data, data.source), data.source.end) as loki:
            yield loki


def _lines(data: Data, story: Story) -> list[Line]:
    """Return the lines of a story, as they were kept: to tell six hours takes longer than to draw a board."""
    facts = [history.key(story, data.groups), _code(lines)]
    file = KEPT / "lines" / f"{_digest(facts)}.json"
    try:
        return [Line(**line) for line in orjson.loads(file.read_bytes())]
    except (OSError, orjson.JSONDecodeError):
        found = list(lines.lines(data.stack, story.tell()))
    if data.keep:
        with contextlib.suppress(OSError):  # it is told again next time
            _keep(file, orjson.dumps(found))
    return found


def _reads_logs(model: Mapping[str, Any]) -> bool:
    return any("loki" in json.dumps([panel.get("datasource"), panel.get("targets")]) for panel in panels(dict(model)))


def _kept(data: Data, model: Mapping[str, Any]) -> Path | None:
    """Return where the answers of a board are kept; None for what may be answered otherwise tomorrow."""
    told = history.key(data.source, data.groups)
    if not told or data.loki_url or "prometheus" not in data.programs.found:
        return None
    versions = [data.programs.version(name) if name in data.programs.found else "" for name in READ_FROM]
    facts = [told, versions, [_code(module) for module in MODULES], data.stack.prometheus.scrape_interval, model]
    return KEPT / "answers" / f"{_digest(facts)}.json"


def _code(module: ModuleType) -> str:
    return Path(module.__file__ or "").read_text(encoding="utf-8")


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read(file: Path | None) -> Answers | None:
    try:
        return cast(Answers, orjson.loads(file.read_bytes())) if file else None
    except (OSError, orjson.JSONDecodeError):
        return None


def _keep(file: Path | None, content: bytes) -> None:
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.{uuid.uuid4().hex}")
        part.write_bytes(content)
        part.replace(file)
