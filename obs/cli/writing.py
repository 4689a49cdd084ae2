"""Where does a verb put what it made, and what is said where it can't?"""

from pathlib import Path

import click


def write(out: Path, text: str, *, over: bool = True) -> None:
    """Write a file in UTF-8; raise click.ClickException where it can't be, or is there and must not be written over."""
    try:
        with out.open("w" if over else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise click.ClickException(f"{out} exists; move it away or choose another --out") from error
    except OSError as error:
        raise click.ClickException(f"{out} can't be written: {error.strerror}") from error
