"""Which keys may stack.toml hold, for an editor that completes and explains them? A JSON Schema answers."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, get_args, get_origin, get_type_hints

from obs.stack.meanings import MEANINGS
from obs.stack.settings import WAYS, Parts, Stack, Target
from obs.stack.thresholds import Threshold

PATH = "stack.schema.json"
"""Where the schema is written, beside the stack file whose first line names it."""

TYPES = {str: "string", bool: "boolean", float: "number", int: "integer"}
WORDS = re.compile(r"\w+(\|\w+)*")
"""A pattern that lists what it takes."""

OWED = ("required", "anyOf")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")

Schema = dict[str, Any]


def render(declared: Iterable[Threshold]) -> str:
    """Return the schema as JSON; ``declared`` are the thresholds that rules ask for."""
    return _rendered(tuple(declared))


@lru_cache(maxsize=8)
def _rendered(declared: tuple[Threshold, ...]) -> str:
    """Write the schema once for all services of a folder."""
    thresholds = {one.name: _threshold(one) for one in declared}
    settings = _table(Stack, "", thresholds)
    words = "What differs where `--env NAME` is chosen."
    overlays = {"type": "object", "additionalProperties": _optional(settings), "description": words}
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "stack.toml",
        **settings,
        "properties": {
            **settings["properties"],
            "env": overlays,
        },
    }
    return json.dumps(whole, indent=2) + "\n"


def _table(kind: Any, key: str, thresholds: Mapping[str, Schema]) -> Schema:
    hints = get_type_hints(kind)
    fields = dataclasses.fields(kind)
    owed = [field.name for field in fields if _is_owed(field, hints[field.name])]
    properties = {field.name: _value(hints[field.name], field, _join(key, field.name), thresholds) for field in fields}
    where = {"anyOf": [{"required": [way.partition(".")[0]]} for way in WAYS]} if kind is Target else {}
    return {"type": "object", "properties": properties, "required": owed, **where, "additionalProperties": False}


def _is_owed(field: "dataclasses.Field[Any]", hint: Any) -> bool:
    """Tell whether a key must be written: it has no default, or is a table in which such a key is."""
    if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING:
        return False
    if not dataclasses.is_dataclass(hint):
        return True
    hints = get_type_hints(hint)
    return any(_is_owed(inner, hints[inner.name]) for inner in dataclasses.fields(hint))


def _value(hint: Any, field: "dataclasses.Field[Any]", key: str, thresholds: Mapping[str, Schema]) -> Schema:
    if dataclasses.is_dataclass(hint):
        return _table(hint, key, thresholds)
    if key == "thresholds":
        return {"type": "object", "properties": dict(thresholds), "additionalProperties": False}
    if get_origin(hint) is Mapping:
        return {"type": "object", "additionalProperties": _items(get_args(hint)[1])} | _meaning(key)
    if get_origin(hint) is tuple:
        pattern = field.metadata["pattern"]
        words = WORDS.fullmatch(pattern)
        items = {"type": "string", **({"enum": pattern.split("|")} if words else {"pattern": f"^(?:{pattern})$"})}
        return {"type": "array", "items": items, "uniqueItems": True} | _meaning(key)
    if issubclass(hint, Parts):
        return _parts(hint, key, thresholds)
    return {"type": TYPES[hint], **_limits(field.metadata), **_default(field), **_meaning(key)}


def _items(kind: Any) -> Schema:
    return {"type": TYPES[kind]} if kind in TYPES else {"type": "array", "items": {"type": "number"}}


def _parts(kind: Any, key: str, thresholds: Mapping[str, Schema]) -> Schema:
    (part,) = get_args(kind.__orig_bases__[0])
    listed = {name: _table(part, _join(key, name), thresholds) for name in kind.KNOWN}
    others = _table(part, _join(key, "ROLE"), thresholds) if kind.OPEN else False
    return {"type": "object", "properties": listed, "additionalProperties": others}


def _limits(limits: Mapping[str, Any]) -> Schema:
    names = {"above": "exclusiveMinimum", "below": "exclusiveMaximum"}
    found: Schema = {names[word]: limits[word] for word in names if limits.get(word) is not None}
    return found | ({"pattern": f"^(?:{limits['pattern']})$"} if limits.get("pattern") else {})


def _default(field: "dataclasses.Field[Any]") -> Schema:
    return {} if field.default is dataclasses.MISSING else {"default": field.default}


def _meaning(key: str) -> Schema:
    """Return the description of a key, or of the table it is in where that says it for all of them."""
    table, _, rest = key.partition(".")
    last = rest.rpartition(".")[2]
    within = rest.partition(".")[2]
    of_role = (f"{table}.ROLE.{within}", f"{table}.ROLE.{within.partition('.')[0]}", f"{table}.ROLE")
    wanted = (key, f"{table}.KIND.{last}", *of_role, f"{table}.*")
    text = next(MEANINGS[one] for one in wanted if one in MEANINGS)
    return {"description": LINK.sub(r"\1", text)}


def _threshold(declared: Threshold) -> Schema:
    if declared.edges:
        found: Schema = {"enum": list(declared.edges)}
    else:
        found = {"type": "number", **_limits({"above": declared.above, "below": declared.below})}
    return found | {"default": declared.default, "description": declared.why}


def _optional(value: Any) -> Any:
    """Return a schema in which nothing is owed: an overlay names what differs alone."""
    if isinstance(value, dict):
        return {name: _optional(inner) for name, inner in value.items() if name not in OWED}
    return value


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
