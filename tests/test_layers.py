"""Does every package import only what stands below it, and is every name spelled once?"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import alerts
import dashboards
from alerts.recording import RECORDED
from telemetry import labels
from telemetry.exporters import EXPORTERS
from telemetry.labels import Label
from telemetry.metrics import CONTRACT
from tests.conftest import ROOT

LAYERS = {
    "telemetry": set(),
    "stack": set(),
    "alerts": {"telemetry", "stack"},
    "config": {"telemetry", "stack", "alerts"},
    "dashboards": {"telemetry", "stack", "alerts"},
    "output": {"telemetry", "stack", "alerts", "config", "dashboards"},
    "incidents": {"telemetry", "stack", "alerts"},
    "proofs": {"telemetry", "stack", "alerts", "config", "dashboards", "output"},
    "deploy": {"telemetry", "stack", "alerts", "config", "dashboards", "output", "proofs"},
}
"""What each package may import of the others, besides itself."""

CONTRACT_MODULES = ("labels", "metrics", "promql", "ratings")


def modules(*packages: str) -> Iterator[Path]:
    """Return the modules of packages."""
    return (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))


def imported(path: Path) -> set[str]:
    """Return the top-level names a module imports."""
    tree = ast.parse(path.read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_what_stands_below_it(package: str) -> None:
    """The wheel knows nothing of alerts, alerts nothing of dashboards, and no library of the command line."""
    above = set(LAYERS) - LAYERS[package] - {package} | {"scripts", "tests"}
    for path in modules(package):
        wrong = {name for name in imported(path) if name.split(".")[0] in above}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_contract_needs_the_standard_library_alone() -> None:
    """An API that only wants the names does not install anything for them."""
    for path in [ROOT / "telemetry" / f"{name}.py" for name in CONTRACT_MODULES] + list(modules("telemetry/exporters")):
        assert all(name.split(".")[0] in {"telemetry", *sys.stdlib_module_names} for name in imported(path)), path


def test_grafanalib_is_imported_in_one_module() -> None:
    """Replacing it stays a change to one file."""
    users = [
        path.relative_to(ROOT)
        for path in modules(*LAYERS, "scripts", "examples")
        if any(name.startswith("grafanalib") for name in imported(path))
    ]
    assert users == [Path("dashboards/grafana.py")]


def words(path: Path) -> Iterator[str]:
    """Return every name that stands in a string of a module, docstrings left out."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from re.findall(r"[A-Za-z_:][A-Za-z0-9_:]*", node.value)


def test_a_metric_is_spelled_once() -> None:
    """Renaming a series is one edit: its name stands in one string of the code."""
    names = {metric.name for metric in (*CONTRACT, *EXPORTERS, *RECORDED) if "_" in metric.name}
    spelled = Counter(word for path in modules(*LAYERS, "scripts", "examples") for word in words(path) if word in names)
    assert {name: spelled[name] for name in names if spelled[name] != 1} == {}


def test_every_label_has_one_constant() -> None:
    """Two constants with one name differ in what they mean, never in what they spell by accident."""
    constants = [value for value in vars(labels).values() if isinstance(value, Label)]

    assert len({(label.name, label.help) for label in constants}) == len(constants)


@pytest.mark.parametrize(
    ("package", "registered", "vocabulary"),
    [
        ("alerts", alerts.ALERTS, {"model", "recording", "render", "slo", "histories"}),
        ("dashboards", dashboards.DASHBOARDS, {"panels", "grafana", "board"}),
    ],
)
def test_no_module_is_forgotten(package: str, registered: dict[str, object], vocabulary: set[str]) -> None:
    """Whoever adds a file of rules or a board lists it, or hears of it here."""
    module = __import__(package)
    listed = {
        source.__module__.split(".")[1]
        for values in registered.values()
        for source in (values if isinstance(values, tuple) else (values,))
    }
    found = {path.stem for path in modules(package)} - vocabulary - {"__init__"}
    assert found == listed, f"list every module in {module.__name__}/__init__.py"
