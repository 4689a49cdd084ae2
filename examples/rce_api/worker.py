"""Who runs the jobs? `python -m examples.rce_api.worker`."""

import sys
from typing import Any

import click
from arq.connections import RedisSettings
from arq.worker import run_worker

from examples.rce_api.config import QUEUE, SERVICE, Config
from examples.rce_api.deliveries import MAX_TRIES, connect, deliver
from examples.rce_api.faults import Switchboard
from watchkeeper import Telemetry, TelemetryError
from watchkeeper.adapters.arq import observe


def worker_settings(config: Config, telemetry: Telemetry) -> type:
    """Return what arq runs."""

    async def startup(ctx: dict[str, Any]) -> None:
        ctx["faults"] = Switchboard(connect(config.redis_url))

    @observe(telemetry)
    class WorkerSettings:
        functions = [deliver]  # noqa: RUF012 - arq wants it so
        queue_name = QUEUE
        max_tries = MAX_TRIES
        poll_delay = 0.1
        redis_settings = RedisSettings.from_dsn(config.redis_url)
        on_startup = startup

    return WorkerSettings


def main() -> int:
    """Run jobs until a signal says stop."""
    config = Config.read()
    if not config.redis_url:
        click.echo("jobs live in Redis: set REDIS_URL, for example redis://127.0.0.1:6379/0", err=True)
        return 2
    try:
        run_worker(worker_settings(config, Telemetry.read(service=SERVICE)))
    except (TelemetryError, OSError) as error:
        click.echo(error, err=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
