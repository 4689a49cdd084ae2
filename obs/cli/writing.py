"""Where does a verb put what it made, and what is said where it can't?"""

import contextlib
import os
import tempfile
from pathlib import Path

import click


def write(out: Path, text: str, *, over: bool = True) -> None:
    """
    Write a file in UTF-8, all of it or nothing.

    Raises click.ClickException where it can't be written, or is there and must not be written over.
    """
    if not over:
        keep(out)
    try:
        if out.exists() and not out.is_file():  # a pipe, or a device
            out.write_text(text, encoding="utf-8")
        else:
            _replace(out.resolve(), text)
    except OSError as error:
        raise click.ClickException(f"{out} can't be written: {error.strerror}") from error


def _replace(out: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        draft.chmod(out.stat().st_mode if out.exists() else 0o644)
        draft.replace(out)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()


def keep(out: Path) -> None:
    """Raise click.ClickException if there is something at a path that must not be written over."""
    if out.exists():
        raise click.ClickException(f"{out} exists; move it away or choose another --out")
