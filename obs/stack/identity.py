"""Which uid and which address does a dashboard or a panel have, in every build and on every machine?"""

import hashlib
import re
import zlib
from functools import cache

from obs.stack.settings import Stack

MAX_UID = 40
"""Grafana refuses a longer uid: https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/."""

DEPLOYED = "deploy"
"""The tag of annotations that tell of a deploy; the other is the name of the service."""


def dashboard_uid(stack: Stack, slug: str) -> str:
    """Return the uid of the dashboard ``slug`` (`api`): `rce-api-api`; a hash keeps it within 40 characters."""
    uid = f"{stack.service.name}-{slug}"
    if len(uid) <= MAX_UID:
        return uid
    return f"{uid[: MAX_UID - 9]}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"


@cache
def panel_id(slug: str) -> int:
    """
    Return the id of the panel with this slug, 1 to 2^31 - 1.

    Hashed rather than counted: a panel put in at the top leaves the ids, and so the links, of all others alone.
    """
    return zlib.crc32(slugify(slug).encode()) % (2**31 - 1) + 1


def slugify(title: str) -> str:
    """Return ``title`` in lower case with one dash between words: what an id is made from."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def dashboard_url(stack: Stack, slug: str, panel: str = "") -> str:
    """Return the address a person opens for a dashboard, or for one panel of it by its slug."""
    address = f"{stack.grafana.url.rstrip('/')}/d/{dashboard_uid(stack, slug)}"
    return f"{address}?viewPanel=panel-{panel_id(panel)}" if panel else address
