"""How is a file of TOML read, so that what its writer can't see is told in words?"""

import tomllib
from typing import Any

MARK = "\ufeff"
"""What some editors write before the text; TOML 1.0 has no place for it, and no editor shows it."""


def parse(text: str) -> dict[str, Any]:
    """Return what a text of TOML says; raise tomllib.TOMLDecodeError."""
    if text.startswith(MARK):
        raise tomllib.TOMLDecodeError("begins with a byte order mark; save it as UTF-8 without one (at line 1)")
    return tomllib.loads(text)
