"""How does `stack.toml` become a Stack, and how is every mistake in it named?"""

import dataclasses
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from obs import toml
from obs.nearest import nearest
from obs.stack.contradictions import contradictions
from obs.stack.settings import STACK, WAYS, Parts, Stack, Target, matches
from obs.stack.thresholds import Threshold, complaints

NOTHING = object()
WORDS = {str: "text", bool: "true or false", float: "a number", int: "a whole number"}


class StackError(Exception):
    """``stack.toml`` can't be used; the message names every mistake: key, what it got, what it takes."""


def load(path: Path, env: str = "", declared: Iterable[Threshold] = ()) -> Stack:
    """
    Read a stack file and lay the overlay ``[env.NAME]`` over it; raise StackError.

    ``declared`` are the thresholds that rules ask for; without them [thresholds] is read as it stands.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StackError(f"{path}: can't be read: {reason}") from error
    return loads(text, env, declared, where=str(path))


def loads(text: str, env: str = "", declared: Iterable[Threshold] = (), *, where: str = "stack.toml") -> Stack:
    """Turn the text of a stack file into a Stack; raise StackError, its message opening with ``where``."""
    try:
        raw = toml.parse(text)
    except tomllib.TOMLDecodeError as error:
        raise StackError(f"{where}: not TOML: {error}") from error
    overlays = raw.pop("env", {})
    mistakes: list[str] = []
    if not isinstance(overlays, dict):
        mistakes.append(f"env = {overlays!r}: takes tables such as [env.staging]")
        overlays = {}
    if env and env not in overlays:
        known = ", ".join(sorted(overlays)) or "none"
        raise StackError(f"{where}: no [env.{env}]; there is: {known}")
    stack: Stack = _stack(_overlay(raw, overlays.get(env, {})), mistakes)
    thresholds = tuple(declared)
    mistakes = mistakes or _contradictions(stack, thresholds)
    for name in overlays.keys() - {env} if not mistakes else ():
        # an overlay nobody chose today is still read: its mistakes are found before it is needed
        other: list[str] = []
        overlaid: Stack = _stack(_overlay(raw, overlays[name]), other)
        mistakes += [f"[env.{name}] {mistake}" for mistake in other or _contradictions(overlaid, thresholds)]
    if mistakes:
        raise StackError("\n".join(f"{where}: {mistake}" for mistake in mistakes))
    return stack


def _stack(raw: Any, mistakes: list[str]) -> Any:
    stack: Stack | None = _build(Stack, raw, "", mistakes)
    if not stack or mistakes:
        return stack
    for role, target in stack.targets.items():
        stack.targets[role] = _addressed(role, target, mistakes)
    if stack.service.stack == "others":
        for role in STACK:
            stack.targets.pop(role, None)
    return stack


def _addressed(role: str, target: Target, mistakes: list[str]) -> Target:
    """Return a target whose ``address`` is one of its own, or stands for those that are found."""
    given = [way for way in WAYS if attrgetter(way)(target)]
    if len(given) != 1:
        got = "is missing" if not given else f"stands beside {' and '.join(given[1:])}"
        mistakes.append(f"targets.{role}.{(given or WAYS)[0]} {got}: takes one of {', '.join(WAYS)}")
        return target
    return dataclasses.replace(target, address=target.address or next(iter(target.addresses), f"{target.job}.found:1"))


def _contradictions(stack: Stack, declared: tuple[Threshold, ...]) -> list[str]:
    return [*contradictions(stack), *(complaints(declared, stack.thresholds) if declared else ())]


def _overlay(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {key: _overlay(base.get(key, {}), over[key]) if key in over else base[key] for key in {**base, **over}}
    return over


def _build(kind: type, raw: Any, key: str, mistakes: list[str]) -> Any:
    """Build the dataclass ``kind``; on any mistake append to ``mistakes`` and return something unusable."""
    if not isinstance(raw, dict):
        mistakes.append(f"{key} = {raw!r}: takes a table")
        return None
    fields = {field.name: field for field in dataclasses.fields(kind)}
    mistakes.extend(f"{_join(key, name)}: {_unknown(name, fields)}" for name in raw if name not in fields)
    hints = get_type_hints(kind)
    before = len(mistakes)
    values = {
        name: _value(hints[name], raw.get(name, NOTHING), field, _join(key, name), mistakes)
        for name, field in fields.items()
    }
    return None if len(mistakes) > before else kind(**values)


def _value(hint: type, raw: Any, field: "dataclasses.Field[Any]", key: str, mistakes: list[str]) -> Any:
    if raw is NOTHING:
        if field.default is not dataclasses.MISSING:
            return field.default
        if field.default_factory is not dataclasses.MISSING:
            return field.default_factory()
        if not dataclasses.is_dataclass(hint):
            mistakes.append(f"{key} is missing: takes {_takes(hint, field.metadata)}")
            return None
        raw = {}
    read = _reader(hint)
    if read:
        return read(hint, raw, key, mistakes)
    if get_origin(hint) is tuple:
        return _list(raw, field.metadata, key, mistakes)
    value = float(raw) if hint is float and type(raw) is int else raw
    if type(value) is not hint or not _fits(value, field.metadata):
        mistakes.append(f"{key} = {raw!r}: takes {_takes(hint, field.metadata)}")
    return value


def _reader(hint: Any) -> Callable[[Any, Any, str, list[str]], Any] | None:
    """Return what reads a table of this type; None where it is no table."""
    if dataclasses.is_dataclass(hint):
        return _build
    if get_origin(hint) is Mapping:
        return _table
    return _parts if get_origin(hint) is None and issubclass(hint, Parts) else None


def _parts(kind: type[Parts[Any]], raw: Any, key: str, mistakes: list[str]) -> Any:
    """Return what a table lists, each built like any other; a key that is nearly a known one is a slip of the pen."""
    if not isinstance(raw, dict):
        mistakes.append(f"{key} = {raw!r}: takes a table")
        return kind()
    (part,) = get_args(kind.__orig_bases__[0])  # type: ignore[attr-defined]
    absent = [name for name in kind.KNOWN if name not in raw]
    for name in raw.keys() - set(kind.KNOWN):
        instead = nearest(name, absent, "" if kind.OPEN else f"there is: {', '.join(kind.KNOWN)}")
        if instead:
            mistakes.append(f"{_join(key, name)}: no such setting; {instead}")
    return kind({name: _build(part, value, _join(key, name), mistakes) for name, value in raw.items()})


def _list(raw: Any, limits: Mapping[str, Any], key: str, mistakes: list[str]) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, str) and _fits(item, limits) for item in raw):
        mistakes.append(f"{key} = {raw!r}: takes {limits['takes']}")
        return ()
    return tuple(dict.fromkeys(raw))


def _table(hint: Any, raw: Any, key: str, mistakes: list[str]) -> dict[str, Any]:
    """Return a table of texts, numbers or lists of numbers, its keys as they are."""
    kind = get_args(hint)[1]
    if not isinstance(raw, dict):
        mistakes.append(f"{key} = {raw!r}: takes a table")
        return {}
    if get_origin(kind) is tuple:
        return {name: _numbers(value, _join(key, name), mistakes) for name, value in raw.items()}
    values = {name: float(value) if kind is float and type(value) is int else value for name, value in raw.items()}
    mistakes.extend(
        f"{_join(key, name)} = {raw[name]!r}: takes {WORDS[kind]}"
        for name, value in values.items()
        if type(value) is not kind or not _fits(value, {})
    )
    return values


def _numbers(raw: Any, key: str, mistakes: list[str]) -> tuple[float, ...]:
    items = raw if isinstance(raw, list) else [math.nan]
    if any(type(item) not in (int, float) or not math.isfinite(item) for item in items):
        mistakes.append(f"{key} = {raw!r}: takes a list of numbers")
        return ()
    return tuple(map(float, items))


def _fits(value: Any, limits: Mapping[str, Any]) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = limits.get("above"), limits.get("below")
        return math.isfinite(value) and (low is None or value > low) and (high is None or value < high)
    return not limits.get("pattern") or matches(limits["pattern"], value)


def _takes(hint: type, limits: Mapping[str, Any]) -> str:
    if limits.get("takes"):
        return str(limits["takes"])
    bounds = [f"{word} {limits[word]:g}" for word in ("above", "below") if limits.get(word) is not None]
    return " ".join([WORDS[hint], " and ".join(bounds)]).strip()


def _unknown(name: str, fields: Mapping[str, Any]) -> str:
    return f"no such setting; {nearest(name, fields)}"


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
