"""What does a service's own repository begin with? The content of the parts it has, and nothing of the others."""

import ast
import contextlib
import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import obs
from obs import content, stack
from obs.adopt.beginning import FILES
from obs.adopt.recognising import toml
from obs.alerting import rules
from obs.content import ROOMS, Content
from obs.nearest import nearest
from obs.proofs import questions
from obs.stack import AbsentError, Stack, names
from obs.stack.settings import EXPOSED, NAME, Names, matches
from watchkeeper.contract.metrics import CONTRACT, REQUEST_DURATION

PARTS = ("api", *EXPOSED, "redis", "mongodb", "logs", "traces")
"""What a service may have; the API it has."""

TABLES = {"logs": ("loki", "otelcol", "promtail", "logs"), "traces": ("jaeger", "traces")}
"""What stack.toml calls the parts that have another name there."""

REFERENCE = "rce-api"
"""The service whose content is packed; a new one takes its place."""

ELSEWHERE = "host.docker.internal:4000"
"""Where the containers of the stack find an API that runs on this machine."""

PAGES = Path("docs/operations")
LISTED = re.compile(r"^(?P<name>OF_[A-Z_]+) = (?P<names>\(.*\))$", re.MULTILINE)
SERIES = re.compile(r"^'(\w+)[{']", re.MULTILINE)
ROLE = re.compile(r"^([\w-]+) = ", re.MULTILINE)
SERVICES = {metric.name for metric in CONTRACT}
"""The series of the service itself."""

QUERY = re.compile(r"^```promql\n(?P<text>.*?)^```\n\n?", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"[a-zA-Z_:][\w:]*")
KEY = re.compile(r"^(?P<key>[A-Za-z_]\w*)\s*=")
TABLE = re.compile(r"^\[(?P<table>[\w.]+)\]")


class StartError(ValueError):
    """A repository can't be begun so; the message says what was asked for, and what can be."""


def repository(name: str, parts: Collection[str], called: Names | None = None) -> dict[str, str]:
    """
    Return the files of a service's repository, path to text.

    ``name`` is the service's, a DNS label; ``parts`` are those of PARTS that it has; ``called`` is what it calls the
    standard series, where it has names of its own. Raises StartError.
    """
    if not matches(NAME, name):
        takes = "a lower-case name of at most 24 letters, digits and dashes, which begins with a letter"
        raise StartError(f"service.name = {name!r}, after the folder: takes {takes}, and does not end with a dash")
    for part in parts:
        if part not in PARTS:
            instead = nearest(part, PARTS, f"there is: {', '.join(PARTS)}")
            raise StartError(f"there is no part '{part}'; {instead}")
    with contextlib.chdir(packed()):
        return _repository(name, {"api", *parts}, called)


def packed() -> Path:
    """Return the folder with the content to begin with: packed in the wheel, or this checkout."""
    package = Path(obs.__file__).parent
    inside = package / "starter"
    return inside if inside.is_dir() else package.parent


def _repository(name: str, parts: set[str], called: Names | None) -> dict[str, str]:
    found = content.here()
    settings = _settings(Path("stack.toml").read_text(encoding="utf-8"), parts)
    settings = _spoken(settings, called) if called else settings
    lacking = stack.loads(settings)
    modules = _modules(found, lacking)
    used = {limit.name for limit, files in found.thresholds.items() if files & modules}
    # What explains a setting stays in its column.
    settings = settings.replace(f'"{REFERENCE}" ', f'"{name}"'.ljust(len(REFERENCE) + 2) + " ")
    settings = _without(settings, lambda table, key: table == "thresholds" and bool(key) and key not in used)
    groups = {module for module in found.alerts if f"alerts/{module.replace('-', '_')}.py" in modules}
    python = {path: _with_groups(text, groups) for path, text in _read(modules).items()}
    there = {metric.name for metric in (*found.of(lacking).own, *found.of(lacking).exporters)}
    absent = [role for role in lacking.targets.KNOWN if not lacking.targets.has(role)]
    played = {path: _with_series(text, there, absent) for path, text in _read(_incidents(modules)).items()}
    texts = {"stack.toml": settings, **python, **dict(_pages(found, lacking)), **played}
    renamed = {path: text.replace(REFERENCE, name) for path, text in texts.items()}
    beginning = {path: text.replace("NAME", name).replace("VERSION", obs.__version__) for path, text in FILES.items()}
    return renamed | beginning


def _settings(text: str, parts: set[str]) -> str:
    """Return stack.toml without what is about other parts."""
    absent = {word for part in PARTS if part not in parts for word in TABLES.get(part, (part,))}
    kept = _without(text, lambda table, key: (key if table in {"targets", "datasources"} else table) in absent)
    exposes = ", ".join(f'"{part}"' for part in EXPOSED if part in parts)
    address = tomllib.loads(text)["targets"]["api"]["address"]
    return re.sub(
        rf'^(api = {{.*?)address = "{address}"(.*?) }}$',
        rf'\1address = "{ELSEWHERE}"\2, exposes = [{exposes}] }}',
        kept,
        count=1,
        flags=re.MULTILINE,
    )


def _spoken(settings: str, called: Names) -> str:
    """Return stack.toml for a service with names of its own; what is promised sits on an edge that it has."""
    promised = tomllib.loads(settings)["slo"]["latency"]["threshold_seconds"]
    edges = names.merged(called).buckets.get(REQUEST_DURATION.name, REQUEST_DURATION.buckets)
    edge = min(edges, key=lambda one: abs(one - promised))
    lines = (
        line.replace(f"{promised:g}", f"{edge:g}") if line.startswith("latency = ") else line
        for line in re.sub(', path = "[^"]*"', "", settings).splitlines()
    )
    return "\n".join([*lines, "", toml(called)])


def _without(text: str, leaves: Callable[[str, str], bool]) -> str:
    """Return the lines of a TOML file but those that ``leaves(table, key)`` names; the key of other lines is empty."""
    kept, table = [], ""
    for line in text.splitlines():
        heading, assigned = TABLE.match(line), KEY.match(line)
        table = heading["table"] if heading else table
        if not leaves(table, assigned["key"] if assigned else ""):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _modules(found: Content, lacking: Stack) -> set[str]:
    """Return the modules that make something of the stack, and those that they import."""
    defines = (*(one for each in found.alerts.values() for one in each), *found.dashboards.values())
    there = {content.source(define).file for define in defines if _makes(define, lacking)}
    there |= {f"metrics/{name}.py" for name in found.of(lacking).metrics if name != content.OWN}
    there |= {f"{room}/__init__.py" for room in ROOMS}
    waiting = list(there)
    while waiting:
        more = set(_imported(waiting.pop())) - there
        there |= more
        waiting += more
    return there


def _makes(define: content.Define, lacking: Stack) -> bool:
    try:
        content.ask(define, lacking, object)
    except AbsentError:
        return False
    return True


def _imported(path: str) -> Iterator[str]:
    """Yield the modules of the service's own that a module imports."""
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in ROOMS:
            names = [node.module] if "." in node.module else [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (f"{name.replace('.', '/')}.py" for name in names)


def _with_series(text: str, there: set[str], absent: Collection[str]) -> str:
    """
    Leave series that are not ``there`` out of a file of the drill.

    What happens to an exporter's series, or to a target of ``absent``, goes as a whole; so does what is left with none.
    """
    head, *incidents = re.split(r"^(?=\[\[incident\]\])", text, flags=re.MULTILINE)
    kept = [_lines(head, there, absent)]
    for incident in incidents:
        targets = set(ROLE.findall(incident.partition("[incident.target]")[2].partition("[incident")[0]))
        left, theirs = _lines(incident, there, absent), set(SERIES.findall(incident)) - there - SERVICES
        if not theirs and not targets & set(absent) and (targets or SERIES.search(left)):
            kept.append(left)
    return re.sub(r"\n{3,}", "\n\n", "".join(kept)).rstrip("\n") + "\n"


def _lines(text: str, there: set[str], absent: Collection[str]) -> str:
    """Return a text without the lines of series that are not there, or that tell of a target that is absent."""
    kept = (
        line
        for line in text.splitlines(keepends=True)
        if not (name := SERIES.match(line)) or (name[1] in there and not any(f'="{role}"' in line for role in absent))
    )
    return "".join(kept)


def _with_groups(text: str, there: set[str]) -> str:
    """Leave rule files that are not there out of a list of them, such as that of what an alert silences."""

    def left(line: re.Match[str]) -> str:
        names = ast.literal_eval(line["names"])
        kept = json.dumps([name for name in names if name in there])
        return f"{line['name']} = ({kept[1:-1]})"

    return LISTED.sub(left, text)


def _read(paths: Iterable[str]) -> dict[str, str]:
    return {path: Path(path).read_text(encoding="utf-8") for path in sorted(paths)}


def _pages(found: Content, lacking: Stack) -> Iterator[tuple[str, str]]:
    """Yield the pages of docs/operations, without the runbooks and sections of alerts that are left out."""
    everything = stack.whole(lacking, sorted(set(found.metrics) - {content.OWN}))
    told = [alert for group in rules.groups(everything) for alert in group.alerts]
    left = {alert.name for group in rules.groups(lacking) for alert in group.alerts}
    runbooks = {alert.runbook for alert in told}
    needed = {alert.runbook for alert in told if alert.name in left}
    gone = {alert.name for alert in told} - left
    for path in sorted(PAGES.glob("*.md")):
        if path.name in needed or path.name not in runbooks:
            text = questions.SECTION.sub(
                lambda section: "" if section["title"] in gone else section[0], path.read_text(encoding="utf-8")
            )
            yield str(path), QUERY.sub(lambda query: _asked(query, lacking), text).rstrip("\n") + "\n"


def _asked(query: re.Match[str], lacking: Stack) -> str:
    """Return a query of a runbook in the names of the service; nothing where it asks for a series without one."""
    called = names.spoken(lacking)
    if called.absent & set(WORD.findall(query["text"])):
        return ""
    theirs = {name: real.name for name, real in called.metrics.items()}
    theirs |= {ours.name: real.name for ours, real in called.labels.items()}
    return WORD.sub(lambda word: theirs.get(word[0], word[0]), query[0])


def _incidents(modules: set[str]) -> list[str]:
    """Return the drill's files: those of parts that are not there are left out."""
    parts = {Path(module).stem for module in modules}
    known = {path.stem for room in ROOMS for path in Path(room).glob("*.py")}
    return [str(path) for path in Path("alerts/drill").glob("*.toml") if path.stem in parts or path.stem not in known]
