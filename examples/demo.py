"""Runs the reference service with traffic, and prints its numbers beside what was sent: `python -m examples.demo`."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import click

from examples.service import Demo, DemoError, Row, compare, running, send
from examples.traffic import Tally

BATCH = 50


@click.command()
@click.option("--port", default=4000, show_default=True, help="Port of the API.")
@click.option("--requests", default=500, show_default=True, help="Requests sent before the numbers are compared.")
@click.option("--once", is_flag=True, help="Stop after the comparison; exit 1 if a number does not match.")
def demo(port: int, requests: int, once: bool) -> None:
    r"""
    Run the reference API with Redis, a job worker and traffic.

    \b
    python -m examples.demo
    python -m examples.demo --once --requests 2000
    """
    with tempfile.TemporaryDirectory(prefix="obs-demo-") as folder:
        try:
            with running(Path(folder), port=port) as service:
                _run(service, requests, once)
        except DemoError as error:
            click.echo(error, err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("stopped")


def _run(service: Demo, requests: int, once: bool) -> None:
    click.echo(f"API      {service.url}/v1/users/42\nmetrics  {service.metrics_url}\nlog      {service.log}\n")
    tally = Tally()
    asyncio.run(send(service, requests, tally))
    rows = compare(service, tally)
    _print(rows)
    if once:
        sys.exit(any(row.sent != row.counted for row in rows))
    click.echo(
        f"\nTraffic goes on until Ctrl-C. In another terminal:\n\n  curl -s {service.metrics_url} | grep ^http_req\n"
    )
    while True:
        asyncio.run(send(service, BATCH, tally))
        time.sleep(1)


def _print(rows: list[Row]) -> None:
    width = max(len(row.name) for row in rows)
    click.echo(f"{'':{width}}  {'sent':>6}  {'counted':>7}")
    for row in rows:
        line = f"{row.name:{width}}  {row.sent:6.0f}  {row.counted:7.0f}"
        click.secho(line, fg=None if row.sent == row.counted else "red")


if __name__ == "__main__":
    demo()
