"""Which template does a path fit (`/v1/users/{id}`), and which path was asked for below a prefix?"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_WILDCARDS = {"path": ".*", "end": ""}
_PARAMETER = re.compile(r"{[^{}:]+(?::([^{}]*))?}")
_RULE_PARAMETER = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")


def rule_template(rule: str) -> str:
    """Return a rule as werkzeug and Django write it as a template: `/users/<int:id>` is `/users/{id}`."""
    return _RULE_PARAMETER.sub(r"{\1}", rule)


def path_below(scope: Mapping[str, Any], *, handled: bool = False) -> str:
    """
    Return the path below the prefix that a proxy, the server or a mount adds, the prefix ending where a segment does.

    Once Starlette has ``handled`` a scope, `root_path` names the mounts inside the application too.
    """
    path: str = scope["path"]
    root = scope.get("root_path") or ""
    if not root and not handled:
        return path
    prefix: str = scope.get("app_root_path", root) if handled else root
    rest = path.removeprefix(prefix.rstrip("/"))
    return rest if rest.startswith("/") else path


class Template:
    """
    What paths of one shape look like: `{name}` is one or more characters of a segment, `{name:path}` any characters.

    The time to compare grows with the path and not faster, whatever the template.
    """

    def __init__(self, text: str) -> None:
        parts = _PARAMETER.split(text)
        self._literals, self._kinds = parts[::2], parts[1::2]
        whole_segments = all(
            before.endswith("/") and (not after or after.startswith("/"))
            for before, after in zip(self._literals, self._literals[1:], strict=False)
        )
        self._pattern = self._regex() if whole_segments and self._kinds.count("path") <= 1 else None

    def fits(self, path: str) -> bool:
        """Say whether a path fits."""
        return self._fits_slowly(path) if self._pattern is None else self._pattern.fullmatch(path) is not None

    def _regex(self) -> re.Pattern[str]:
        pairs = zip(self._literals, [*self._kinds, "end"], strict=True)
        return re.compile(
            "".join(re.escape(literal) + _WILDCARDS.get(kind, "[^/]+") for literal, kind in pairs), re.DOTALL
        )

    def _fits_slowly(self, path: str) -> bool:
        """
        Compare without going back: a regex with several parameters in one segment tries every way to divide it.

        Bit n of ``reached`` says that the template up to here can end before character n of the path.
        """
        inner = int("0" + re.sub("[^/]", "1", path[::-1]).replace("/", "0"), 2)  # the characters that are no slash
        reached = 1
        for literal, kind in zip(self._literals, [*self._kinds, "end"], strict=True):
            reached = (reached & _places(literal, path)) << len(literal)
            if kind == "path":
                reached = (2 << len(path)) - (reached & -reached) if reached else 0
            elif kind != "end":
                starts = reached & inner
                # The sum carries from the first start in a segment to the segment's end.
                reached = ((((starts + inner) ^ inner) | starts) & inner) << 1
        return bool(reached >> len(path) & 1)


class Paths:
    """What fits one of several templates: `path in paths`."""

    def __init__(self, templates: Iterable[str]) -> None:
        every = tuple(templates)
        self._plain = frozenset(text for text in every if "{" not in text)
        self._templates = tuple(Template(text) for text in every if "{" in text)

    def __contains__(self, path: object) -> bool:
        if path in self._plain:
            return True
        return bool(self._templates) and any(template.fits(str(path)) for template in self._templates)


def _places(literal: str, path: str) -> int:
    """Return where a literal stands in a path, a bit for each place."""
    found = re.finditer(f"(?={re.escape(literal)})", path)
    bits = bytearray(len(path) // 8 + 1)
    for one in found:
        bits[one.start() // 8] |= 1 << one.start() % 8
    return int.from_bytes(bits, "little")
