"""Do dashboards that an import once lost parts of come over whole?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs.adopt.importing import import_dashboard
from obs.diff.values import objects
from obs.stack import load
from tests.adopt.test_import import rebuilt

BOARDS = Path(__file__).parent / "boards"
STACK = load(Path(__file__).parents[2] / "stack.toml")
Model = dict[str, Any]


def legends(panel: Model) -> list[str]:
    """Return the legends of a panel."""
    return [target.get("legendFormat", "") for target in panel["targets"]]


def columns(panel: Model) -> list[tuple[str, str]]:
    """Return the names and units of the columns of a table."""
    overrides = [{one["id"]: one["value"] for one in over["properties"]} for over in panel["fieldConfig"]["overrides"]]
    return [(one["displayName"], one.get("unit", "")) for one in overrides if "displayName" in one]


HOLDS: dict[str, Callable[[Model], bool]] = {
    "loki_metric": lambda model: legends(model["panels"][0]) == ["lines"],
    "empty_table": lambda model: model["panels"][0]["type"] == "table" and not model["panels"][0].get("targets"),
    "own_instances": lambda model: (
        [one["query"] for one in model["templating"]["list"] if one["name"] == "instance"]
        == ["label_values(cache_up, instance)"]
    ),
    "five_columns": lambda model: len(columns(model["panels"][0])) >= len(model["panels"][0]["targets"]) == 3,
    "foreign_sources": lambda model: (
        [one.get("rawSql", one.get("expression")) for panel in model["panels"] for one in panel["targets"]]
        == ["SELECT now()", None, None, "$A * 2"]
        and model["panels"][1]["datasource"] == "Loki"
    ),
    "resource": lambda model: [panel["title"] for panel in model["panels"]] == ["Orders"],
    "raw_escape": lambda model: len(objects(model["panels"][0]["fieldConfig"]["overrides"])) == 1,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in BOARDS.glob("*.json")))
def test_a_board_comes_over_whole(name: str) -> None:
    """What the module builds says all that the original says; what no check can hold is marked."""
    found = import_dashboard(json.loads((BOARDS / f"{name}.json").read_text(encoding="utf-8")), STACK)

    assert found.unequal == 0
    assert HOLDS[name](rebuilt(found))
    assert bool(found.foreign) == (name == "foreign_sources")
