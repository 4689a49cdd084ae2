"""What is in a dashboard's JSON?"""

from collections.abc import Iterator
from typing import Any


def panels(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel of a dashboard but rows, those of collapsed rows included."""
    for panel in model.get("panels", ()):
        if panel.get("type") == "row":
            yield from panel.get("panels", ())
        else:
            yield panel
