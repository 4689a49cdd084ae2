"""What does a service bring along: which alerts, which dashboards, which series, in the folder it is built in?"""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NoReturn, TypeVar

from obs.nearest import nearest
from obs.place import Place
from obs.stack import AbsentError, Stack, names
from obs.stack.thresholds import Threshold
from watchkeeper.contract.metrics import CONTRACT, HEALTH, HTTP, JOBS, VITALS, WEBSOCKET, Metric
from watchkeeper.contract.scraping import SCRAPING

ALERTS, DASHBOARDS, METRICS = "alerts", "dashboards", "metrics"
ROOMS = (METRICS, ALERTS, DASHBOARDS)
"""The folders of a service's own Python, in the order in which one may import the other."""

OURS = ("obs.", "watchkeeper.")

OWN = "service"
"""The module of metrics/ with the series that the service adds to the standard ones."""

STANDARD = {"api": HTTP, "websockets": WEBSOCKET, "jobs": JOBS, "vitals": VITALS, "telemetry": HEALTH}
"""The standard series, by the role of the target that exposes them."""

T = TypeVar("T")
Define = Callable[[Stack], Any]
"""What a module writes for a rule or a board: a function of the stack."""


class ContentError(Exception):
    """A module of a service can't be used; the message names its file, line and function, and what it takes."""


@dataclass(frozen=True, slots=True)
class Content:
    """
    What the modules below one folder define.

    ``alerts`` maps the stem of a rule file to the functions that define its alerts, ``dashboards`` a slug to the
    function that builds the board, ``tiles`` a row of the Overview to what other boards show there, each with the slug
    of its board, and ``metrics`` the name of a source (`redis`) to the series read from it.
    ``thresholds`` maps each that the modules of alerts/ declare to the files that use it, ``standard`` are the standard
    series of the service.
    """

    root: Path
    alerts: Mapping[str, tuple[Define, ...]]
    dashboards: Mapping[str, Define]
    tiles: Mapping[str, tuple[tuple[str, Define], ...]]
    metrics: Mapping[str, tuple[Metric, ...]]
    thresholds: Mapping[Threshold, frozenset[str]]
    standard: tuple[Metric, ...] = CONTRACT

    @property
    def own(self) -> tuple[Metric, ...]:
        """Everything the service itself exposes: the standard series, and those that metrics/service.py adds."""
        return (*self.standard, *self.metrics.get(OWN, ()))

    @property
    def exporters(self) -> tuple[Metric, ...]:
        """Everything dashboards and alerts may ask for beyond what the service itself exposes."""
        return (*SCRAPING, *(metric for name, series in self.metrics.items() if name != OWN for metric in series))

    def of(self, stack: Stack) -> "Content":
        """Return the content as the service of a stack exposes it, without the series of what the stack lacks."""
        there = (metric for role, series in STANDARD.items() if stack.targets.has(role) for metric in series)
        with names.speaking(stack) as spoken:
            standard = tuple(names.metric(metric) for metric in there if metric.name not in spoken.absent)
        metrics = {
            name: series
            for name, series in self.metrics.items()
            if name not in stack.targets.KNOWN or stack.targets.has(name)
        }
        return replace(self, standard=standard, metrics=metrics)


def here() -> Content:
    """Return the content of the working directory; raise ContentError."""
    return load(_path(os.getcwd()))  # noqa: PTH109 - asked hundreds of times for each service, and a path is slow to make


@cache
def _path(folder: str) -> Path:
    return Path(folder)


@cache
def load(root: Path) -> Content:
    """Import every module of the folders alerts, dashboards and metrics below ``root``; raise ContentError."""
    _make_way(root)
    return Content(
        root,
        metrics={
            module.__name__.rpartition(".")[2]: _tuple(module, "SERIES", Metric) for module in _modules(root, METRICS)
        },
        alerts=_grouped(root),
        thresholds=_thresholds(root),
        dashboards={
            module.__name__.rpartition(".")[2]: _function(module, "dashboard") for module in _modules(root, DASHBOARDS)
        },
        tiles=_tiles(root),
    )


def _make_way(root: Path) -> None:
    """Let ``import alerts`` find the folder below ``root``, and forget the one of another root."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ROOMS and not _belongs(module, root):
            del sys.modules[name]
    if sys.path[:1] != [str(root)]:
        sys.path.insert(0, str(root))
    importlib.invalidate_caches()


def _belongs(module: ModuleType, root: Path) -> bool:
    places = [module.__file__] if module.__file__ else list(getattr(module, "__path__", ()))
    return any(Path(place).is_relative_to(root) for place in places if place)


def _modules(root: Path, room: str) -> Iterator[ModuleType]:
    """Import the modules of a folder, in the order of their names."""
    below = next((root / room).glob("*/**/*.py"), None)
    if below:
        raise ContentError(f"{below.relative_to(root)}: never read; the modules of {room}/ stand in {room}/ itself")
    for path in sorted((root / room).glob("*.py")):
        if not path.is_file():
            raise ContentError(f"{path.relative_to(root)}: a folder, or a link to nothing; takes a file of Python")
        if path.stem != "__init__":
            yield _imported(root, f"{room}.{path.stem}", path)


def ask(define: Callable[[Stack], Any], stack: Stack, kind: type[T]) -> T:
    """
    Call what a module defines; raise ContentError, naming file, line and function, unless it returns a ``kind``.

    What asks for a part that the stack does not have is left out: AbsentError is passed on where there may be such a
    part.
    """
    root = here().root
    try:
        with names.speaking(stack):
            made = define(stack)
    except AbsentError as error:
        if can_be_absent(stack, error.part):
            raise
        raise ContentError(f"{place(root, error)}: {_misspelt(stack, error.part)}") from error
    except (Exception, SystemExit) as error:
        where = place(root, error)
        if error.__traceback__ and error.__traceback__.tb_next is None:  # it was not even entered
            raise ContentError(f"{source(define)}: takes one argument, the stack: {error}") from error
        if not where:
            raise
        raise ContentError(f"{where}: {reason(error)}") from error
    if not isinstance(made, kind):
        raise ContentError(f"{source(define)}: returns {_a(made)}; return the {kind.__name__} it builds")
    return made


def can_be_absent(stack: Stack, part: str) -> bool:
    """Tell whether a stack may have a part such as `targets.redis`; one that none can have is misspelt."""
    table, _, key = part.partition(".")
    return key in _parts(stack, table)


def _parts(stack: Stack, table: str) -> set[str]:
    """Return the keys that a table of stack.toml has or may have: a source of metrics/ is a target somewhere."""
    listed = getattr(stack, table)
    return {*listed, *listed.KNOWN, *(set(here().metrics) - {OWN} if listed.OPEN else ())}


def _misspelt(stack: Stack, part: str) -> str:
    table, _, key = part.partition(".")
    known = sorted(_parts(stack, table))
    return f"no stack has {part}; {nearest(key, known)}"


def source(define: Callable[[Stack], Any]) -> Place:
    """Return where a function of the service stands: `alerts/api.py:12 down`."""
    code = define.__code__
    file = Path(code.co_filename)
    return Place(f"{file.parent.name}/{file.name}", code.co_firstlineno, code.co_name)


def _a(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _imported(root: Path, name: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except SyntaxError as error:
        where = Path(error.filename or path)
        shown = where.relative_to(root) if where.is_relative_to(root) else where
        raise ContentError(f"{shown}, line {error.lineno or 1}: not Python: {error.msg}") from error
    except ValueError as error:
        before, null, _ = path.read_bytes().partition(b"\0")
        if null:  # a SyntaxError from Python 3.11.4 on
            line = before.count(b"\n") + 1
            raise ContentError(f"{path.relative_to(root)}, line {line}: not Python: {error}") from error
        _blame(root, path, error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a module raises while it is imported is about that module
        _blame(root, path, error)


def _blame(root: Path, path: Path, error: BaseException) -> NoReturn:
    """Raise ContentError with the last line of the service's own code in a traceback."""
    if isinstance(error, OSError) and not place(root, error):
        raise ContentError(f"{path.relative_to(root)}: can't be read: {error.strerror}") from error
    raise ContentError(f"{place(root, error) or path.relative_to(root)}: {reason(error)}") from error


def place(root: Path, error: BaseException) -> str:
    """Return where in the service's own code an exception began (`alerts/api.py:12 down`); nothing if it did not."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(root) and file.relative_to(root).parts[0] in ROOMS:
            function = "" if frame.name == "<module>" else f" {frame.name}"
            return f"{file.relative_to(root)}:{frame.lineno}{function}"
    return ""


def reason(error: BaseException) -> str:
    """Return what an exception says; its class too where nobody raised it to be read."""
    return str(error) if type(error).__module__.startswith(OURS) or type(error) is ValueError else _bare(error)


def _bare(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _grouped(root: Path) -> dict[str, tuple[Define, ...]]:
    grouped: dict[str, tuple[Define, ...]] = {}
    for module in _modules(root, ALERTS):
        stem = module.__name__.rpartition(".")[2].replace("_", "-")
        file = getattr(module, "GROUP", stem)
        listed = _tuple(module, "ALERTS", FunctionType)
        _refuse_unlisted(module, listed)
        grouped[file] = (*grouped.get(file, ()), *listed)
    return grouped


def _refuse_unlisted(module: ModuleType, listed: tuple[Define, ...]) -> None:
    """Raise ContentError for an alert that a module defines and forgets: nothing else would ever miss it."""
    for name, define in vars(module).items():
        if not isinstance(define, FunctionType) or define.__module__ != module.__name__ or define in listed:
            continue
        code, returns = define.__code__, define.__annotations__.get("return")
        if getattr(returns, "__name__", returns) == "Alert" and code.co_varnames[: code.co_argcount] == ("stack",):
            raise ContentError(f"{source(define)}: not in ALERTS, so no rule is made of it; add {name}, or remove it")


def _tuple(module: ModuleType, name: str, kind: Any) -> tuple[Any, ...]:
    values = getattr(module, name, None)
    if not isinstance(values, tuple) or not all(isinstance(value, kind) for value in values):
        raise ContentError(f"{_file(module)}: takes {name} = (...,), a tuple of {TAKES[name]}")
    return values


def _thresholds(root: Path) -> dict[Threshold, frozenset[str]]:
    """Return what the modules of alerts/ declare, with the files of those that do or import it."""
    found: dict[Threshold, frozenset[str]] = {}
    for module in _modules(root, ALERTS):
        for value in vars(module).values():
            if isinstance(value, Threshold):
                found[value] = found.get(value, frozenset()) | {_file(module)}
    keys = [threshold.name for threshold in found]
    for name in keys:
        if keys.count(name) > 1:
            raise ContentError(f"{ALERTS}/: two thresholds are called '{name}'; a key of stack.toml means one thing")
    return found


def _function(module: ModuleType, name: str) -> Callable[[Stack], Any]:
    found: Callable[[Stack], Any] | None = getattr(module, name, None)
    if not isinstance(found, FunctionType):
        raise ContentError(f"{_file(module)}: takes a function {name}(stack) that returns a Dashboard")
    return found


def _tiles(root: Path) -> dict[str, tuple[tuple[str, Define], ...]]:
    """Return what each module of dashboards/ shows on the Overview, by the title of the row."""
    found: dict[str, tuple[tuple[str, Define], ...]] = {}
    for module in _modules(root, DASHBOARDS):
        slug, rows = module.__name__.rpartition(".")[2], getattr(module, "OVERVIEW", {})
        if not isinstance(rows, dict) or not all(_are_functions(defines) for defines in rows.values()):
            raise ContentError(
                f'{_file(module)}: takes OVERVIEW = {{"Now": (...,)}}, functions that return a Panel, by row'
            )
        for row, defines in rows.items():
            found[row] = (*found.get(row, ()), *((slug, define) for define in defines))
    return found


def _are_functions(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, FunctionType) for one in value)


TAKES = {
    "SERIES": "every Metric that is read from this source",
    "ALERTS": "functions that take the stack and return an Alert",
}


def _file(module: ModuleType) -> str:
    return f"{module.__name__.replace('.', '/')}.py"
