"""What would keep the stack from starting, or from telling anyone, and how is that fixed before it is tried?"""

import hashlib
import json
import os
import socket
import stat
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

PASSWORD = "_PASSWORD"  # noqa: S105 - the end of a variable's name
PASSWORDS = "passwords"
"""The volume that keeps what nobody chose."""
LABEL = "watchkeeper.config"
"""The label whose value changes with a service's files, so that compose starts that service anew, and no other."""

LOGS = "/var/lib/docker/containers"
"""Where Docker keeps its containers' logs, unless told otherwise, and where the log shipper finds them."""

RELABEL = "container_file_t"
"""The type that SELinux lets containers read; https://docs.docker.com/engine/storage/bind-mounts/."""

SECRETS = {"PAGERDUTY_ROUTING_KEY": "pages", "WEBHOOK_URL": "tickets", "DEADMAN_URL": "the dead man's switch"}
"""The variables of `.env` that only a person can fill, and what is lost without them."""

MUTED = dict.fromkeys(SECRETS, "") | {"GRAFANA_EXECUTE_ALERTS": "false"}
"""The environment under which the stack tells nobody: it overrules what ``.env`` holds."""


class PreflightError(Exception):
    """The stack was not started; the message names everything that has to be fixed first."""


def prepare_env(root: Path) -> dict[str, str]:
    """
    Read ``.env``, first copying it from ``.env.example``.

    The file is readable by its owner alone. Raises PreflightError when it can't be read or written.
    """
    file, example = root / ".env", root / ".env.example"
    try:
        if not file.exists():
            _write(file, example.read_text(encoding="utf-8"), 0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise PreflightError(f"{file}: {_reason(error)}") from error
    return read_env(root)


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


def locked_out(compose: Mapping[str, Any], env: Mapping[str, str], existing: Container[str]) -> Iterator[str]:
    """
    Yield a sentence where data is kept whose passwords are neither in ``env`` nor in the volume that keeps them.

    ``existing`` are the volumes of the engine. New passwords would not open that data.
    """
    names = {key: volume["name"] for key, volume in compose.get("volumes", {}).items()}
    data = [name for key, name in names.items() if key.endswith("-data") and name in existing]
    chosen = any(value for name, value in env.items() if name.endswith(PASSWORD))
    if data and names.get(PASSWORDS) not in existing and not chosen:
        yield (
            f"{', '.join(data)}: there is data here, and its passwords are not in .env: restore it from where you keep "
            "it; `obs down --volumes` deletes the data"
        )


def digests(compose: Mapping[str, Any]) -> dict[str, str]:
    """Return, by service, the digest of every file it mounts; services that mount none are left out."""
    found = {}
    for name, service in compose["services"].items():
        paths = [Path(volume["source"]) for volume in _mounted(service)]
        files = sorted(file for path in paths for file in (path, *path.rglob("*")) if file.is_file())
        if files:
            digest = hashlib.sha256()
            for file in files:
                digest.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
            found[name] = digest.hexdigest()[:12]
    return found


def write_digests(root: Path, found: Mapping[str, str]) -> Path:
    """Write the compose file that labels each service with the digest of its files, and return it."""
    file = root / ".obs" / "compose.json"
    services = {name: {"labels": {LABEL: digest}} for name, digest in found.items()}
    try:
        file.parent.mkdir(exist_ok=True)
        _write(file, json.dumps({"services": services}, indent=1), 0o644)
    except OSError as error:
        raise PreflightError(f"{file}: {_reason(error)}") from error
    return file


def changed(listing: str, wanted: Mapping[str, str]) -> list[str]:
    """Return the running services whose files are no longer those they started from, of `compose ps --format json`."""
    running = {container["Service"]: container.get("Labels", "") for container in _containers(listing)}
    return [name for name, digest in wanted.items() if name in running and f"{LABEL}={digest}" not in running[name]]


def unreadable(compose: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield a sentence for each mounted file or folder that is missing, or that a container could not read.

    ``compose`` is what `docker compose config --format json` prints.
    """
    mounts = {
        Path(volume["source"]): name for name, service in compose["services"].items() for volume in _mounted(service)
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


def _mounted(service: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the mounts of files of ours: not the engine's own logs."""
    for volume in service.get("volumes", ()):
        if volume["type"] == "bind" and volume.get("target") != LOGS:
            yield volume


def engine(info: Mapping[str, Any], compose: Mapping[str, Any]) -> Iterator[str]:
    """
    Yield a sentence for whatever of an engine keeps lines from the log shipper, or files from the containers.

    ``info`` is what `docker info --format json` prints, where Podman answers to that name its own.
    """
    volumes = [volume for service in compose["services"].values() for volume in service.get("volumes", ())]
    shipped = next((volume["source"] for volume in volumes if volume.get("target") == LOGS), None)
    podman = "DockerRootDir" not in info and "host" in info
    root, driver = info.get("DockerRootDir") or LOGS.rpartition("/")[0], info.get("LoggingDriver") or "json-file"
    if shipped and podman:
        yield (
            "Podman answers here, which keeps no files of its containers' logs to be shipped: use Docker "
            "Engine, or leave the targets of logs out of stack.toml"
        )
    elif shipped and driver != "json-file":
        yield (
            f"the engine hands its logs to {driver}, and a log shipper reads files: set "
            '"log-driver": "json-file" in daemon.json and make the containers anew'
        )
    elif shipped and shipped != f"{root}/containers":
        yield f"the engine keeps its containers in {root}: set DOCKER_DATA_ROOT={root} in .env, or no line is shipped"
    security = " ".join(info.get("SecurityOptions") or ())
    if "name=selinux" in security or (podman and (info["host"].get("security") or {}).get("selinuxEnabled")):
        kept = [volume["source"] for service in compose["services"].values() for volume in _mounted(service)]
        hidden = sorted({source for source in kept if RELABEL not in _label(source)})
        if hidden:
            yield f"SELinux keeps containers from {hidden[0]}; run `chcon -Rt {RELABEL} {' '.join(hidden)}`"


def _label(path: str) -> str:
    try:
        return os.getxattr(path, "security.selinux").decode()
    except OSError:
        return ""


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
    publishers = [one for container in _containers(listing) for one in container.get("Publishers") or ()]
    return [publisher["PublishedPort"] for publisher in publishers]


def _containers(listing: str) -> list[dict[str, Any]]:
    """Return the containers of a listing: an object a line, or a list in older versions."""
    parsed = [json.loads(line) for line in listing.splitlines() if line.strip()]
    return [item for entry in parsed for item in (entry if isinstance(entry, list) else [entry])]


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
