"""Which services do the compose files of a checkout start?"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from obs.stack import Stack


def services(root: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield each service of the compose files below ``root``: the file, its name, and what the file says of it."""
    for path in sorted(root.glob("docker-compose*.yml")):
        for name, service in _read(path.read_text(encoding="utf-8")).get("services", {}).items():
            yield path, name, service or {}


def hosts(root: Path) -> set[str]:
    """Return every name by which one container finds another."""
    found: set[str] = set()
    for _, name, service in services(root):
        found |= {name, *(service[key] for key in ("hostname", "container_name") if key in service)}
        networks = service.get("networks") or {}
        for network in networks.values() if isinstance(networks, dict) else ():
            found |= set((network or {}).get("aliases", ()))
    return found


def elsewhere(root: Path, stack: Stack) -> set[str]:
    """Return the names of containers that the service may have elsewhere: none where it is started here itself."""
    here = stack.targets.api.address.rpartition(":")[0] in hosts(root)
    return set() if here else set(stack.targets)


@lru_cache(maxsize=16)
def _read(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, yaml.CSafeLoader) or {})
