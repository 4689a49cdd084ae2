"""How is a real Prometheus, or Loki, started for a few questions, on a port of its own, and always ended?"""

import contextlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import requests
import yaml

from obs.preview.asking import Loki
from obs.preview.lines import Line
from obs.programs.processes import Process, ProcessError, Processes
from obs.programs.programs import Programs
from obs.programs.waiting import NeverHappenedError, until

HOST = "127.0.0.1"
WHOLE_LIFE = "36500d"
"""Out-of-order window and retention: whatever a story's date, it is neither too old nor thrown away."""

PROMETHEUS_CONFIG = f"storage:\n  tsdb:\n    out_of_order_time_window: {WHOLE_LIFE}\n"
READY_SECONDS = 60


class ServingError(Exception):
    """A program that is asked can't be started; the message says which, why, and how to get it."""


@contextlib.contextmanager
def prometheus(programs: Programs, data: Path | None) -> Iterator[tuple[str, Path]]:
    """Run a Prometheus over a copy of ``data``, or over nothing; give its address and store, or raise ServingError."""
    if lacks := programs.lacks("prometheus"):
        raise ServingError(f"{lacks}; a preview asks a real Prometheus: apt-get install prometheus")
    with _running() as (processes, folder):
        store = folder / "data"
        if data is None:
            store.mkdir()
        else:
            _copied(data, store)
        (folder / "prometheus.yml").write_text(PROMETHEUS_CONFIG, encoding="utf-8")
        port = _free_port()
        process = processes.start(
            "prometheus",
            programs["prometheus"],
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={store}",
            f"--storage.tsdb.retention.time={WHOLE_LIFE}",
            f"--web.listen-address={HOST}:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
        )
        url = _ready(process, f"http://{HOST}:{port}", "/-/ready")
        try:
            yield url, store
        except Exception:
            process.alive()  # else its last words say more
            raise


@contextlib.contextmanager
def loki(programs: Programs, configuration: str, lines: Iterable[Line], end: float) -> Iterator[Loki]:
    """
    Run a Loki that holds ``lines``, with the stack's own configuration; raise ServingError.

    ``end`` is the moment of their story that becomes now: what is old a Loki looks for on disk alone.
    """
    later = int(time.time() - end)
    with _running() as (processes, folder):
        settings = yaml.safe_load(configuration.replace("/loki", f"{folder}/loki"))
        ports = {"http_listen_port": _free_port(), "grpc_listen_port": _free_port()}
        settings["server"] |= {"http_listen_address": HOST, "grpc_listen_address": HOST, **ports}
        # Told where its other parts are, it does not look for them for ten seconds.
        settings["frontend"] = {"address": HOST}
        settings["frontend_worker"] = {"frontend_address": f"{HOST}:{ports['grpc_listen_port']}"}
        (folder / "loki.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        process = processes.start("loki", programs["loki"], f"-config.file={folder / 'loki.yml'}")
        url = f"http://{HOST}:{settings['server']['http_listen_port']}"
        body = {"streams": list(_streams(lines, later))}

        def takes() -> bool:
            # It calls itself ready after a quarter of a minute, and takes lines after a second.
            return process.alive() and requests.post(f"{url}/loki/api/v1/push", json=body, timeout=30).ok

        until("Loki taking the lines of a story", takes, within=READY_SECONDS)
        yield Loki(url, later)


def _streams(lines: Iterable[Line], later: int) -> Iterator[dict[str, Any]]:
    streams: dict[tuple[tuple[str, str], ...], list[Line]] = {}
    for line in lines:
        streams.setdefault(tuple(sorted(line.labels.items())), []).append(line)
    for labels, found in streams.items():
        values = [[str(line.at + later * 10**9), line.text] for line in sorted(found, key=lambda line: line.at)]
        yield {"stream": dict(labels), "values": values}


@contextlib.contextmanager
def _running() -> Iterator[tuple[Processes, Path]]:
    with tempfile.TemporaryDirectory(prefix="obs-preview-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            with Processes(folder) as processes:
                yield processes, folder
        except (ProcessError, NeverHappenedError) as error:
            # Its log goes with the folder.
            raise ServingError(re.sub(rf" \({re.escape(name)}[^)]*\)$", "", str(error))) from error


def _ready(process: Process, url: str, path: str) -> str:
    process.ready(url + path, within=READY_SECONDS)
    return url


def _copied(data: Path, store: Path) -> None:
    """Copy a folder of blocks; their large files, which nobody changes, are linked where the disk is the same."""
    try:
        shutil.copytree(data, store, copy_function=_linked, ignore=shutil.ignore_patterns("lock", "queries.active"))
    except (OSError, shutil.Error) as error:
        raise ServingError(f"{data} can't be read: {error}; takes a folder of TSDB blocks") from error


def _linked(source: str, target: str) -> None:
    if Path(source).parent.name == "chunks":
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
