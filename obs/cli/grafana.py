"""How do the verbs that deploy reach Grafana, and what do they say while they wait for it?"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from obs.deploy.connect import connect, connect_ruler
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.patience import LIMIT_SECONDS, Patience
from obs.stack import Stack

F = TypeVar("F", bound=Callable[..., object])
SILENT_SECONDS = 2.0
"""After so long something is said, and then ever more rarely."""
_PATIENCE = "obs.patience"


def patience_option(verb: F) -> F:
    """Add --patience to a verb; `open_grafana` and `open_ruler` heed it."""

    def keep(context: click.Context, _: click.Parameter, seconds: float) -> None:
        context.meta[_PATIENCE] = seconds

    return click.option(
        "--patience",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        default=LIMIT_SECONDS,
        show_default=True,
        expose_value=False,
        callback=keep,
        help="How long to bear with a server that fails, in all.",
    )(verb)


def open_grafana(stack: Stack) -> Client:
    """Return a client for the stack's Grafana that says on stderr what it waits for."""
    return _telling(connect(stack, os.environ))


def open_ruler(url: str) -> Client:
    """Return the same for a ruler."""
    return _telling(connect_ruler(url, os.environ))


def _telling(client: Client) -> Client:
    context = click.get_current_context()
    patient = client.patiently(Patience(context.meta.get(_PATIENCE, LIMIT_SECONDS)))
    context.with_resource(_told(patient))
    return patient


@contextlib.contextmanager
def _told(client: Client) -> Iterator[None]:
    done = threading.Event()

    def tell() -> None:
        pause = SILENT_SECONDS
        while not done.wait(pause):
            click.echo(_state(client), err=True)
            pause *= 2

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _state(client: Client) -> str:
    told = f"{client.url}: {client.progress.answered} answers so far"
    left = f"patience for {client.patience.left_seconds:.0f} s more of it"
    return f"{told}; trouble: {client.progress.trouble}; {left}" if client.progress.trouble else told
