"""What must never leave the process in a log line or an error report, and how is it taken out?"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time
from functools import lru_cache
from itertools import groupby
from math import isfinite
from typing import Any

from watchkeeper import tracebacks

REDACTED = "[redacted]"
DEFAULT_QUERY_PARAMETERS = ("access_token", "api_key", "apikey", "auth", "code", "key", "password", "secret", "token")
MAX_DEPTH = 6
MAX_ITEMS = 100
MAX_LINE = 1000
"""Longest line of a traceback in characters; the last one quotes what the exception was given, whatever its size."""

MAX_WORD = 256
_LONG = 2**63

_SENSITIVE_NAME = (
    r"(?:authorization|cookies?|passw(?:or)?d|passphrase|pwd|secret|token|jwt|sess(?:ion)?(?:[-_]?id)?|credentials?"
    r"|signature|(?<![a-z0-9])sig|(?:api|private|access|account|shared|signing|encryption|secret)[-_]?key)"
    r"\d{0,3}(?:\]|%5d)?"  # `new_password1`, `user[password]`
)
_WORDS = ("auth", "cookie", "pass", "pwd", "secret", "token", "jwt", "sess", "credential", "sig", "key")
"""A text without any of these names no secret; to look for them costs a tenth of searching with the patterns."""

_SECRET_KEY = re.compile(rf"(?i){_SENSITIVE_NAME}\Z")
_HEADER = re.compile(
    r"(?i)(?P<lead>\b(?:proxy-)?(?:authorization|(?:set-)?cookie)(?:\\?[\"']?\s*[:=]\s*|[\"']\s*,\s*)(?:b?\\?(?P<quote>[\"']))?)"
    r"(?!\[redacted)(?(quote)[^\r\n\"']+|(?!b?\\?[\"'])[^\r\n]+)"
)
_ASSIGNMENT = re.compile(
    rf"(?i)(?P<lead>{_SENSITIVE_NAME}\\?[\"']?\s*[:=]\s*)(?!\[redacted|\\?[\"']\[redacted)"
    # A quoted value may hold escaped quotes; within JSON that a string quotes, every backslash is two.
    r"(?:\\\"(?:[^\"\\]|\\\\\\?.)*(?:\\\")?|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s&;,\"'<>)}\]]+)"
)
_USERINFO = re.compile(r"(?P<lead>\w://)[^/\s:@\"'?#]*:[^/\s\"'?#]+@")
# Begins where a word does, and only if a dot follows the word: otherwise each "eyJ" of a long word is a new attempt.
_JWT = re.compile(r"(?<![\w-])(?=[\w-]++\.[\w-])(?P<lead>[\w-]*?)eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")
_SCHEME = re.compile(r"(?i)(?P<lead>\b(?:bearer|basic|digest)\s+)(?!\[redacted)[\w.~+/=-]{8,}")


class Scrubbed(str):
    """A text that has been scrubbed already; of one that is too long the end matters."""

    __slots__ = ()


class Scrubber:
    """
    Takes credentials out of text and nested values, and makes them safe to write as JSON.

    What counts as secret: values of keys named like one (`authorization`, `x-auth-token`, `client_secret`),
    `Bearer` and `Basic` credentials, JSON Web Tokens, passwords in URLs, and ``query_parameters`` in anything
    that looks like a query string.
    """

    def __init__(self, query_parameters: Iterable[str] = DEFAULT_QUERY_PARAMETERS) -> None:
        names = "|".join(sorted((re.escape(name) for name in query_parameters), key=len, reverse=True)) or r"(?!)"
        self._query = re.compile(rf"(?i)(?P<lead>[?&](?:{names})=)[^&;\s#\"'<>]*")
        self._named = re.compile(names, re.IGNORECASE)
        self._lines: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Return ``text`` without credentials, in time that grows with its length and not faster."""
        if "=" in text or ":" in text:
            lower = text.lower()
            if any(word in lower for word in _WORDS):
                text = _HEADER.sub(rf"\g<lead>{REDACTED}", text)
                text = _ASSIGNMENT.sub(rf"\g<lead>{REDACTED}", text)
            text = _USERINFO.sub(rf"\g<lead>{REDACTED}@", text)
            text = self._query.sub(rf"\g<lead>{REDACTED}", text)
        if "eyJ" in text:
            text = _JWT.sub(rf"\g<lead>{REDACTED}", text)
        return _SCHEME.sub(rf"\g<lead>{REDACTED}", text) if " " in text else text

    def limited(self, text: str, limit: int) -> str:
        """Return ``text`` as valid UTF-8, without credentials and within ``limit`` characters; it is cut first."""
        return cut(self.text(valid_text(_beginning(text, 2 * limit))), limit)

    def stacktrace(self, error: BaseException, limit: int) -> Scrubbed:
        """Return the last lines of a traceback, ``limit`` characters of them, each cut and without credentials."""
        lines = list(tracebacks.lines(error))
        kept: list[str] = []
        size = 0
        for line in reversed(lines):
            kept.append(line if len(line) <= MAX_LINE else type(line)(f"{_beginning(line, MAX_LINE)}…"))
            size += len(kept[-1]) + 1
            if size > limit:
                break
        kept.reverse()
        # What is no code is searched as one text: a quoted secret may hold newlines.
        parts = (
            "\n".join(map(self._code, group)) if code else self.text(valid_text("\n".join(group)))
            for code, group in groupby(kept, lambda line: type(line) is tracebacks.Code)
        )
        whole = "\n".join(parts)
        if len(kept) == len(lines) and len(whole) <= limit:
            return Scrubbed(whole)
        return Scrubbed(_end(f"…\n{whole}", limit))

    def _code(self, line: str) -> str:
        """Return a line of code, searched when it is met first."""
        found = self._lines.get(line)
        if found is None:
            found = self.text(valid_text(line))
            if len(self._lines) < 2 * tracebacks.MAX_PLACES:
                self._lines[line] = found
        return found

    def query(self, query: str) -> str:
        """Return a query string with the values of secret parameters taken out."""
        return "&".join(self._pair(pair) for pair in query.split("&"))

    def _pair(self, pair: str) -> str:
        name, equals, _ = pair.partition("=")
        secret = self._named.fullmatch(name) or _SECRET_KEY.search(name)
        return f"{name}={REDACTED}" if equals and secret else self.text(pair)

    def value(self, value: Any, *, limit: int, depth: int = 0) -> Any:
        """
        Return ``value`` as something JSON can hold, without credentials, strings cut to ``limit`` characters.

        Deeper than MAX_DEPTH it becomes text; of a collection MAX_ITEMS remain; what JSON cannot say (NaN,
        integers beyond 64 bits, bytes, lone surrogates, any other object) becomes text.
        """
        if isinstance(value, str):
            return _end(value, limit) if isinstance(value, Scrubbed) else self.limited(value, limit)
        if value is None or isinstance(value, bool | int | float):
            return _number(value, limit)
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            pairs = [(cut(valid_text(as_text(key)), limit), item) for key, item in list(value.items())[:MAX_ITEMS]]
            return {name: self._entry(name, item, limit, depth) for name, item in pairs}
        if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self.value(item, limit=limit, depth=depth + 1) for item in list(value)[:MAX_ITEMS]]
        return self.value(as_text(value), limit=limit)

    def _entry(self, name: str, item: Any, limit: int, depth: int) -> Any:
        return REDACTED if is_secret(name) and item else self.value(item, limit=limit, depth=depth + 1)


@lru_cache(1024)
def is_secret(name: str) -> bool:
    """Say whether a field or header of this name holds a credential."""
    return _SECRET_KEY.search(name) is not None


def _number(value: float | None, limit: int) -> float | str | None:
    if value is None or -_LONG <= value < _LONG:
        return value
    return cut(f"{value:#x}", limit) if isinstance(value, int) else value if isfinite(value) else str(value)


def valid_text(text: str) -> str:
    """Return ``text`` with what UTF-8 cannot say (lone surrogates) replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _beginning(text: str, length: int) -> str:
    """Return ``text`` up to ``length``, without the word that the cut divides: half a credential looks like none."""
    if len(text) <= length:
        return text
    space = text.rfind(" ", max(length - MAX_WORD, 0), length)
    return text[: space if space > 0 else length]


def _end(text: str, limit: int) -> str:
    """Return the last lines of a text within ``limit`` characters, and an ellipsis where something is gone."""
    return text if len(text) <= limit else f"…\n{text[2 - limit :].partition(chr(10))[2]}"


def cut(text: str, limit: int) -> str:
    """Return ``text`` within ``limit`` characters, and an ellipsis where something is gone."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def class_name(error: BaseException) -> str:
    """Return the class of an exception as Python's tracebacks name it."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def as_text(value: object) -> str:
    """Return what an object says of itself; an object whose `__str__` fails is named by its class."""
    if isinstance(value, bytes | bytearray):
        return bytes(value[:4096]).decode("utf-8", "replace")
    if isinstance(value, date | time):
        return value.isoformat()
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything, and a log line must come out
        return f"<unprintable {type(value).__name__}>"
