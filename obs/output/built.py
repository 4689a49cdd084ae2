"""What comes out of one stack: its rules, its dashboards and the text of every file, before anything is written."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from obs import __version__, config, content
from obs.alerting import Group, render, rules
from obs.boards import dashboards
from obs.boards.board import Dashboard
from obs.config.prometheus import deployment
from obs.output.catalog import PATH as CATALOG
from obs.output.catalog import catalog
from obs.output.write import MANIFEST, OF
from obs.stack import Stack, schema

FOLDER = "infra/observability"
"""Where the programs of the stack load their files from, below the checkout."""


MADE_BY = "# Made by `obs build` "
"""What stands in the first line of the list of files, before the version of the tool."""


@dataclass(frozen=True, slots=True)
class File:
    """One file to write: its text, what it holds in words ("14 panels"), and the seconds it took to make."""

    text: str
    holds: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Built:
    """One stack, compiled. ``files`` maps a path below the checkout to what is to stand there."""

    stack: Stack
    groups: tuple[Group, ...]
    dashboards: tuple[Dashboard, ...]
    files: dict[str, File]

    @property
    def texts(self) -> dict[str, str]:
        """The text of every file, by its path below the checkout."""
        return {path: file.text for path, file in self.files.items()}


def build(stack: Stack) -> Built:
    """Compile a stack; raise ContentError or AlertError, naming the module that is wrong."""
    groups, boards = rules.groups(stack), []
    files = {path: File(text, "configuration") for path, text in config.render(stack, groups).items()}
    for group in groups:
        started = time.perf_counter()
        text = render.render_group(stack, group)
        holds = f"{len(group.rules)} rules"
        files[render.path(group)] = File(text, holds, time.perf_counter() - started)
    started = time.perf_counter()
    for board in dashboards.boards(stack):
        boards.append(board)
        panels = sum(panel["type"] != "row" for panel in board.model["panels"])
        text = dashboards.render_board(board)
        files[dashboards.path(board.slug)] = File(text, f"{panels} panels", time.perf_counter() - started)
        started = time.perf_counter()
    below = {f"{FOLDER}/{path}": file for path, file in files.items()}
    below |= {path: File(text, "containers") for path, text in config.beside(stack).items()}
    page = File(catalog(stack, groups, boards), "catalog")
    keys = File(schema.render(sorted(content.here().thresholds, key=lambda one: one.name)), "keys of stack.toml")
    return Built(stack, groups, tuple(boards), with_manifest(stack, FOLDER, below | {CATALOG: page, schema.PATH: keys}))


def with_manifest(stack: Stack, folder: str, files: Mapping[str, File]) -> dict[str, File]:
    """Add the list of all files, headed by whose they are: what is made no more is known by it, and removed."""
    path = f"{folder}/{MANIFEST}"
    of = f"{OF}{stack.service.name}, {', '.join(deployment(stack).values())}"
    lines = (f"{MADE_BY}{__version__}", of, *sorted((*files, path)))
    return {**files, path: File("".join(f"{line}\n" for line in lines), "what the build makes")}


def made_by(root: Path) -> str:
    """Return the version of the tool that made what is committed below ``root``; nothing where it does not say."""
    manifest = root / FOLDER / MANIFEST
    first = manifest.read_text(encoding="utf-8").partition("\n")[0] if manifest.is_file() else ""
    return first.removeprefix(MADE_BY) if first.startswith(MADE_BY) else ""
