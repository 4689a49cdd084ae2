"""When are two values the same to Grafana, and how does a person write one?"""

import json
import math
from collections.abc import Container, Iterator, Mapping
from typing import Any

import orjson

from obs.diff.change import Path
from obs.diff.normalise import WRITTEN, pruned

LONGEST = 120  # characters of a value quoted in a sentence; the whole is in the JSON output
BLANK: tuple[Any, ...] = (None, "", [], {})

# grafana/packages/grafana-data/src/valueFormats/categories.ts; a unit not listed is written after the number as it is.
SUFFIX = {
    "percent": " %",
    "ms": " ms",
    "s": " s",
    "µs": " µs",
    "ns": " ns",
    "m": " min",
    "h": " h",
    "d": " d",
    "bytes": " B",
    "decbytes": " B",
    "Bps": " B/s",
    "binBps": " B/s",
    "reqps": " req/s",
    "rps": " reads/s",
    "wps": " writes/s",
    "ops": " ops/s",
    "cps": " c/s",
    "short": "",
    "none": "",
    "": "",
}


def identical(old: Any, new: Any) -> bool:
    """Tell whether two values are written alike, byte for byte; quicker than `same`, and to Python true is 1."""
    return old is new or orjson.dumps(old, default=str, option=WRITTEN) == orjson.dumps(
        new, default=str, option=WRITTEN
    )


def same(old: Any, new: Any) -> bool:
    """Tell whether two values are the same in the normal form: 1 is 1.0, but it is not true."""
    return old is new or _written(old) == _written(new)


def _written(value: Any) -> bytes:
    kept = pruned(value)
    return b"" if kept in BLANK else orjson.dumps(kept, default=str, option=WRITTEN)


def leaves(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Find every place where two JSON values differ: its path, the old value and the new, None for an absent one.

    Lists of objects of one length are walked element by element; any other two lists differ as wholes.
    """
    if same(old, new):
        return
    old, new = ({} if side is None and isinstance(other, dict) else side for side, other in ((old, new), (new, old)))
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            yield from leaves(old.get(key), new.get(key), (*path, key))
    elif _aligned(old, new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from leaves(before, after, (*path, index))
    else:
        yield path, old, new


def _aligned(old: Any, new: Any) -> bool:
    lists = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    return lists and all(isinstance(item, dict) for item in (*old, *new))


def finite(value: Any) -> Any:
    """Write infinities as text and NaN as null: JSON has no number for them."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def number(value: float) -> str:
    """Write a number as a person does: 2, 0.05, 1e+09."""
    return f"{value:.10g}"


def amount(value: Any, unit: str = "") -> str:
    """Write a number with its Grafana unit: 0.01 in `percentunit` is `1 %`, 0.3 in `s` is `0.3 s`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return quoted(value)
    if unit == "percentunit":
        return f"{number(value * 100)} %"
    return number(value) + SUFFIX.get(unit, f" {unit}")


def quoted(value: Any) -> str:
    """Write any JSON value inside a sentence, on one line and at most LONGEST characters."""
    return shortened(written(value))


def written(value: Any) -> str:
    """Write any JSON value whole, its line breaks kept."""
    if value in BLANK or (isinstance(value, float) and math.isnan(value)):
        return "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return number(value)
    return f'"{value}"' if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def apart(old: Any, new: Any) -> tuple[str, str]:
    """
    Write two unequal values on one line each, cut around their first difference: what differs is what is shown.

    Texts that differ in white space alone, and numbers that differ beyond what a person writes, are shown as JSON.
    """
    sides = [" ".join(written(side).split()) for side in (old, new)]
    if sides[0] == sides[1]:
        sides = [json.dumps(side, ensure_ascii=False, default=str) for side in (old, new)]
    if all(len(side) <= LONGEST for side in sides):
        return sides[0], sides[1]
    ends = shortened(sides[0]), shortened(sides[1])
    if ends[0] != ends[1]:
        return ends
    first = next(
        (at for at, (one, other) in enumerate(zip(*sides, strict=False)) if one != other), min(map(len, sides))
    )
    start = max(0, first - LONGEST // 3)
    return _window(sides[0], start), _window(sides[1], start)


def _window(text: str, start: int) -> str:
    end = start + LONGEST - 4
    return ("… " if start else "") + text[start:end] + (" …" if end < len(text) else "")


def shortened(text: str) -> str:
    """Put the text on one line, cut in the middle so that both ends can be recognised."""
    flat = " ".join(text.split())
    half = LONGEST // 2 - 2
    return flat if len(flat) <= LONGEST else f"{flat[:half]} … {flat[-half:]}"


def changed(name: str, old: Any, new: Any) -> str:
    """Say `name old to new`, or that it was set, dropped, switched on or off."""
    if old in BLANK and new in BLANK:
        return f"{name} {quoted(old)} to {quoted(new)}"
    if isinstance(new, bool) and (old in BLANK or isinstance(old, bool)):
        return f"{name} {quoted(new)}"
    if old in BLANK:
        return f"{name} set to {quoted(new)}"
    if new in BLANK:
        return f"{name} {quoted(old)} removed"
    if _scalars(old) and _scalars(new):
        return f"{name}: {membership(old, new)}"
    before, after = apart(old, new)
    return f"{name} {before} to {after}"


def _scalars(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value)


def membership(old: list[Any], new: list[Any]) -> str:
    """Say what joined and left a list, or that only its order changed."""
    joined = [quoted(item) for item in new if not any(same(item, one) for one in old)]
    left = [quoted(item) for item in old if not any(same(item, one) for one in new)]
    parts = [f"{', '.join(joined)} added"] if joined else []
    parts += [f"{', '.join(left)} removed"] if left else []
    return shortened("; ".join(parts) or f"order changed to {', '.join(map(quoted, new))}")


def without(model: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """Copy the model but for some of its fields."""
    return {key: value for key, value in model.items() if key not in names}


def table(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty one: models written by hand hold anything anywhere."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the JSON objects in a list; anything else holds none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def listed_objects(value: Any) -> bool:
    """Tell whether a value is a list of JSON objects."""
    return isinstance(value, list) and bool(value) and objects(value) == value
