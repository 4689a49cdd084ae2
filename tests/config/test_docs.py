"""Do the pages about the stack say what it is?"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from obs import stack
from obs.config import masking
from obs.query import logql
from tests.conftest import ROOT

PAGES = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")}
SETTINGS = tomllib.loads((ROOT / "stack.toml").read_text(encoding="utf-8"))
FILEBEAT = yaml.safe_load((ROOT / "infra/observability/elk/filebeat.yml").read_text(encoding="utf-8"))
IMAGES = {
    name: service["image"]
    for file in ("docker-compose.yml", "docker-compose.observability.yml")
    for name, service in yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["services"].items()
    if "build" not in service
}

LIMITS = {
    name: service["mem_limit"]
    for file in ("docker-compose.yml", "docker-compose.observability.yml")
    for name, service in yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["services"].items()
}


def keys(settings: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield every key of stack.toml as it is named in messages."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from keys(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


@pytest.mark.parametrize(
    "key", [key for key in keys(SETTINGS) if not key.startswith(("env.", "targets.", "thresholds."))]
)
def test_every_setting_is_explained(key: str) -> None:
    """Who edits stack.toml finds each key on the page."""
    assert f"`{key}`" in PAGES["stack.md"]


@pytest.mark.parametrize(("name", "image"), IMAGES.items())
def test_every_version_has_its_reason(name: str, image: str) -> None:
    """The table of versions is the compose files'."""
    assert re.search(rf"^\| {name} \| `{re.escape(image)}` \| .{{20,}} \|$", PAGES["stack.md"], re.MULTILINE)


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_every_memory_limit_is_argued(name: str, limit: str) -> None:
    """Its row in the table says why it is enough, and how much it is."""
    (row,) = (
        cells
        for cells in (line.strip("| ").split(" | ") for line in PAGES["stack.md"].split("## Memory")[1].splitlines())
        if name in cells[0].split(", ")
    )
    limits = dict(zip(row[0].split(", "), row[1].split(", "), strict=len(row[1].split(", ")) > 1))

    assert limits.get(name, row[1]) == limit.replace("1g", "1 GB").replace("m", " MB")
    assert len(row[2]) > len("some reason")


@pytest.mark.parametrize("query", logql.queries(stack.load(ROOT / "stack.toml")), ids=lambda query: query.name)
def test_every_saved_query_is_listed(query: logql.SavedQuery) -> None:
    """A person looking for a query finds it, and its like for Kibana."""
    assert re.search(rf"^\|[^|]*\b{query.name}\b", PAGES["logs.md"], re.MULTILINE)


def test_filebeat_reads_and_masks_what_the_others_do() -> None:
    """Whichever ships the lines, they come from the same files, and the same names are masked."""
    (source,) = FILEBEAT["filebeat.inputs"]
    (script,) = (processor["script"]["source"] for processor in FILEBEAT["processors"] if "script" in processor)

    assert source["paths"] == [f"${{LOG_PATH:{SETTINGS['logs']['path']}}}"]
    assert f'var NAMES = "{masking.FIELDS}";' in script
    assert script.count("new RegExp(") == len(masking.SECRETS)
