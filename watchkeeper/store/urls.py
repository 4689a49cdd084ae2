"""Which URLs can a redis-py client be made from? Told without redis-py, which costs start time."""

from urllib.parse import urlsplit

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")


def check_url(url: str) -> None:
    """Raise ValueError for a URL that no client can be made from; the message does not repeat the URL's password."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"REDIS_URL begins with '{parts.scheme}://'; it takes: {', '.join(SCHEMES)}")
    if parts.scheme == "redis+sentinel" and not parts.path.strip("/"):
        raise ValueError("REDIS_URL names no primary: redis+sentinel://HOST:PORT,HOST:PORT/PRIMARY[/DB]")
