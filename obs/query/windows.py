"""Where does a query look back, and how far?"""

import re
from collections.abc import Callable

from obs.query.variables import outside_strings

WINDOW = re.compile(r"(?<=\[)[0-9a-z: ]+(?=\])|(?<=\boffset )[0-9a-z]+")


def rewritten(expr: str, change: Callable[[str], str]) -> str:
    """Return PromQL with every range, step and offset put through ``change``; texts in quotes stay."""
    pieces = outside_strings(expr)
    return "".join(piece if index % 2 else _code(piece, change) for index, piece in enumerate(pieces))


def _code(piece: str, change: Callable[[str], str]) -> str:
    return WINDOW.sub(lambda found: ":".join(part and change(part) for part in found.group().split(":")), piece)
