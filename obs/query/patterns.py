"""Which values can a matcher of PromQL or LogQL meet?"""

import re
import warnings
from collections.abc import Iterable
from functools import lru_cache

from obs.query.expr import Condition

UNLIKE = ("", "a", "7", "/x/{y}", "A b-c.d:9")
"""Values with nothing in common: what matches all of them matches everything."""

_TOKEN = re.compile(r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|.", re.DOTALL)
_PLAIN = re.compile(r"[\w :/@,;~<>=!%&#-]*")


def met(condition: Condition, values: Iterable[str]) -> tuple[str, ...] | None:
    """Return those of ``values`` that a matcher lets through; None where a variable or RE2 alone decides."""
    if "$" in condition.value.removesuffix("$"):
        return None
    negated = condition.operator in ("!=", "!~")
    if condition.operator in ("=", "!="):
        return tuple(value for value in values if (value == condition.value) != negated)
    pattern = compiled(condition.value)
    if pattern is None:
        return None
    return tuple(value for value in values if bool(pattern.fullmatch(value)) != negated)


def idle(condition: Condition, values: tuple[str, ...]) -> str:
    """Return the part of a matcher that no value ever meets, such as `FETCH` of `GET|FETCH`; empty if all are met."""
    if "$" in condition.value.removesuffix("$"):
        return ""
    if condition.operator in ("=", "!="):
        return "" if condition.value in values else condition.value
    for branch in alternatives(condition.value):
        pattern = compiled(branch)
        if pattern is not None and not any(map(pattern.fullmatch, values)):
            return branch
    return ""


def universal(condition: Condition) -> bool:
    """Tell whether a negated matcher excludes whatever a label may hold, so that nothing is left."""
    pattern = compiled(condition.value) if condition.operator == "!~" else None
    return pattern is not None and all(map(pattern.fullmatch, UNLIKE))


def literals(pattern: str) -> frozenset[str] | None:
    """Return the values that `a|b|c` names; None for a pattern that is more than a list of values."""
    branches = alternatives(pattern)
    return frozenset(branches) if all(map(_PLAIN.fullmatch, branches)) else None


def alternatives(pattern: str) -> list[str]:
    """Split a pattern at the bars that stand outside of any group."""
    depth, branches = 0, [""]
    for piece in _TOKEN.findall(pattern):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            branches.append("")
        else:
            branches[-1] += piece
    return branches


@lru_cache(maxsize=4096)
def compiled(text: str) -> re.Pattern[str] | None:
    r"""Return a pattern as Python reads it; None for what RE2 reads otherwise, such as `[[:alpha:]]` or `\pL`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(text, re.DOTALL)
        except (re.error, Warning):
            return None
