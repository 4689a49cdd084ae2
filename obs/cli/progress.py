"""What is seen while something lasts?"""

import shutil
import sys

import click

CLEAR_LINE = "\r\x1b[K"


def progress(words: str) -> None:
    """Show what is being done, on one line of a terminal; nothing where nobody watches. No words clear the line."""
    if sys.stderr.isatty():
        click.echo(f"{CLEAR_LINE}{words[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)
