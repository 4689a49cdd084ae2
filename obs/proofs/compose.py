"""Which services do the compose files of a checkout start?"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


def services(root: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield each service of the compose files below ``root``: the file, its name, and what the file says of it."""
    for path in sorted(root.glob("docker-compose*.yml")):
        for name, service in _read(path.read_text(encoding="utf-8")).get("services", {}).items():
            yield path, name, service or {}


@lru_cache(maxsize=16)
def _read(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, yaml.CSafeLoader) or {})
