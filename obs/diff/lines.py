"""Which lines of a query changed, and where in them?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

Span = tuple[int, int]
"""The columns from the first to before the second."""

Step = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
"""What becomes of which lines: tag, start and end in the old side, start and end in the new one."""

WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
SHOWN = 2  # unchanged lines in a row up to which they are shown
ALIKE = 0.5  # share of the shorter line that is common, below which marks would be noise


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the older side (-), of the newer one (+), or of neither; ``marks`` are what differs in it."""

    sign: Literal["-", "+", " "]
    text: str
    marks: tuple[Span, ...] = ()

    @property
    def carets(self) -> str:
        """Return a line that points at the marks from below; nothing where there are none."""
        pointed = [" "] * len(self.text)
        for start, end in self.marks:
            pointed[start:end] = "^" * (end - start)
        return "".join(pointed).rstrip()


LEFT_OUT = Line(" ", "…")


def sides(before: str, after: str) -> tuple[list[Line], list[Line]]:
    """Return all lines of both sides, with what differs in those that changed."""
    old, new, _ = _compared(before, after)
    return old, new


def changed_lines(before: str, after: str) -> Iterator[Line]:
    """Yield the lines that changed, old before new, marked once; a long run of others is one `…`."""
    old, new, steps = _compared(before, after)
    for tag, start, end, low, high in steps:
        if tag == "equal":
            yield from [Line(" ", line.text) for line in old[start:end]] if end - start <= SHOWN else [LEFT_OUT]
        elif end - start == high - low:
            for one, other in zip(old[start:end], new[low:high], strict=True):
                yield from (replace(one, marks=()) if other.marks else one, other)
        else:
            yield from (*old[start:end], *new[low:high])


def _compared(before: str, after: str) -> tuple[list[Line], list[Line], list[Step]]:
    """Return the lines of both sides, marked where they differ, and the steps from one to the other."""
    old = [Line("-", line) for line in before.splitlines()]
    new = [Line("+", line) for line in after.splitlines()]
    steps = SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False).get_opcodes()
    for tag, start, end, low, high in steps:
        if tag == "replace" and end - start == high - low:
            for one, other in zip(range(start, end), range(low, high), strict=True):
                gone, come = _marks(old[one].text, new[other].text)
                old[one], new[other] = replace(old[one], marks=gone), replace(new[other], marks=come)
    return old, new, steps


def _marks(old: str, new: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    words = [WORD.findall(side) for side in (old, new)]
    matcher = SequenceMatcher(None, words[0], words[1], autojunk=False)
    common = sum(len("".join(words[0][at : at + size])) for at, _, size in matcher.get_matching_blocks())
    if common < ALIKE * min(len(old), len(new)):
        return (), ()
    starts = [[0] for _ in words]
    for places, side in zip(starts, words, strict=True):
        for word in side:
            places.append(places[-1] + len(word))
    steps = [step for step in matcher.get_opcodes() if step[0] != "equal"]
    gone = tuple((starts[0][start], starts[0][end]) for _, start, end, _, _ in steps if start < end)
    come = tuple((starts[1][low], starts[1][high]) for _, _, _, low, high in steps if low < high)
    return gone, come
