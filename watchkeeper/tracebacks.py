"""What does a traceback say? As Python prints it, without the carets, which cost more than all the rest."""

import linecache
import traceback
from collections import deque
from collections.abc import Iterator
from types import TracebackType

MAX_FRAMES = 30
"""Frames told of one exception, the innermost; a recursion has a thousand."""

MAX_CHAIN = 5
CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"


MAX_PLACES = 5000
"""Places in the code whose lines are remembered: a failure that happens once happens again."""


class Code(str):
    """A line that tells of the code, and of nothing that was given to it."""

    __slots__ = ()


_known: dict[tuple[str, int, str], tuple[Code, ...]] = {}


def lines(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback, its causes first; the last one says what ``error`` is."""
    chain: list[tuple[BaseException, str]] = [(error, "")]
    while len(chain) < MAX_CHAIN:
        last = chain[-1][0]
        if last.__cause__ is not None:
            chain.append((last.__cause__, CAUSE))
        elif last.__context__ is not None and not last.__suppress_context__:
            chain.append((last.__context__, CONTEXT))
        else:
            break
    for one, leads_to in reversed(chain):
        yield from _one(one)
        if leads_to:
            yield from ("", leads_to, "")


def _one(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        yield from "".join(traceback.format_exception(error, chain=False)).rstrip().split("\n")
        return
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield from _frames(error.__traceback__)
    yield from "".join(traceback.format_exception_only(error)).rstrip().split("\n")


def _frames(trace: TracebackType) -> Iterator[str]:
    for frame, line in deque(traceback.walk_tb(trace), MAX_FRAMES):
        code = frame.f_code
        place = (code.co_filename, line, code.co_name)
        known = _known.get(place)
        if known is None:
            source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
            told = (f'  File "{code.co_filename}", line {line}, in {code.co_name}', f"    {source}")
            known = tuple(map(Code, told if source else told[:1]))
            if len(_known) < MAX_PLACES:
                _known[place] = known
        yield from known
