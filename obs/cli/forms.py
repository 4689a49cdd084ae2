"""In which forms are changes printed, and which options choose one?"""

from collections.abc import Callable
from typing import TypeVar

import click

from obs.diff import render_json, render_markdown, render_terminal

RENDERERS = {"terminal": render_terminal, "markdown": render_markdown, "json": render_json}
F = TypeVar("F", bound=Callable[..., object])


def form_options(command: F) -> F:
    """Give a verb `--format` and `--json`, as its parameter ``form``."""
    as_json = click.option("--json", "form", flag_value="json", help="The same as --format json.")
    form = click.option(
        "--format",
        "form",
        type=click.Choice(list(RENDERERS)),
        default="terminal",
        envvar="OBS_FORMAT",
        help="How to print it.",
    )
    return form(as_json(command))
