"""Which page is this, out of the few that are told apart? An address from a browser never becomes a label."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

OTHER = "other"
MAX_ADDRESS = 2048
"""Longer addresses are not looked at; no browser shows one."""

_PARAMETER = re.compile(r"\\{(\w+)(:path)?\\}")


class Pages:
    """
    The page templates that are told apart, as routes are written: `/`, `/rooms/{id}`, `/docs/{rest:path}`.

    `{name}` stands for one segment, `{name:path}` for one or more. Templates without parameters win, then the order
    given decides. Raise ValueError for a template that does not begin with a slash.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        unique = dict.fromkeys(templates)
        for template in unique:
            if not template.startswith("/"):
                raise ValueError(f"page template {template!r} does not begin with '/'")
        ordered = sorted(unique, key=lambda template: "{" in template)
        self._patterns = tuple((template, _pattern(template)) for template in ordered)

    def template(self, address: str) -> str:
        """Return the template an address (`/rooms/7?x=1`, `https://host/rooms/7`) belongs to, or 'other'."""
        path = _path(address)
        return next((template for template, pattern in self._patterns if pattern.fullmatch(path)), OTHER)


def _path(address: str) -> str:
    if len(address) > MAX_ADDRESS:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:  # an unbalanced bracket, say
        return ""
    path = parts.path or ("/" if parts.netloc else "")
    return path if path == "/" else path.removesuffix("/")


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template if template == "/" else template.removesuffix("/"))
    return re.compile(_PARAMETER.sub(lambda found: ".+" if found[2] else "[^/]+", escaped))
