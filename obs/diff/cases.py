"""Which cases, the histories that prove an alert, came, went or changed?"""

import ast
from collections.abc import Iterator, Mapping

from obs.diff.change import ObjectChange, Sentence, one_sided, presence

VERDICTS = frozenset({"fires", "pages", "tickets", "silent", "clears"})
Cases = dict[str, dict[str, str]]


def diff_cases(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[ObjectChange]:
    """Yield one change for each Python file whose alerts have other cases; files are path to bytes.

    Read from the syntax tree, never run: an alert counts where its name and the name of a case are written out.
    """
    for path in sorted({*old, *new}):
        before, after = (_cases(side.get(path, b"")) for side in (old, new))
        sentences = tuple(_sentences(before, after))
        if sentences:
            yield ObjectChange("cases", path, path, "update", sentences)


def _sentences(old: Cases, new: Cases) -> Iterator[Sentence]:
    for alert in dict.fromkeys((*new, *old)):
        before, after = old.get(alert), new.get(alert)
        if not (before or after):
            continue  # a function of its module makes the cases: nothing is written out to compare
        if not (before and after):
            text = f"{len(after or before or {})} cases {presence(before or None)}"
            yield one_sided(alert, text, "case", before, after, path=(alert,))
            continue
        for name in dict.fromkeys((*after, *before)):
            was, is_now = before.get(name), after.get(name)
            if was is None or is_now is None:
                yield one_sided(alert, f'case "{name}" {presence(was)}', "case", was, is_now, path=(alert, name))
            elif was != is_now:
                yield Sentence(alert, f'case "{name}" changed', "case", old=was, new=is_now, path=(alert, name))


def _cases(source: bytes) -> Cases:
    """Return alert -> case -> its source without layout; nothing for text that is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    alerts = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == "Alert")
    return {name: dict(_named(call)) for call in alerts if (name := _text(_keyword(call, "name")))}


def _named(alert: ast.Call) -> Iterator[tuple[str, str]]:
    cases = _keyword(alert, "cases")
    for node in ast.walk(cases) if cases else ():
        if isinstance(node, ast.Call) and _called(node) in VERDICTS and node.args and (name := _text(node.args[0])):
            yield name, ast.unparse(node)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
