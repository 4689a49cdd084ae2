"""Which of the known names was meant by one that is unknown?"""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """
    Return "did you mean 'x'?" for the known name that is spelled most alike.

    Where none is near, return ``otherwise``, by default the known names.
    """
    there = list(known)
    close = difflib.get_close_matches(name, there, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"there is: {', '.join(there)}" if otherwise is None else otherwise
