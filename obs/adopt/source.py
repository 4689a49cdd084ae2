"""Where in the Python source does an argument of a panel stand, and how is it changed there and nowhere else?"""

import ast
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement in one file: the characters from `start` to `end` become `text`."""

    path: str
    start: int
    end: int
    text: str


class Source:
    """A Python file with its syntax tree, read once."""

    def __init__(self, path: str, text: str) -> None:
        """Parse the text; raise SyntaxError if it is no Python."""
        self.path = path
        self.text = text
        self._tree = ast.parse(text)
        self._lines = text.splitlines(keepends=True)

    def calls(self, title: str) -> list[ast.Call]:
        """Return the calls that are given this title, as first argument or by name."""
        return [node for node in ast.walk(self._tree) if isinstance(node, ast.Call) and title in _titles(node)]

    def call_of(self, function: str) -> ast.Call | None:
        """Return the first call of a function."""
        calls = (node for node in ast.walk(self._tree) if isinstance(node, ast.Call))
        return next((node for node in calls if ast.unparse(node.func).split(".")[-1] == function), None)

    def lists(self) -> Iterator[ast.List]:
        """Yield every list written out in the file."""
        yield from (node for node in ast.walk(self._tree) if isinstance(node, ast.List))

    def replaced(self, node: ast.expr, text: str) -> Edit:
        """Return the edit that writes something else in a node's place."""
        start, end = self.span(node)
        return Edit(self.path, start, end, text)

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Return where a node stands, in characters."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._offset(node.lineno, node.col_offset), self._offset(end_line, end_column)

    def keyword(self, call: ast.Call, name: str, value: Any) -> Edit | None:
        """Return the edit that gives a call this literal argument; None where its value is computed."""
        return self.argument(call, name, literal(value))

    def argument(self, call: ast.Call, name: str, text: str) -> Edit | None:
        """Return the edit that gives a call this argument, written as Python; None where its value is computed."""
        given = argument(call, name)
        return self.written(call, name, text) if given is None or _is_literal(given) else None

    def written(self, call: ast.Call, name: str, text: str) -> Edit:
        """Return the edit that gives a call this argument, whatever stood in its place."""
        given = argument(call, name)
        return self._added(call, name, text) if given is None else self.replaced(given, text)

    def depth(self, call: ast.Call) -> int:
        """Count the indents of the line on which a further argument of a call stands."""
        return self._indent(self._last(call)) // 4

    def without(self, listed: ast.List, element: ast.expr) -> Edit:
        """Return the edit that takes an element out of a list, with its comma."""
        place = next(place for place, one in enumerate(listed.elts) if one is element)
        start, end = self.span(element)
        if place + 1 < len(listed.elts):
            end = self.span(listed.elts[place + 1])[0]
        elif place:
            start = self.span(listed.elts[place - 1])[1]
        else:
            start, end = (at + step for at, step in zip(self.span(listed), (1, -1), strict=True))
        return Edit(self.path, start, end, "")

    def beside(self, element: ast.expr, text_at: Callable[[int], str], *, after: bool) -> Edit:
        """Return the edit that puts one more element into a list; its text is asked for by how deep it stands."""
        indent = self._indent(element)
        start, end = self.span(element)
        text = text_at(indent // 4)
        if after:
            return Edit(self.path, end, end, f",\n{' ' * indent}{text}")
        return Edit(self.path, start, start, f"{text},\n{' ' * indent}")

    def importing(self, module: str, names: Iterable[str]) -> Edit | None:
        """Return the edit that imports these names from a module too; None where all are, or nothing is."""
        found = (node for node in ast.walk(self._tree) if isinstance(node, ast.ImportFrom) and node.module == module)
        for node in found:
            there = {one.name for one in node.names}
            if not {*names} <= there and all(one.asname is None for one in node.names):
                ordered = sorted({*names} | there, key=lambda name: (not name.isupper(), name[0].islower(), name))
                first, last = node.names[0], node.names[-1]
                start = self._offset(first.lineno, first.col_offset)
                end = self._offset(last.end_lineno or last.lineno, last.end_col_offset or last.col_offset)
                between = ", " if first.lineno == last.lineno else f",\n{' ' * first.col_offset}"
                return Edit(self.path, start, end, between.join(ordered))
        return None

    def constant(self, within: ast.expr, old: Any, new: Any) -> Edit | None:
        """Return the edit of the one literal below a node that equals `old`; None for none or several."""
        found = [node for node in ast.walk(within) if isinstance(node, ast.Constant) and _equal(node.value, old)]
        return self.replaced(found[0], literal(new)) if len(found) == 1 else None

    def _added(self, call: ast.Call, name: str, text: str) -> Edit:
        last = self._last(call)
        between = f",\n{' ' * self._indent(last)}" if last.lineno != call.lineno else ", "
        end = self.span(last)[1]
        return Edit(self.path, end, end, f"{between}{name}={text}")

    def _last(self, call: ast.Call) -> ast.expr:
        return max([*call.args, *(one.value for one in call.keywords)], key=lambda node: self.span(node)[1])

    def _indent(self, node: ast.expr) -> int:
        """Count the blanks before the line on which a node ends, which its beginning shares where it is spread."""
        line = self._lines[(node.end_lineno or node.lineno) - 1]
        return len(line) - len(line.lstrip())

    def _offset(self, line: int, column: int) -> int:
        """Turn the syntax tree's line and UTF-8 column into characters from the start."""
        before = sum(map(len, self._lines[: line - 1]))
        return before + len(self._lines[line - 1].encode()[:column].decode())


def argument(call: ast.Call, name: str) -> ast.expr | None:
    """Return what a call is given by this name."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def literal(value: Any) -> str:
    """Write a value as Python, text in double quotes where that escapes nothing."""
    if isinstance(value, str) and '"' not in value and "\\" not in value and value.isprintable():
        return f'"{value}"'
    return repr(value)


def number_in_toml(path: str, text: str, key: str, old: float, new: float) -> Edit | None:
    """Return the edit of a number in a TOML file; None unless the key stands there exactly once with the old value."""
    number = r"[-+]?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?"
    given = re.finditer(rf"\b{re.escape(key)}\s*=\s*({number})(?![\w.:-])", text)
    found = [one for one in given if _equal(float(one[1]), old)]
    return Edit(path, found[0].start(1), found[0].end(1), repr(new)) if len(found) == 1 else None


def edited(texts: Mapping[str, str], edits: Iterable[Edit]) -> dict[str, str]:
    """Return the files with their edits made, each edit once."""
    after = dict(texts)
    for edit in sorted(set(edits), key=lambda one: (one.start, one.end), reverse=True):
        text = after[edit.path]
        after[edit.path] = text[: edit.start] + edit.text + text[edit.end :]
    return after


def replayed(before: str, after: str, onto: str) -> str:
    """Return a text with the change from `before` to `after` made to it, as far as its lines are still the same."""
    if before in (onto, after):
        return after if before == onto else onto
    old, new, lines = (text.splitlines(keepends=True) for text in (before, after, onto))
    where = dict(_anchors(old, lines))
    for tag, start, end, new_start, new_end in reversed(difflib.SequenceMatcher(None, old, new, False).get_opcodes()):
        at = where.get(start)
        if tag != "equal" and at is not None and lines[at : at + end - start] == old[start:end]:
            lines[at : at + end - start] = new[new_start:new_end]
    return "".join(lines)


def _anchors(old: list[str], lines: list[str]) -> Iterator[tuple[int, int]]:
    """Pair the places of two texts that correspond, the end with the end."""
    for start, at, size in difflib.SequenceMatcher(None, old, lines, False).get_matching_blocks():
        yield from ((start + step, at + step) for step in range(size + 1))


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the change of some files as a patch that `git apply` takes."""
    lines: list[str] = []
    for path, text in before.items():
        old, new = text.splitlines(keepends=True), after[path].splitlines(keepends=True)
        lines += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def read(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Read files below a root by their path from there."""
    return {path: (root / path).read_text(encoding="utf-8") for path in paths}


def _titles(call: ast.Call) -> list[Any]:
    named = [one.value for one in call.keywords if one.arg == "title"]
    return [node.value for node in (*call.args[:1], *named) if isinstance(node, ast.Constant)]


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _equal(one: Any, other: Any) -> bool:
    return type(one) is not bool and type(other) is not bool and bool(one == other)
