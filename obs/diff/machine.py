"""How does a program read changes?"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from obs.diff.change import ObjectChange
from obs.diff.normalise import pruned
from obs.diff.values import finite
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
            "old": finite(pruned(sentence.old)),
            "new": finite(pruned(sentence.new)),
        }
        for sentence in change.sentences
    ]
    names = ("kind", "uid", "title", "action")
    return {**{name: getattr(change, name) for name in names}, "sentences": sentences}
