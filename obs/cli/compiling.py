"""Compile the chosen stacks, prove them, write what differs, and tell what became of each file."""

from collections.abc import Iterable
from pathlib import Path

from obs import proofs
from obs.cli.cli import Selection
from obs.cli.table import Row
from obs.output import Built, FileChange, OutputError, Staging, build, changes, in_kubernetes
from obs.output.figures import filled
from obs.output.write import refuse_another
from obs.proofs import questions
from obs.stack import Stack


def compiled(selection: Selection, out: Path | None, target: str, *, write: bool) -> list[Row] | None:
    """
    Return what became of each file; None where a proof found something, which is told, and nothing is written.

    Everything is proven before the first file is written. Raises what `build`, the proofs and the disk raise.
    """
    rows: list[Row] = []
    stacks = list(selection.stacks())
    _refuse_twins(zip(selection.files, stacks, strict=True))
    root = Path.cwd()
    with Staging() as staging, proofs.Loading(root, len(stacks)) as loading:
        for stack in stacks:
            built = build(stack)
            loading.add(built)
            if problems := proofs.judged(built, root, written=False):
                proofs.report(problems + proofs.unloaded(loading, root))
                return None
            if target == "kubernetes":
                built = in_kubernetes(built)
            pages = _pages(stack) if selection.own and out is None and target == "compose" else {}
            below = root if out is None else out / stack.service.name
            planned = changes(built.texts | pages, below)
            if write and (out is not None or not selection.own):
                refuse_another(built.texts, below)
            if write:
                staging.add(planned, below)
            rows += [_row(change, built) for change in planned]
        if problems := proofs.unloaded(loading, root):
            proofs.report(problems)
            return None
        staging.commit()
    return rows


def _refuse_twins(stacks: Iterable[tuple[Path, Stack]]) -> None:
    """Raise OutputError for two stacks of one name: one would be written over the other."""
    first: dict[str, Path] = {}
    for file, stack in stacks:
        other = first.setdefault(stack.service.name, file)
        if other is not file:
            raise OutputError(f"{file}: service.name = {stack.service.name!r}: {other} is called so too; rename one")


def _pages(stack: Stack) -> dict[str, str]:
    """Return the pages of docs/operations whose figures are no longer what the settings are, as they should be."""
    pages = questions.pages(Path.cwd())
    written = {path: filled(text, stack) for path, text in pages.items()}
    return {path: text for path, text in written.items() if text != pages[path]}


def _row(change: FileChange, built: Built) -> Row:
    file = built.files.get(change.path)
    holds, seconds = (file.holds, file.seconds) if file else ("", 0)
    return Row(change.path, change.action, change.line, holds, seconds * 1000)
