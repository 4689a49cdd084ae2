"""Is there what compose files, stack.toml and runbooks name: files, hosts, services, panels, pages, targets?"""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from obs.boards.model import panels
from obs.nearest import nearest
from obs.place import Place
from obs.proofs import compose
from obs.proofs.checks.check import Check
from obs.proofs.checks.links import anchors
from obs.proofs.compose import services
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<address>[^)\s]+)\)")
PANEL = re.compile(r"(?:panels?\s+\*(?P<after>[^*\n]+)\*)|(?:\*(?P<before>[^*\n]+)\*\s+panel\b)")
COMPOSE = re.compile(r"\bdocker compose (?P<verb>exec|logs|ps|restart|run|start|stop|up)\b(?P<rest>[^`\n|&;,]*)")
MAKE = re.compile(r"(?:`|^)make (?P<target>[a-z][\w-]*)", re.MULTILINE)
TARGET = re.compile(r"^(?P<name>[a-z][\w-]*):", re.MULTILINE)
VALUED = frozenset(
    {"--tail", "-n", "--since", "--until", "-u", "--user", "-e", "--env", "-w", "--workdir", "--scale", "-t"}
)
"""Options of `docker compose` that are followed by a value."""


def mounts(evidence: Evidence) -> Iterator[Fault]:
    """Find files that a compose file mounts and that are not there."""
    for path, name, service in services(evidence.root):
        for source in _mounted(service):
            if not (evidence.root / source).exists():
                where, instead = Place(path.name, item=f"service '{name}'"), _close(source, _beside(evidence, source))
                yield Fault(where, f"it mounts {source}, which is not there", instead)


def hosts(evidence: Evidence) -> Iterator[Fault]:
    """Find hosts of stack.toml that no compose file starts."""
    known = compose.hosts(evidence.root)
    for name, host in _asked(evidence):
        if known and host != "localhost" and "." not in host and host not in known:
            yield Fault(Place("stack.toml", item=name), f"no service is called '{host}'", _close(host, known))


def unresolved(evidence: Evidence) -> Iterator[Fault]:
    """Find what runbooks name and what is not there."""
    started = {name for _, name, _ in services(evidence.root)}
    elsewhere = compose.elsewhere(evidence.root, evidence.built.stack)
    makefile = evidence.root / "Makefile"
    targets = set(TARGET.findall(makefile.read_text(encoding="utf-8"))) if makefile.exists() else set()
    # A panel that the stack leaves out with its part is not misspelt.
    boards = (*evidence.built.dashboards, *evidence.left_out.built.dashboards)
    titles = {str(panel.get("title")) for board in boards for panel in panels(board.model)}
    for path, text in evidence.pages.items():
        for position, what, instead in (
            *_links(evidence, path, text),
            *_named(PANEL, text, titles, "there is no panel"),
            *(_named(MAKE, text, targets, "the Makefile has no target") if targets else ()),
            *(_services(text, started, elsewhere) if started else ()),
        ):
            yield Fault(Place(path, text.count("\n", 0, position) + 1), what, instead)


def _mounted(service: dict[str, Any]) -> Iterator[str]:
    """Yield what a service mounts from the checkout."""
    for volume in service.get("volumes") or ():
        source = volume.get("source", "") if isinstance(volume, dict) else str(volume).partition(":")[0]
        if source.startswith("./") and "$" not in source:
            yield source.removeprefix("./")


def _beside(evidence: Evidence, source: str) -> list[str]:
    folder = evidence.root / PurePosixPath(source).parent
    return [str(one.relative_to(evidence.root)) for one in folder.iterdir()] if folder.is_dir() else []


def _asked(evidence: Evidence) -> Iterator[tuple[str, str]]:
    stack = evidence.built.stack
    for role, target in stack.targets.items():
        for address in target.addresses or ((target.address,) if not target.discovered else ()):
            yield f"targets.{role}", address.rpartition(":")[0]
    for kind, source in stack.datasources.items():
        yield f"datasources.{kind}", urlsplit(source.url).hostname or "localhost"


def _links(evidence: Evidence, path: str, text: str) -> Iterator[tuple[int, str, str]]:
    for found in LINK.finditer(text):
        address, _, anchor = found["address"].partition("#")
        if "://" in found["address"] or found["address"].startswith(("mailto:", "/")):
            continue
        file = evidence.root / PurePosixPath(path).parent / address if address else evidence.root / path
        if not file.exists():
            yield (
                found.start(),
                f"it links to {address}, which is not there",
                _close(address, _names(file.parent)),
            )
        elif anchor and file.suffix == ".md":
            known = anchors(file.read_text(encoding="utf-8"))
            if anchor not in known:
                yield (
                    found.start(),
                    f"{address or 'the page'} has no section '#{anchor}'",
                    _close(anchor, known),
                )


def _names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()] if folder.is_dir() else []


def _named(pattern: re.Pattern[str], text: str, known: Iterable[str], what: str) -> Iterator[tuple[int, str, str]]:
    for found in pattern.finditer(text):
        name = next(filter(None, found.groups()))
        if name not in known:
            yield found.start(), f"{what} '{name}'", _close(name, known)


def _services(text: str, started: set[str], elsewhere: set[str]) -> Iterator[tuple[int, str, str]]:
    """Yield names that no compose file has; where the service runs elsewhere, those that are nearly one of ours."""
    known = started | elsewhere
    for found in COMPOSE.finditer(text):
        name = _service(found["rest"])
        if re.fullmatch(r"[a-z][\w-]*", name) and name not in known and (not elsewhere or nearest(name, known, "")):
            yield found.start(), f"no service is called '{name}'", _close(name, known)


def _service(rest: str) -> str:
    """Return the first word of a command that is neither an option nor the value of one."""
    try:
        words = iter(shlex.split(rest))
    except ValueError:
        return ""
    for word in words:
        if word in VALUED:
            next(words, "")
        elif not word.startswith("-"):
            return word
    return ""


def _close(name: str, known: Iterable[str]) -> str:
    return nearest(name, known, "take one that is there")


CHECKS = (
    Check(
        "compose/mount",
        "what compose files mount is there",
        mounts,
        why="Docker makes an empty folder of what it does not find: the program starts without its rules.",
        fails=('services:\n  prometheus:\n    volumes: ["./infra/observability/promethius:/etc/prometheus:ro"]'),
        remedy="Mount a path of the checkout.",
        language="yaml",
        whole=True,
    ),
    Check(
        "compose/host",
        "the hosts of stack.toml are services of the compose files",
        hosts,
        why="A target at a host that nothing starts is down for ever, and a data source there answers nothing.",
        fails='redis = { job = "redis", address = "redis-exporterr:9121" }',
        remedy="Take the name of a service; a host elsewhere has a dot in its name.",
        language="toml",
        whole=True,
    ),
    Check(
        "runbook/reference",
        "runbooks name pages, sections, panels, services and make targets that are there",
        unresolved,
        why="A command or a link that fails costs minutes when there are none.",
        fails="See the *Memry* panel, and `docker compose logs reddis`.",
        remedy="Write the name as it stands in the dashboard, the compose file or the Makefile.",
        language="markdown",
        whole=True,
    ),
)
