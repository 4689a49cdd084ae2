"""Which of Grafana's settings does a dashboard repeat, and what are they called when they are written once?"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from obs.adopt.reading import Imported
from obs.boards.panels import Panel, Query
from obs.diff.values import same

Model = dict[str, Any]

WORTH = 40  # bytes from which a setting that repeats gets a name
SEVERAL = 3  # panels of a type, or queries, from which what most of them share is written once


@dataclass(frozen=True, slots=True)
class Named:
    """A setting that stands above under this name."""

    name: str


def hoisted(imported: Imported) -> tuple[Imported, list[tuple[str, Any]]]:
    """Put names where settings repeat; return the import to write, and each name with its value in their order."""
    groups: dict[str, list[Model]] = defaultdict(list)
    for one in _laid_over(imported):
        groups[_group(one)].append(dict(one.raw))
    names = _Names()
    bases = {name: (names.new(name), _common(raws)) for name, raws in groups.items() if len(raws) >= SEVERAL and name}
    based = {id(one): _based(one, bases) for one in _laid_over(imported)}
    texts = _repeated([*(base for _, base in bases.values()), *(above for _, above in based.values())], names)
    rows = {
        row: tuple(_renamed(panel, based, texts.names) for panel in panels) for row, panels in imported.rows.items()
    }
    used = {name for name, _ in based.values()}
    constants = [(name, _inside(one, texts.names)) for name, one in texts.values()]
    constants += [(name, _inside(base, texts.names)) for name, base in bases.values() if name in used]
    return replace(imported, rows=rows), constants


def _laid_over(imported: Imported) -> Iterator[Panel | Query]:
    for panel in (panel for panels in imported.rows.values() for panel in panels):
        if panel.kind == "other":
            yield panel
            yield from panel.queries


def _group(one: Panel | Query) -> str:
    return "query" if isinstance(one, Query) else str(one.raw.get("type") or "")


class _Names:
    """Names for constants, each taken once."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def new(self, key: str) -> str:
        """Return a constant's name for the setting under a key."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", key).upper().strip("_")
        name = words if words.isidentifier() else "SETTING"
        self._taken[name] += 1
        return name if self._taken[name] == 1 else f"{name}_{self._taken[name]}"


def _common(raws: Sequence[Model]) -> Model:
    """Return the settings that more than half of several objects share."""
    shared: Model = {}
    for key in dict.fromkeys(key for raw in raws for key in raw):
        values = [raw[key] for raw in raws if key in raw]
        if len(values) * 2 <= len(raws):
            continue
        if all(isinstance(value, dict) for value in values):
            inner = _common(values)
            shared |= {key: inner} if inner else {}
            continue
        text, times = Counter(map(_key, values)).most_common(1)[0]
        if times * 2 > len(raws):
            shared[key] = next(value for value in values if _key(value) == text)
    return shared


def _based(one: Panel | Query, bases: Mapping[str, tuple[str, Model]]) -> tuple[str, Model]:
    """Return the name of what an object's settings are laid over, "" for nothing, and what is laid over it."""
    raw = dict(one.raw)
    name, base = bases.get(_group(one), ("", {}))
    above = _above(base, raw)
    return (name, above) if base and len(_key(above)) < len(_key(raw)) else ("", raw)


def _above(base: Model, raw: Model) -> Model:
    above: Model = {key: None for key in base if key not in raw}
    for key, value in raw.items():
        under = base.get(key)
        if isinstance(under, dict) and isinstance(value, dict):
            inner = _above(under, value)
            above |= {key: inner} if inner else {}
        elif key not in base or not same(under, value):
            above[key] = value
    return above


@dataclass(frozen=True, slots=True)
class _Repeated:
    """The settings that repeat, from the shortest, by their text: name and value."""

    found: Mapping[bytes, tuple[str, Any]]

    @property
    def names(self) -> dict[bytes, str]:
        return {text: name for text, (name, _) in self.found.items()}

    def values(self) -> Iterator[tuple[str, Any]]:
        yield from self.found.values()


def _repeated(raws: Sequence[Model], names: _Names) -> _Repeated:
    seen: dict[bytes, tuple[str, Any]] = {}
    counts: Counter[bytes] = Counter()
    for key, setting in _settings(raws):
        text = _key(setting)
        seen.setdefault(text, (key, setting))
        counts[text] += 1
    chosen: list[tuple[bytes, tuple[str, Any]]] = []
    for text in sorted(counts, key=lambda text: (-len(text), text)):
        key, setting = seen[text]
        if len(text) >= WORTH and counts[text] > 1:
            chosen.append((text, (names.new(key), setting)))
            # What is inside stands once now, in the named setting.
            for _, inner in _settings(setting):
                counts[_key(inner)] -= counts[text] - 1
    return _Repeated(dict(reversed(chosen)))


def _settings(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every object and list inside a value, with the key it stands under, what is outside first."""
    pairs = value.items() if isinstance(value, Mapping) else ((key, one) for one in value)
    for name, inner in pairs:
        if isinstance(inner, dict | list):
            if name:
                yield name, inner
            yield from _settings(inner, name)


def _key(setting: Any) -> bytes:
    return orjson.dumps(setting, default=str, option=orjson.OPT_NON_STR_KEYS)


def _renamed(panel: Panel, based: Mapping[int, tuple[str, Model]], names: Mapping[bytes, str]) -> Panel:
    if panel.kind != "other":
        return panel
    queries = tuple(replace(query, **_layers(*based[id(query)], names)) for query in panel.queries)
    return replace(panel, **_layers(*based[id(panel)], names), queries=queries)


def _layers(name: str, above: Model, names: Mapping[bytes, str]) -> dict[str, Any]:
    return {"raw": _inside(above, names)} | ({"like": Named(name)} if name else {})


def _inside(value: Any, names: Mapping[bytes, str]) -> Any:
    """Return a value with names for the settings inside it."""
    if isinstance(value, Mapping):
        return {key: _name(one, names) for key, one in value.items()}
    return [_name(one, names) for one in value]


def _name(value: Any, names: Mapping[bytes, str]) -> Any:
    if not isinstance(value, dict | list):
        return value
    name = names.get(_key(value))
    return Named(name) if name else _inside(value, names)
