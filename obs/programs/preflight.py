"""What would keep the stack from starting, or from telling anyone, and how is that mended before it is tried?"""

import json
import os
import secrets
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

PASSWORD = "_PASSWORD"  # noqa: S105 - the end of a variable's name
SECRETS = {"PAGERDUTY_ROUTING_KEY": "pages", "WEBHOOK_URL": "tickets", "DEADMAN_URL": "the dead man's switch"}
"""The variables of `.env` that only a person can fill, and what is lost without them."""

MUTED = dict.fromkeys(SECRETS, "") | {"GRAFANA_EXECUTE_ALERTS": "false"}
"""The environment under which the stack tells nobody: it overrules what ``.env`` holds."""


class PreflightError(Exception):
    """The stack was not started; the message names everything that has to be mended first."""


def prepare_env(root: Path) -> dict[str, str]:
    """
    Read ``.env``, first writing it from ``.env.example`` and filling empty passwords with random ones.

    The file is readable by its owner alone. Raises PreflightError when it can't be read or written.
    """
    file, example = root / ".env", root / ".env.example"
    try:
        text = (file if file.exists() else example).read_text(encoding="utf-8")
        filled = "".join(_filled(line) for line in text.splitlines(keepends=True))
        missing = _variables(example.read_text(encoding="utf-8")).keys() - _variables(filled).keys()
        filled += "".join(_filled(f"{name}=\n") for name in sorted(missing) if name.endswith(PASSWORD))
        if not file.exists() or filled != text:
            _write(file, filled, 0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise PreflightError(f"{file}: {_reason(error)}") from error
    return _variables(filled)


def read_env(root: Path) -> dict[str, str]:
    """Return the variables of ``.env``; none where there is no such file. Raises PreflightError."""
    file = root / ".env"
    try:
        return _variables(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise PreflightError(f"{file}: {_reason(error)}") from error


def _variables(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def unset(env: Mapping[str, str]) -> list[str]:
    """Return a sentence for each secret without which someone would not be told."""
    return [
        f"{name} is unset in .env: {lost} would reach nobody; fill it in, or start with --mute"
        for name, lost in SECRETS.items()
        if not env.get(name)
    ]


def unreadable(compose: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield a sentence for each mounted file or folder that is missing, or that a container could not read.

    ``compose`` is what `docker compose config --format json` prints.
    """
    mounts = {
        Path(volume["source"]): name
        for name, service in compose["services"].items()
        for volume in service.get("volumes", ())
        if volume["type"] == "bind" and not volume["source"].startswith("/var/lib/docker/")
    }
    for path, service in mounts.items():
        if not path.exists():
            yield f"{path}, which {service} mounts, does not exist; run `make dashboards`, or restore it from git"
            continue
        for file in (path, *path.rglob("*")) if path.is_dir() else (path,):
            wanted = stat.S_IROTH | stat.S_IXOTH if file.is_dir() else stat.S_IROTH
            if file.stat().st_mode & wanted != wanted:
                yield f"{file} can't be read by {service}, which runs as another user; run `chmod -R o+rX {path}`"
                break


def occupied(compose: Mapping[str, Any], ours: Iterable[int]) -> Iterator[str]:
    """Yield a sentence for each port that something else listens on; ``ours`` are those the stack has open already."""
    known = set(ours)
    for name, service in compose["services"].items():
        for port in service.get("ports", ()):
            host, number = port.get("host_ip", "0.0.0.0"), int(port["published"])  # noqa: S104 - compose's default
            if number not in known and not _free(host, number):
                yield f"port {number} of {host}, for {name}, is taken; `ss -ltnp 'sport = :{number}'` shows by whom"


def published(listing: str) -> list[int]:
    """Return the ports a running stack has open, from what `docker compose ps --format json` prints."""
    containers = [json.loads(line) for line in listing.splitlines() if line.strip()]
    flat = [item for entry in containers for item in (entry if isinstance(entry, list) else [entry])]
    return [publisher["PublishedPort"] for container in flat for publisher in container.get("Publishers") or ()]


def _filled(line: str) -> str:
    name, separator, value = line.partition("=")
    empty = separator and not line.startswith("#") and name.strip().endswith(PASSWORD) and not value.strip()
    return f"{name}={secrets.token_urlsafe(24)}\n" if empty else line


def _write(file: Path, text: str, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        os.fchmod(descriptor, mode)
        handle.write(text)


def _free(host: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8"
