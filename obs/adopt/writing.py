"""How is a dashboard written as Python that a person would write?"""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from obs.adopt.reading import Imported
from obs.boards import panels
from obs.boards.panels import Column, Link, Panel, Query, Step

IMPORTED = ("Column", "Link", "Query", "at_least", "at_most", "none_at_all", "rated")
WIDTH = 120
INDENT = "    "
ROOM = 20  # characters of a line left for a keyword, quotes and a comma beside a text


def module(imported: Imported) -> str:
    """Write a module of `dashboards/` that builds what was imported."""
    call = _call("board", ["stack"], {name: _argument(name, value) for name, value in imported.arguments().items()}, 1)
    used = [name for name in IMPORTED if re.search(rf"(?<!\.)\b{name}\(", call)]
    names = f"\nfrom obs.boards.panels import {', '.join(used)}" if used else ""
    words = "from obs.boards import panels\n" if "panels." in call else ""
    summary = f"{imported.title}: {imported.why}".replace("\\", "/").replace('"', "'")
    summary = textwrap.shorten(summary, WIDTH - 7, placeholder=" …")
    return (
        f'"""{summary}"""\n\n{words}from obs.boards.board import Dashboard, board{names}\n'
        "from obs.stack import Stack\n\n\n"
        f'def dashboard(stack: Stack) -> Dashboard:\n{INDENT}"""Return the dashboard {_plain(imported.title)}."""\n'
        f"{INDENT}return {call}\n"
    )


def panel(one: Panel, depth: int = 0) -> str:
    """Write a panel with the word that says most of it, and only the arguments that word does not imply."""
    word, args, implied = _word(one)
    shape = {
        item.name: getattr(one, item.name)
        for item in fields(Panel)
        if getattr(one, item.name) != (getattr(implied, item.name) if implied else _default(item))
    }
    unit = {"unit": one.unit} if word in {"series", "number"} and one.unit else {}
    instant = {"instant": True} if word == "number" and one.queries[0].instant else {}
    told = {"why": one.why, **unit, **instant, **shape}
    ordered = {name: told[name] for name in sorted(told, key=lambda name: (name == "why", 0))}
    return _call(
        f"panels.{word}",
        [value(arg, depth + 1) for arg in args],
        {name: _argument(name, item) for name, item in ordered.items()},
        depth,
    )


def _plain(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def _default(item: Any) -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _word(one: Panel) -> tuple[str, list[Any], Panel | None]:
    """Choose the word, its positional arguments, and the panel it makes of them alone."""
    why, title, queries = one.why, one.title, one.queries
    if one.kind == "timeseries":
        return "series", [title, *queries], panels.series(title, *queries, why=why, unit=one.unit)
    if one.kind == "stat" and len(queries) == 1:
        query = queries[0]
        bare = panels.number(title, query.expr, why=why, unit=one.unit, instant=query.instant)
        if queries == bare.queries:
            return "number", [title, query.expr], bare
    if one.kind == "logs" and len(queries) == 1 and queries[0] == Query(queries[0].expr, source="loki"):
        return "logs", [title, queries[0].expr], panels.logs(title, queries[0].expr, why=why)
    if one.kind == "text":
        return "note", [title, one.text], panels.note(title, one.text, why=why)
    if one.kind == "table" and one.columns:
        return "table", [title, dict(one.columns)], panels.table(title, one.columns, why=why)
    return "Panel", [], None


def _argument(name: str, item: Any) -> Any:
    return Steps(item) if name == "steps" else item


class Steps(tuple[Step, ...]):
    """Threshold steps, written with the word that makes them."""

    __slots__ = ()


def value(item: Any, depth: int) -> str:
    """Write any argument as Python source; lines after the first are indented for `depth`."""
    written = repr(item)
    match item:
        case Panel():
            written = panel(item, depth)
        case Query() | Column() | Link():
            written = _record(item, depth)
        case Steps():
            written = _steps(item)
        case str():
            written = _text(item, depth)
        case Mapping():
            pairs = [f"{value(key, depth)}: {value(inner, depth + 1)}" for key, inner in item.items()]
            written = _bracketed("{", pairs, "}", depth)
        case list():
            written = _bracketed("[", [value(inner, depth + 1) for inner in item], "]", depth)
        case tuple():
            inner = [value(one, depth + 1) for one in item]
            single = len(inner) == 1 and "\n" not in inner[0]
            written = f"({inner[0]},)" if single else _bracketed("(", inner, ")", depth)
    return written


def _record(item: Query | Column | Link, depth: int) -> str:
    """Write a record with its leading fields in place and the others by name, defaults left out."""
    args: list[str] = []
    named: dict[str, Any] = {}
    for one in fields(item):
        inner = getattr(item, one.name)
        if one.name == "steps" and inner:
            named["steps"] = Steps(inner)
        elif one.default is MISSING:
            args.append(value(inner, depth + 1))
        elif inner != one.default:
            if one.name == "legend" or (one.name == "unit" and not named):
                args.append(value(inner, depth + 1))
            else:
                named[one.name] = inner
    return _call(type(item).__name__, args, named, depth)


def _steps(steps: Iterable[Step]) -> str:
    found = tuple(steps)
    limits = [limit for limit, _ in found if limit is not None]
    attempts = [("none_at_all", ()), ("at_most", limits[:1]), ("at_least", limits), ("rated", limits)]
    for word, numbers in attempts:
        try:
            made = getattr(panels, word)(*numbers)
        except TypeError:
            continue
        if made == found:
            return f"{word}({', '.join(map(repr, numbers))})"
    return repr(found)


def _call(name: str, args: list[str], named: Mapping[str, Any], depth: int) -> str:
    return _bracketed(
        f"{name}(", [*args, *(f"{key}={value(item, depth + 1)}" for key, item in named.items())], ")", depth
    )


def _bracketed(opening: str, parts: list[str], closing: str, depth: int) -> str:
    """Write it on one line if it fits, else an item a line."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if "\n" not in line and len(INDENT) * depth + len(line) < WIDTH - 30:
        return line
    inner, outer = INDENT * (depth + 1), INDENT * depth
    return opening + "\n" + "".join(f"{inner}{part},\n" for part in parts) + outer + closing


def _text(text: str, depth: int) -> str:
    """Write a text in double quotes where that escapes nothing, a long one in pieces that Python joins."""
    inner = INDENT * (depth + 1)
    room = max(WIDTH - len(inner) - ROOM, ROOM)
    if len(text) <= room:
        return _quoted(text)
    pieces = re.findall(rf"(?s).{{1,{room}}}(?:\s|$)|.{{1,{room}}}", text)
    lines = "".join(f"{inner}{_quoted(piece)}\n" for piece in pieces)
    return f"(\n{lines}{INDENT * depth})"


def _quoted(text: str) -> str:
    doubled = json.dumps(text, ensure_ascii=False)
    return repr(text) if doubled.count("\\") > repr(text).count("\\") or not text.isprintable() else doubled
