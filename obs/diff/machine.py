"""How does a program read changes?"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from obs.diff.change import ObjectChange
from obs.diff.normalise import pruned
from obs.diff.wording import headline


def render_json(changes: Sequence[ObjectChange]) -> str:
    """Write `{"changes": [...], "counts": {action: n}}`; each sentence with its words, its path and both values."""
    shown = [_object(change) for change in changes if change.action != "unchanged"]
    counts = Counter(change.action for change in changes)
    return json.dumps({"changes": shown, "counts": counts}, indent=2, ensure_ascii=False, default=str) + "\n"


def _object(change: ObjectChange) -> dict[str, object]:
    sentences = [
        {
            **asdict(sentence),
            "where": headline(change, sentence.subject),
            "old": _finite(pruned(sentence.old)),
            "new": _finite(pruned(sentence.new)),
        }
        for sentence in change.sentences
    ]
    names = ("kind", "uid", "title", "action")
    return {**{name: getattr(change, name) for name in names}, "sentences": sentences}


def _finite(value: Any) -> Any:
    """Write infinities as text: JSON has no number for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and math.isinf(value) else value
