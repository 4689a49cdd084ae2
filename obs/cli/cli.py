"""Which verbs does `obs` have, and how do its failures read?"""

import errno
import gc
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from obs import __version__
from obs.nearest import nearest

if TYPE_CHECKING:
    from obs.stack import Stack

FOUND, COULD_NOT_RUN = 1, 2
"""Exit codes: 0 done, 1 found something, 2 could not run."""

VERBS = {
    "init": "obs.cli.init:init",
    "build": "obs.cli.build:build",
    "check": "obs.cli.check:check",
    "alerts": "obs.cli.alerts:alerts",
    "drill": "obs.cli.drill:drill",
    "cost": "obs.cli.cost:cost",
    "catalog": "obs.cli.catalog:catalog",
    "preview": "obs.cli.preview:preview",
    "diff": "obs.cli.diff:diff",
    "upgrade": "obs.cli.upgrade:upgrade",
    "import": "obs.cli.import_:import_",
    "contract": "obs.cli.contract:contract",
    "plan": "obs.cli.plan:plan",
    "push": "obs.cli.push:push",
    "rollback": "obs.cli.rollback:rollback",
    "drift": "obs.cli.drift:drift",
    "incident": "obs.cli.incident:incident",
    "up": "obs.cli.up:up",
    "down": "obs.cli.up:down",
    "logs": "obs.cli.up:logs",
    "open": "obs.cli.up:open_",
    "tools": "obs.cli.tools:tools",
    "completion": "obs.cli.completion:completion",
}
"""Where each verb lives. Imported when it is called: `obs build` does not wait for an HTTP client."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Why nothing more can be written: the disk, the quota, the size of a file."""

OURS = {"obs", "watchkeeper"}
"""Packages whose exceptions are sentences for a person."""


class Verbs(click.Group):
    """The verbs, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order a person meets them."""
        del ctx
        return list(VERBS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; raise click.UsageError with the nearest one where there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            instead = nearest(args[0], VERBS, "`obs --help` lists them")
            raise click.UsageError(f"{error.message.rstrip('.')}; {instead}", ctx) from None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one verb; None when there is no such verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, name = VERBS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return _unfolded(command)


STACK_FILE = (Path("stack.toml"),)


@dataclass(frozen=True, slots=True)
class Selection:
    """The stack files a verb works on, and the overlay chosen; read when the verb asks for them."""

    files: tuple[Path, ...]
    env: str

    @property
    def own(self) -> bool:
        """Whether it is the one stack that the folder is about."""
        return self.files == STACK_FILE and not self.env

    def stacks(self) -> "Iterator[Stack]":
        """Read the stack files; raise StackError."""
        from obs import content, stack  # noqa: PLC0415 - `obs --help` and a build with nothing to do go without

        return (stack.load(file, self.env, content.here().thresholds) for file in self.files)

    def stack(self) -> "Stack":
        """Read the one stack file of a verb that takes one; raise click.UsageError for more."""
        if len(self.files) > 1:
            raise click.UsageError("this verb takes one --stack")
        return next(self.stacks())


def note_examples(stack: "Stack") -> None:
    """Say on standard error which addresses people are sent to that are still examples."""
    from obs.stack.examples import examples  # noqa: PLC0415 - `obs --help` goes without

    for sentence in examples(stack):
        click.echo(f"note: {sentence}", err=True)


def refuse_unknown(noun: str, names: Iterable[str], known: Iterable[str], otherwise: str | None = None) -> None:
    """Raise click.UsageError for the first name that is not known, with the one that may be meant, or ``otherwise``."""
    there = list(known)
    for name in names:
        if name not in there:
            raise click.UsageError(f"there is no {noun} '{name}'; {nearest(name, there, otherwise)}")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--stack",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    default=STACK_FILE,
    help="Stack file, instead of stack.toml. `obs build` takes several.",
)
@click.version_option(__version__, message="%(version)s")
@click.option("--env", default="", envvar="OBS_ENV", help="Overlay to lay over it: [env.NAME] of the stack file.")
@click.pass_context
def obs(ctx: click.Context, files: tuple[Path, ...], env: str) -> None:
    r"""
    Observability as code: dashboards, alerts and their proofs.

    \b
    obs build                      write dashboards, rules and configuration
    obs check                      prove them, without a server
    obs alerts test ApiDown        play one alert's cases
    obs --env staging plan         what a push to staging would change

    Exit codes: 0 done, 1 found something, 2 could not run.
    """
    ctx.obj = Selection(files, env)
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False


def _unfolded(command: click.Command) -> click.Command:
    r"""Put the backspace that keeps click from joining lines where a raw docstring spells it `\b`."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    for verb in getattr(command, "commands", {}).values():
        _unfolded(verb)
    return command


_unfolded(obs)


def main(command: click.Command = obs) -> None:
    """Run a command; end with a sentence and an exit code, never with a traceback."""
    # A build makes much and drops little: at its default the collector would walk all of it dozens of times.
    gc.set_threshold(100_000)
    try:
        sys.exit(command(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(COULD_NOT_RUN if type(error) is click.ClickException else error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted")
    except BrokenPipeError:
        _hush()
        sys.exit(COULD_NOT_RUN)
    except Exception as error:  # the last resort of a command line: nobody is shown a traceback unasked
        if "OBS_DEBUG" in os.environ:
            raise
        if type(error).__module__.split(".")[0] in OURS:
            _fail(str(error))
        if isinstance(error, OSError) and error.errno in FULL:
            _hush()
            _fail(f"{error.filename or 'standard output or a file'} can't be written: {error.strerror}")
        _fail(f"unexpected {type(error).__name__}: {error}\nThis is a bug; OBS_DEBUG=1 shows where.")


def _hush() -> None:
    """Let what standard output still holds go nowhere: Python would try again as it ends, and answer with 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fail(sentence: str) -> NoReturn:
    click.echo(f"obs: {sentence}", err=True)
    sys.exit(COULD_NOT_RUN)
