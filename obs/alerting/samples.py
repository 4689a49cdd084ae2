"""What does a history in promtool's notation hold: its samples one by one, and off the grid?"""

import re
from typing import Literal

PARTS = 12
"""Into how many parts the time between two samples is cut, so that a sample can lie beside an evaluation."""

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[Ii]nf|NaN)"
ITEM = re.compile(
    rf"(?:(?P<gap>_)|(?P<stale>stale)|(?P<number>{NUMBER})(?P<step>[-+](?:\d+\.?\d*(?:[eE][-+]?\d+)?))?)(?:x(?P<times>\d+))?"
)


class HistoryError(ValueError):
    """A text is no series of samples; the message names the part that is not."""


Sample = float | Literal["stale"] | None
"""What stands at a place of a history: a number, a stale marker, or nothing."""


def expand(values: str) -> list[Sample]:
    """
    Return what stands at each place: a number, `stale`, or None for a gap; raise HistoryError.

    https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
    """
    found: list[Sample] = []
    for item in values.split():
        part = ITEM.fullmatch(item)
        if not part or (part["step"] and not part["times"]) or (part["stale"] and part["times"]):
            raise HistoryError(f"'{item}' is no sample; write '0+10x20', '5x20', '_x3' or 'stale'")
        times = int(part["times"] or 0)
        # `_x3` leaves out three samples; `5x3` repeats a sample three times more.
        if part["gap"]:
            found += [None] * max(times, 1)
        elif part["stale"]:
            found.append("stale")
        else:
            start, step = float(part["number"]), float(part["step"] or 0)
            found += [start + step * place for place in range(times + 1)]
    return found


def drawn(values: str, length: int) -> str:
    """
    Return a history a twelfth of its interval before the evaluations, the last sample held up to ``length`` samples.

    Scrapes never meet an evaluation in a real Prometheus. On the same moment, a window of 2.x holds a sample more than
    one of 3.x does (https://prometheus.io/docs/prometheus/latest/migration/#range-selectors-and-lookback-exclude-
    samples-coinciding-with-the-left-boundary).
    """
    written = expand(values)
    last = written[-1] if written and isinstance(written[-1], float) else None
    first, *others = map(_text, written + [last] * (length - len(written)))
    return " ".join([first, f"_x{PARTS - 2}", f" _x{PARTS - 1} ".join(others)] if others else [first])


def _text(sample: Sample) -> str:
    return "_" if sample is None else f"{sample:.12g}" if isinstance(sample, float) else sample
