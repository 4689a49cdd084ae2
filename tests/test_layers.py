"""Does every package import only what stands below it, and is every name spelled once?"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from obs import content
from obs.alerting.recording import RECORDED
from tests.conftest import ROOT
from watchkeeper.contract import labels
from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import CONTRACT

CONTENT = ("alerts", "dashboards", "metrics")
TOOL = ("obs", "watchkeeper")
FLOORS = (
    {"watchkeeper"},
    {"obs/stack"},
    {"obs/content.py", "obs/query"},
    {"obs/alerting"},
    {"obs/boards"},
    {"obs/config"},
    {"obs/output"},
    {"obs/proofs"},
    {"obs/diff", "obs/replay"},
    {"obs/adopt", "obs/deploy", "obs/preview"},
    {"obs/cli"},
)
"""The rooms of the tool, from the ground up: each may import those on floors below its own, and itself."""


def modules(*packages: str) -> Iterator[Path]:
    """Return the modules of packages."""
    return (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))


def imported(path: Path) -> set[str]:
    """Return the names a module imports, at whatever moment; those for its types alone left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return plain | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def inside(name: str, room: str) -> bool:
    """Tell whether an imported name is a room of the tool, or lies in one."""
    module = room.removesuffix(".py").replace("/", ".")
    return name == module or name.startswith(f"{module}.")


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_a_room_imports_what_stands_below_it(floor: int) -> None:
    """A circle between rooms is where one fact begins to be judged twice."""
    above = {room for rooms in FLOORS[floor + 1 :] for room in rooms} | {"tests", "e2e", "benchmarks", "examples"}
    for room in FLOORS[floor]:
        paths = [ROOT / room] if room.endswith(".py") else modules(room)
        beside = FLOORS[floor] - {room}
        for path in paths:
            wrong = {name for name in imported(path) for other in above | beside if inside(name, other)}
            assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("package", sorted(path.parent for name in TOOL for path in (ROOT / name).rglob("__init__.py")))
def test_no_circle_stands_inside_a_room(package: Path) -> None:
    """Of the folders and modules beside each other, none needs what needs it."""
    dotted = ".".join(package.relative_to(ROOT).parts)
    parts = [part for part in package.iterdir() if part.suffix == ".py" or (part / "__init__.py").exists()]
    needs = {
        part.stem: {
            name.removeprefix(f"{dotted}.").split(".")[0]
            for path in ([part] if part.is_file() else part.rglob("*.py"))
            for name in imported(path)
            if name.startswith(f"{dotted}.")
        }
        - {part.stem}
        for part in parts
        if part.stem != "__init__"
    }
    list(TopologicalSorter(needs).static_order())  # raises CycleError, naming the circle


def test_the_tool_knows_no_content() -> None:
    """What one service brings along is found in its folder, never imported by name."""
    for path in modules(*TOOL):
        wrong = {name for name in imported(path) if name.split(".")[0] in CONTENT}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_contract_needs_the_standard_library_alone() -> None:
    """An API that only wants the names does not install anything for them."""
    for path in modules("watchkeeper/contract", "metrics"):
        allowed = {"watchkeeper.contract", "metrics"}
        others = {name for name in imported(path) if not any(inside(name, room) for room in allowed)}
        assert all(name.split(".")[0] in sys.stdlib_module_names for name in others), path


def test_grafanalib_is_imported_in_one_module() -> None:
    """Replacing it stays a change to one file."""
    users = [
        path.relative_to(ROOT)
        for path in modules(*TOOL, *CONTENT, "examples")
        if any(name.startswith("grafanalib") for name in imported(path))
    ]
    assert users == [Path("obs/boards/grafana.py")]


def words(path: Path) -> Iterator[str]:
    """Return every name that stands in a string of a module; docstrings and examples of faults are prose."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    prose |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "fails"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*", node.value)


def test_a_metric_is_spelled_once() -> None:
    """Renaming a series is one edit: its name stands in one string of the code."""
    series = (*CONTRACT, *content.here().exporters, *RECORDED)
    names = {metric.name for metric in series if "_" in metric.name}
    spelled = Counter(word for path in modules(*TOOL, *CONTENT, "examples") for word in words(path) if word in names)
    assert {name: spelled[name] for name in names if spelled[name] != 1} == {}


def test_every_label_has_one_constant() -> None:
    """Two constants with one name differ in what they mean, never in what they spell by accident."""
    constants = [value for value in vars(labels).values() if isinstance(value, Label)]

    assert len({(label.name, label.help) for label in constants}) == len(constants)
