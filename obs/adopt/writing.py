"""How is a dashboard written as Python that a person would write?"""

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from obs.adopt.hoisting import Named, hoisted
from obs.adopt.reading import Imported
from obs.boards import panels
from obs.boards.panels import Column, Link, Panel, Query, Step

IMPORTED = ("Column", "Link", "Panel", "Query", "at_least", "at_most", "none_at_all", "rated")
WIDTH = 120
INDENT = "    "
LAST = ("why", "like", "raw")
ROOM = 20  # characters of a text a line holds, however deep it stands


def module(imported: Imported) -> str:
    """Write a module of `dashboards/` that builds what was imported; settings that repeat are written once."""
    imported, constants = hoisted(imported)
    arguments = imported.arguments()
    apart = any(one.raw for members in imported.rows.values() for one in members)
    functions = _row_functions(imported) if apart else ""
    if apart:
        names = [f"row_{number}" for number in range(1, len(imported.rows) + 1)]
        arguments["rows"] = dict(zip(imported.rows, (Named(f"{name}()") for name in names), strict=True))
    call = _call("board", ["stack"], {name: _argument(name, value) for name, value in arguments.items()}, 1)
    used = [name for name in IMPORTED if re.search(rf"(?<!\.)\b{name}(?:\(|\])", call + functions)]
    shared = "".join(f"{name} = {value(one, 0, len(name) + 3)}\n" for name, one in map(_typed, constants))
    summary = f"{imported.title}: {imported.why}".replace("\\", "/").replace('"', "'")
    lines = [
        f'"""{textwrap.shorten(summary, WIDTH - 7, placeholder=" …")}"""\n',
        *(["from typing import Any\n"] if shared else []),
        *(["from obs.boards import panels"] if "panels." in call + functions else []),
        "from obs.boards.board import Dashboard, board",
        *([f"from obs.boards.panels import {', '.join(used)}"] if used else []),
        "from obs.stack import Stack",
        *(["", shared.rstrip()] if shared else []),
        f'\n\ndef dashboard(stack: Stack) -> Dashboard:\n{INDENT}"""Return the dashboard {_plain(imported.title)}."""',
        f"{INDENT}return {call}",
    ]
    return "\n".join(lines) + "\n" + functions


def _row_functions(imported: Imported) -> str:
    """Write a function for each row: panels in a board's call would stand half a line further to the right."""
    texts = []
    for number, (title, members) in enumerate(imported.rows.items(), 1):
        doc = f"Return the panels of the row {_plain(title)}." if title else "Return the panels above all rows."
        body = value(list(members), 1)
        texts.append(f'\n\ndef row_{number}() -> list[Panel]:\n{INDENT}"""{doc}"""\n{INDENT}return {body}\n')
    return "".join(texts)


def _typed(constant: tuple[str, Any]) -> tuple[str, Any]:
    name, one = constant
    return f"{name}: {'dict[str, Any]' if isinstance(one, dict) else 'list[Any]'}", one


def panel(one: Panel, depth: int = 0) -> str:
    """Write a panel with the word that says most of it, and only the arguments that word does not imply."""
    word, args, implied = _word(one)
    shape = {
        item.name: getattr(one, item.name)
        for item in fields(Panel)
        if getattr(one, item.name) != (getattr(implied, item.name) if implied else _default(item))
    }
    unit = {"unit": one.unit} if word in {"series", "number"} and one.unit else {}
    told = {"why": one.why, **unit, **shape}
    # What says most comes first; what it means and what no word says come last.
    ordered = {name: told[name] for name in sorted(told, key=LAST.__contains__) if told[name] != ""}
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
    found: tuple[str, list[Any], Panel | None] = "Panel", [], None
    match one.kind:
        case "timeseries":
            found = "series", [title, *queries], panels.series(title, *queries, why=why, unit=one.unit)
        case "stat" if len(queries) == 1:
            query = queries[0]
            bare = panels.number(title, query.expr, why=why, unit=one.unit)
            found = ("number", [title, query.expr], bare) if queries == bare.queries else found
        case "gauge" if len(queries) == 1:
            query = queries[0]
            bare = panels.dial(title, query.expr, why=why)
            found = ("dial", [title, query.expr], bare) if queries == bare.queries else found
        case "bargauge" | "piechart" if all(query.instant for query in queries):
            word = "bars" if one.kind == "bargauge" else "pie"
            found = word, [title, *queries], getattr(panels, word)(title, *queries, why=why)
        case "logs" if len(queries) == 1 and queries[0] == Query(queries[0].expr, source="loki"):
            found = "logs", [title, queries[0].expr], panels.logs(title, queries[0].expr, why=why)
        case "text":
            found = "note", [title, one.text], panels.note(title, one.text, why=why)
        case "table" if one.columns:
            found = "table", [title, dict(one.columns)], panels.table(title, one.columns, why=why)
        case "other":
            found = "other", [title, *queries], panels.other(title, *queries)
    return found


def _argument(name: str, item: Any) -> Any:
    return Steps(item) if name == "steps" else item


class Steps(tuple[Step, ...]):
    """Threshold steps, written with the word that makes them."""

    __slots__ = ()


def value(item: Any, depth: int, lead: int = 0) -> str:
    """Write any value as Python source; `lead` characters stand before it on its line, which `depth` indents."""
    written = repr(item)
    match item:
        case Panel():
            written = panel(item, depth)
        case Query() | Column() | Link():
            written = _record(item, depth)
        case Named():
            written = item.name
        case Steps():
            written = _steps(item) or value(tuple(item), depth, lead)
        case str():
            written = _text(item, depth, lead)
        case Mapping():
            pairs = [_pair(key, inner, depth + 1) for key, inner in item.items()]
            written = _bracketed("{", pairs, "}", depth, lead)
        case list():
            written = _bracketed("[", [value(inner, depth + 1) for inner in item], "]", depth, lead)
        case tuple():
            inner = [value(one, depth + 1) for one in item]
            single = len(inner) == 1 and "\n" not in inner[0]
            written = f"({inner[0]},)" if single else _bracketed("(", inner, ")", depth, lead)
    return written


def _pair(key: Any, inner: Any, depth: int) -> str:
    name = repr(key) if not isinstance(key, str) else _quoted(key)
    return f"{name}: {value(inner, depth, len(name) + 2)}"


def _record(item: Query | Column | Link, depth: int) -> str:
    """Write a record with its leading fields in place and the others by name, defaults left out."""
    args: list[str] = []
    named: dict[str, Any] = {}
    for one in fields(item):
        inner = getattr(item, one.name)
        if one.name == "steps" and inner:
            named["steps"] = Steps(inner)
        elif one.default is MISSING and one.default_factory is MISSING:
            args.append(value(inner, depth + 1))
        elif inner != _default(one):
            if one.name == "legend" or (one.name == "unit" and not named):
                args.append(value(inner, depth + 1))
            else:
                named[one.name] = inner
    return _call(type(item).__name__, args, named, depth)


def _steps(steps: Iterable[Step]) -> str:
    """Write steps with the word that makes them, "" where there is none."""
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
    return ""


def _call(name: str, args: list[str], named: Mapping[str, Any], depth: int) -> str:
    return _bracketed(
        f"{name}(",
        [*args, *(f"{key}={value(item, depth + 1, len(key) + 1)}" for key, item in named.items())],
        ")",
        depth,
    )


def _bracketed(opening: str, parts: list[str], closing: str, depth: int, lead: int = 30) -> str:
    """Write it on one line if it fits behind `lead` characters, else an item a line."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if "\n" not in line and len(INDENT) * depth + lead + len(line) < WIDTH:
        return line
    inner, outer = INDENT * (depth + 1), INDENT * depth
    return opening + "\n" + "".join(f"{inner}{part},\n" for part in parts) + outer + closing


def _text(text: str, depth: int, lead: int) -> str:
    """Write a text in double quotes where that escapes nothing, one too long in pieces that Python joins."""
    inner = INDENT * (depth + 1)
    if len(INDENT) * depth + lead + len(_quoted(text)) < WIDTH:
        return _quoted(text)
    room = max(WIDTH - len(inner) - 2, ROOM)
    pieces = re.findall(rf"(?s).{{1,{room}}}(?:\s|$)|.{{1,{room}}}", text)
    fitting = (part for piece in pieces for part in _halved(piece, room + 2))
    lines = "".join(f"{inner}{_quoted(piece)}\n" for piece in fitting)
    return f"(\n{lines}{INDENT * depth})"


def _halved(piece: str, room: int) -> list[str]:
    """Cut a piece until it fits as it is quoted."""
    if len(_quoted(piece)) <= room or len(piece) < 2:  # noqa: PLR2004 - one character cannot be cut
        return [piece]
    middle = len(piece) // 2
    return [*_halved(piece[:middle], room), *_halved(piece[middle:], room)]


def _quoted(text: str) -> str:
    """Write a text as the formatter does: in double quotes, unless it holds more of these than of single ones."""
    single = repr(f"\"'{text}")[4:-1]  # with both kinds in it, repr takes single quotes and escapes those alone
    if text.count('"') > text.count("'"):
        return f"'{single}'"
    return '"' + single.replace("\\'", "'").replace('"', '\\"') + '"'
