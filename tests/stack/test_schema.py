"""An editor that reads the schema of stack.toml knows what `obs check` knows of a single key."""

import json
import re
import tomllib
from typing import Any

import pytest
from jsonschema import Draft7Validator

from obs.stack import schema
from obs.stack.meanings import MEANINGS
from tests.conftest import ROOT
from tests.stack.parts import PARTS, settings

VALIDATOR = Draft7Validator(json.loads((ROOT / schema.PATH).read_text(encoding="utf-8")))


def complaints(raw: dict[str, Any]) -> list[str]:
    """Return the paths of what an editor would underline."""
    return sorted({".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(raw)})


def test_the_stack_file_names_its_schema_in_its_first_line() -> None:
    """Editors look for it there: https://taplo.tamasfe.dev/configuration/directives.html."""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")

    assert text.splitlines()[0] == f"#:schema ./{schema.PATH}"
    assert complaints(tomllib.loads(text)) == []


@pytest.mark.parametrize("part", [*PARTS, ""])
def test_a_stack_without_a_part_is_valid(part: str) -> None:
    """What may be absent is not owed."""
    assert complaints(settings(part)) == []


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("service", "name", "Shop"),
        ("service", "teem", "backend"),
        ("slo", "window", "7d"),
        ("thresholds", "redis_memory_ratio", 1.5),
        ("thresholds", "job_queue_latency_seconds", 31),
        ("thresholds", "redis_memory", 0.5),
        ("prometheus", "scrape_interval", "15"),
        ("targets", "own", {"job": "own"}),
        ("targets", "api", {"job": "api", "address": "api:1", "exposes": ["job"]}),
        ("datasources", "tempo", {"uid": "tempo", "url": "http://tempo:1"}),
        ("env", "staging", {"slo": {"availability": {"objective": 2}}}),
    ],
)
def test_a_mistake_is_underlined(table: str, key: str, value: object) -> None:
    """A key that does not exist, a value of the wrong form, one out of its range, in an overlay as well."""
    raw = settings()
    raw.setdefault(table, {})[key] = value

    assert any(path.startswith(table) for path in complaints(raw))


def test_a_missing_key_is_underlined() -> None:
    """What has no default is owed."""
    raw = settings()
    del raw["service"]["team"]

    assert complaints(raw) == ["service"]


def test_the_page_says_the_same() -> None:
    """Every meaning stands in the table of docs/stack.md, beside its key."""
    page = (ROOT / "docs/stack.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (`[^|]*`) \| (.*) \|$", page, re.MULTILINE))
    told = {key.replace("`", ""): text for keys, text in rows.items() for key in keys.split(", ")}

    for key, text in MEANINGS.items():
        written = key.replace("KIND", "prometheus")
        assert told.get(written) == text, key
