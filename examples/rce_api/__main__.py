"""How is the reference service started? `python -m examples.rce_api --workers 2`."""

import os
import sys

import click
import uvicorn

from examples.rce_api.config import SERVICE
from watchkeeper import TelemetryError
from watchkeeper.logs import lines
from watchkeeper.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST", help="Address to listen on.")
@click.option("--port", default=4000, show_default=True, envvar="PORT", help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, envvar="WORKERS", help="Processes; more than one need Redis.")
@click.option("--redis-url", default="", envvar="REDIS_URL", help="Where counts are shared and jobs live.")
@click.option("--faults", is_flag=True, envvar="FAULTS", help="Open /_faults, to break things on purpose.")
@click.option("--web-vitals", default="", envvar="WEB_VITALS_FILE", help="The library's iife build, for the pages.")
def main(*, host: str, port: int, workers: int, redis_url: str, faults: bool, web_vitals: str) -> None:
    """Serve the reference API."""
    if workers > 1 and not redis_url:
        raise click.UsageError("several workers share their counts through Redis: set REDIS_URL or --redis-url")
    # The workers are new processes: they read the environment.
    os.environ.update(REDIS_URL=redis_url, FAULTS="1" if faults else "", WEB_VITALS_FILE=web_vitals)
    try:
        lines.configure(Settings.read(service=SERVICE))
    except TelemetryError as error:
        click.echo(error, err=True)
        sys.exit(2)
    uvicorn.run("examples.rce_api.app:create", factory=True, host=host, port=port, workers=workers, log_config=None)


if __name__ == "__main__":
    main()
