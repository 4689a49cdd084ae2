"""Where does the data of a preview come from: a story that is told, a folder of blocks, or a server that runs?"""

import contextlib
import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obs.preview import playing, remote, serving
from obs.preview.asking import Server
from obs.preview.serving import ServingError
from obs.preview.story import Story
from obs.programs.programs import Programs

KEPT = Path(".obs/preview")
"""Where stories and answers are kept by their content. Deleting it costs one preview."""

MOST_KEPT = {"stories": 20, "lines": 20, "answers": 400}
"""How many of each are kept; what was not used for longest goes first."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at, in seconds since 1970."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Blocks:
    """A folder of TSDB blocks, as Prometheus writes or exports them; the newest ``lasts`` seconds are looked at."""

    folder: Path
    lasts: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """A Prometheus that runs; the last ``lasts`` seconds are looked at."""

    url: str
    lasts: float
    until: float | None = None


Source = Story | Blocks | Live


@contextlib.contextmanager
def opened(
    programs: Programs, groups: Sequence[Mapping[str, Any]], source: Source, *, keep: bool = True
) -> Iterator[tuple[Server, Span]]:
    """
    Give a server that holds the data of ``source``, and the span to look at.

    ``groups`` are the rules that a story is evaluated with. Raises ServingError, AskError, RemoteWriteError or
    ScenarioError.
    """
    if isinstance(source, Live):
        until = source.until or time.time()
        server = Server(source.url)
        server.instant("vector(1)", until)  # who can't be asked at all is one error, and not one a panel
        yield server, Span(until - source.lasts, until)
    elif isinstance(source, Blocks):
        if not source.folder.is_dir():
            raise ServingError(f"{source.folder}: there is no such folder; give a folder of TSDB blocks")
        with serving.prometheus(programs, source.folder) as (url, _):
            server = Server(url)
            until = source.until or server.newest() or _newest_block(source.folder)
            yield server, Span(until - source.lasts, until)
    else:
        kept = KEPT / "stories" / key(source, groups)
        there = kept if kept.is_dir() else None
        with serving.prometheus(programs, there) as (url, store):
            server = Server(url)
            if there is None:
                remote.write(url, source.tell())
                playing.play(server, groups, source)
                if keep:
                    with contextlib.suppress(OSError):  # it is told again next time
                        _keep(store, kept)
            else:
                kept.touch()
            yield server, Span(source.start, source.end)


def key(source: Source, groups: Sequence[Mapping[str, Any]]) -> str:
    """Return what answers from a source are kept under; nothing for one that may say something else tomorrow."""
    if isinstance(source, Live):
        return ""
    if isinstance(source, Blocks):
        files = sorted(file for file in source.folder.rglob("*") if file.is_file())
        facts = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.name != "lock"]
        told: Any = [facts, source.lasts, source.until]
    else:
        code = [Path(module.__file__ or "").read_text(encoding="utf-8") for module in (playing, remote)]
        told = [source.name, source.identity, source.start, source.end, groups, code]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def prune() -> None:
    """Forget what was not used for longest."""
    for name, most in MOST_KEPT.items():
        if (folder := KEPT / name).is_dir():
            oldest = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[most:]
            for path in oldest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _newest_block(folder: Path) -> float:
    ends = [_end(file) for file in folder.glob("*/meta.json")]
    if not ends:
        raise ServingError(f"{folder} holds no samples; give a folder of TSDB blocks")
    return max(ends)


def _end(meta: Path) -> float:
    try:
        return float(json.loads(meta.read_bytes())["maxTime"]) / 1000
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ServingError(f"{meta} does not describe a block: {error}; copy the block again, or remove it") from error


def _keep(data: Path, kept: Path) -> None:
    """Keep a store whole or not at all, however it is interrupted."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(f"{kept.name}.{uuid.uuid4().hex}.part")
    try:
        shutil.copytree(data, part, ignore=shutil.ignore_patterns("lock", "queries.active"))
        with contextlib.suppress(OSError):  # another preview was faster
            part.rename(kept)
    finally:
        shutil.rmtree(part, ignore_errors=True)
