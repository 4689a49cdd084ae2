"""`obs tools`: see to it that there is a promtool."""

import subprocess
from pathlib import Path

import click

from obs.adopt.starting import packed


@click.command()
def tools() -> None:
    r"""
    Find promtool, or install it below .tools: the official release with its checksum, else Debian's package.

    \b
    obs tools
    """
    script = packed() / "scripts/install-promtool"
    if subprocess.run(["sh", str(script), str(Path.cwd())], check=False).returncode:
        raise SystemExit(2)
