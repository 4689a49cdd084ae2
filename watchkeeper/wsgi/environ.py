"""What does a WSGI request look like as an ASGI scope, which traces, log lines and our own endpoints are made from?"""

from typing import Any

from watchkeeper.verdict import Scope
from watchkeeper.wsgi.types import Environ

_UNPREFIXED = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}


def scope_of(environ: Environ) -> Scope:
    """Return the scope of a request: https://asgi.readthedocs.io/en/latest/specs/www.html, with its ``environ``."""
    root = _text(environ.get("SCRIPT_NAME", ""))
    return {
        "type": "http",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": root + _text(environ.get("PATH_INFO", "")),
        "root_path": root,
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1", "replace"),
        "headers": _headers(environ),
        "client": (environ["REMOTE_ADDR"], 0) if environ.get("REMOTE_ADDR") else None,
        "environ": environ,
    }


def _headers(environ: Environ) -> list[tuple[bytes, bytes]]:
    found = [(_name(key), _bytes(value)) for key, value in environ.items() if key.startswith("HTTP_")]
    found += [(name, _bytes(environ[key])) for key, name in _UNPREFIXED.items() if environ.get(key)]
    return found


def _name(key: str) -> bytes:
    return key[5:].replace("_", "-").lower().encode("latin-1", "replace")


def _bytes(value: Any) -> bytes:
    return str(value).encode("latin-1", "replace")


def _text(value: str) -> str:
    """Return a path, whose bytes WSGI hands over as latin-1: https://peps.python.org/pep-3333/#unicode-issues."""
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")
