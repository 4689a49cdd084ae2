"""What does a history in promtool's notation hold: how many samples, and are there any before a moment?"""

import re
from typing import Literal

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[Ii]nf|NaN)"
ITEM = re.compile(
    rf"(?:(?P<gap>_)|(?P<stale>stale)|(?P<number>{NUMBER})(?P<step>[-+](?:\d+\.?\d*(?:[eE][-+]?\d+)?))?)(?:x(?P<times>\d+))?"
)


class HistoryError(ValueError):
    """A text is no series of samples; the message names the part that is not."""


def first_sample(values: str) -> int | None:
    """
    Return the place of the first sample, 0 for the first, None where there is none; raise HistoryError.

    https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
    """
    place = 0
    first = None
    for item in values.split():
        found = ITEM.fullmatch(item)
        if not found or (found["step"] and not found["times"]) or (found["stale"] and found["times"]):
            raise HistoryError(f"'{item}' is no sample; write '0+10x20', '5x20', '_x3' or 'stale'")
        if found["number"] and first is None:
            first = place
        # `_x3` leaves out three samples; `5x3` repeats a sample three times more.
        place += int(found["times"] or 1) if found["gap"] else int(found["times"] or 0) + 1
    return first


def expand(values: str) -> list[float | Literal["stale"] | None]:
    """Return what stands at each place: a number, `stale`, or None for a gap; raise HistoryError."""
    found: list[float | Literal["stale"] | None] = []
    for item in values.split():
        part = ITEM.fullmatch(item)
        if not part:
            raise HistoryError(f"'{item}' is no sample; write '0+10x20', '5x20', '_x3' or 'stale'")
        times = int(part["times"] or 0)
        if part["gap"]:
            found += [None] * max(times, 1)
        elif part["stale"]:
            found.append("stale")
        else:
            start, step = float(part["number"]), float(part["step"] or 0)
            found += [start + step * place for place in range(times + 1)]
    return found
