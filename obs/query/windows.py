"""Where does a query look back, and how far?"""

import re
from collections.abc import Callable
from typing import Any

from obs.query import expr
from obs.query.variables import outside_strings

WINDOW = re.compile(r"(?<=\[)[0-9a-z: ]+(?=\])|(?<=\boffset )[0-9a-z]+")


def rewritten(text: str, change: Callable[[str], str]) -> str:
    """Return PromQL with every range, step and offset put through ``change``; texts in quotes stay."""
    pieces = outside_strings(text)
    return "".join(piece if index % 2 else _code(piece, change) for index, piece in enumerate(pieces))


def _code(piece: str, change: Callable[[str], str]) -> str:
    return WINDOW.sub(lambda found: ":".join(part and change(part) for part in found.group().split(":")), piece)


def reach(text: str) -> float:
    """Return how many seconds before an evaluation a sample may lie and still count, the lookback aside."""
    return _reach(expr.parse(text).tree)


def _reach(node: Any) -> float:
    own = sum(span.total_seconds() for name in ("range", "offset") if (span := getattr(node, name, None)))
    return float(own) + max(map(_reach, expr.children(node)), default=0.0)
