"""Which of the known names was meant by one that is unknown?"""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return "did you mean 'x'?" for the known name that is spelled most alike, ``otherwise`` where none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{close[0]}'?" if close else otherwise
