"""Which page is this, out of the few that are told apart? An address from a browser never becomes a label."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from watchkeeper.paths import Template

OTHER = "other"
MAX_ADDRESS = 2048
"""Longer addresses are not looked at; no browser shows one."""


class Pages:
    """
    The page templates that are told apart, as routes are written: `/`, `/rooms/{id}`, `/docs/{rest:path}`.

    `{name}` stands for one segment, `{name:path}` for any number. Templates without parameters win, then the order
    given decides. Raise ValueError for a template that does not begin with a slash.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        unique = dict.fromkeys(templates)
        for template in unique:
            if not template.startswith("/"):
                raise ValueError(f"page template {template!r} does not begin with '/'")
        ordered = sorted(unique, key=lambda template: "{" in template)
        self._templates = tuple((text, Template(text if text == "/" else text.removesuffix("/"))) for text in ordered)

    def template(self, address: str) -> str:
        """Return the template an address (`/rooms/7?x=1`, `https://host/rooms/7`) belongs to, or 'other'."""
        path = _path(address)
        return next((text for text, template in self._templates if template.fits(path)), OTHER)


def _path(address: str) -> str:
    if len(address) > MAX_ADDRESS:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:  # an unbalanced bracket, say
        return ""
    path = parts.path or ("/" if parts.netloc else "")
    return path if path == "/" else path.removesuffix("/")
