"""What does Grafana put in the place of a variable, for a panel of some width over some time?"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obs.durations import seconds
from obs.query import variables

ALL = "$__all"
SCRAPES = 4
"""Scrapes within `$__rate_interval`, at least."""

# Grafana's `roundInterval`: an interval below the first number becomes the second; milliseconds.
ROUNDED = (
    *((1_500, 1_000), (3_500, 2_000), (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000)),
    *((45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000), (750_000, 600_000)),
    *((1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000), (5_400_000, 3_600_000)),
    *((9_000_000, 7_200_000), (16_200_000, 10_800_000), (32_400_000, 21_600_000), (86_400_000, 43_200_000)),
    *((604_800_000, 86_400_000), (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000)),
)
YEAR_MS = 31_536_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What a variable stands for: its value, or several; ``everything`` is what All is written as, where it is set."""

    value: str | tuple[str, ...]
    everything: str = ""
    text: str = ""

    def written(self, how: str) -> str:
        """Return it as a query has it, in one of Grafana's formats, or as the data source writes it for none."""
        if self.everything and how in ("", "regex", "raw", "pipe", "csv"):
            return self.everything
        values = (self.value,) if isinstance(self.value, str) else self.value
        if how in WRITTEN:
            return WRITTEN[how](values)
        if isinstance(self.value, str) and not how:
            return self.value.replace("\\", "\\\\").replace('"', '\\"')
        return _pattern(values)


def _pattern(values: Sequence[str]) -> str:
    escaped = [re.sub(r"[$^*{}\[\]'+?.()|\\]", lambda found: "\\\\" + found[0], value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


WRITTEN: Mapping[str, Callable[[Sequence[str]], str]] = {
    "raw": ",".join,
    "csv": ",".join,
    "pipe": "|".join,
    "text": " + ".join,
    "json": lambda values: json.dumps(list(values) if len(values) != 1 else values[0]),
    "doublequote": lambda values: ",".join(json.dumps(value) for value in values),
    "singlequote": lambda values: ",".join(f"'{value}'" for value in values),
}
"""Formats of a variable that are not a pattern: `${name:csv}`."""


def interval(span: float, width: float, least: float) -> float:
    """Return the step of a query over ``span`` seconds for a plot ``width`` pixels wide, at least ``least`` seconds."""
    exact = span * 1000 / max(width, 1)
    rounded = next((value for limit, value in ROUNDED if exact < limit), YEAR_MS)
    return max(rounded / 1000, least)


def built_in(span: float, step: float, scrape: float) -> dict[str, Choice]:
    """Return Grafana's own variables of time; all in seconds."""
    rate = max(step + scrape, SCRAPES * scrape)
    words = {
        "__interval": _duration(step),
        "__interval_ms": f"{step * 1000:.0f}",
        "__auto": _duration(step),
        "__rate_interval": _duration(rate),
        "__rate_interval_ms": f"{rate * 1000:.0f}",
        "__range": f"{span:.0f}s",
        "__range_s": f"{span:.0f}",
        "__range_ms": f"{span * 1000:.0f}",
    }
    return {name: Choice(word) for name, word in words.items()}


def least_step(panel: Mapping[str, Any], target: Mapping[str, Any], scrape: float) -> float:
    """Return the smallest step that a query may have: what it or its panel says, else the time between scrapes."""
    for text in (target.get("interval"), panel.get("interval")):
        try:
            return seconds(str(text).lstrip(">"))
        except ValueError:
            continue
    return scrape


def filled(text: str, choices: Mapping[str, Choice]) -> str:
    """Replace each variable that is known; one that is not stays as it is, as in Grafana."""

    def put(found: re.Match[str]) -> str:
        name = found["plain"] or found["braces"] or found["brackets"]
        if name not in choices:
            return found[0]
        return choices[name].written(found[0].strip("${}[]").partition(":")[2])

    return variables.VARIABLE.sub(put, text)


def chosen(
    declared: Sequence[Mapping[str, Any]], ask: Callable[[str, str], Sequence[str]]
) -> Iterator[tuple[str, Choice, tuple[str, ...]]]:
    """
    Yield each variable's name, value and options, as a board opens with them.

    ``ask`` returns the values of a label in the series of a selector; what was chosen before is filled into it.
    """
    known: dict[str, Choice] = {}
    for variable in declared:
        options = tuple(_options(variable, known, ask))
        choice = _choice(variable, options)
        known[variable["name"]] = choice
        yield variable["name"], choice, options


def _options(
    variable: Mapping[str, Any], known: Mapping[str, Choice], ask: Callable[[str, str], Sequence[str]]
) -> Sequence[str]:
    query = variable.get("query", "")
    text = query.get("query", "") if isinstance(query, dict) else str(query)
    if variable.get("type") == "query":
        asked = variables.asked(text)
        if not asked or not asked.label:
            return ()
        found = ask(asked.label, filled(asked.expr, known))
        pattern = re.compile(str(variable.get("regex", "")).strip("/")) if variable.get("regex") else None
        kept = [pattern.search(value) for value in found] if pattern else []
        values = [(one[1] if one.re.groups else one[0]) for one in kept if one] if pattern else list(found)
        return sorted(values) if variable.get("sort", 0) in (1, 3, 5, 7) else values
    if variable.get("type") in ("custom", "interval"):
        return [one.strip() for one in text.split(",") if one.strip()]
    return [text] if variable.get("type") in ("constant", "textbox") else ()


def _choice(variable: Mapping[str, Any], options: tuple[str, ...]) -> Choice:
    current = variable.get("current", {}).get("value", "")
    values = tuple(current) if isinstance(current, list) else (current,) if current else ()
    if ALL in values or (not values and variable.get("includeAll")):
        return Choice(options or ("",), str(variable.get("allValue") or ""), "All")
    if variable.get("type") == "query":
        values = tuple(value for value in values if value in options) or options[:1]
    values = values or options[:1] or ("",)
    return Choice(values if variable.get("multi") else values[0], text=" + ".join(values))


def _duration(length: float) -> str:
    return f"{length:.0f}s" if length >= 1 else f"{length * 1000:.0f}ms"
