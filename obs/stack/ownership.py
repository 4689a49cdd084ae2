"""By which mark do we recognise what an earlier push of ours created, so that pruning touches nothing else?"""

from collections.abc import Iterable, Mapping
from typing import Any

RULE_LABEL = "managed_by"
TAG = "managed-by:"

LEASE_NAME = "deploying"
"""The folder that says a push is under way is called so, under its owner's uid."""


def tag(owner: str) -> str:
    """Return the dashboard tag of an owner."""
    return f"{TAG}{owner}"


def owns_uid(owner: str, uid: str) -> bool:
    """Tell whether a uid or name is in the owner's name space: people's folders get random uids, never these.

    Two dashes, so that `shop-v2` is not taken for something of `shop`.
    """
    return uid == owner or uid.startswith(f"{owner}--")


def uid(owner: str, name: str) -> str:
    """Return a uid or name in the owner's name space."""
    return f"{owner}--{name}"


def owns_tags(owner: str, tags: Iterable[str]) -> bool:
    """Tell whether a dashboard's tags carry the mark."""
    return tag(owner) in tags


def owns_labels(owner: str, labels: Mapping[str, Any] | None) -> bool:
    """Tell whether a rule's labels carry the mark."""
    return (labels or {}).get(RULE_LABEL) == owner


def matcher(owner: str) -> list[str]:
    """Return the matcher at the top of the owner's notification policy: its own alerts, nobody else's."""
    return [RULE_LABEL, "=", owner]
