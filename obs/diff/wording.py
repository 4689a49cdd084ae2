"""Which sentences belong together, and how are changes counted?"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from obs.diff.change import Action, ObjectChange, Sentence

ACTIONS: dict[Action, str] = {
    "create": "new",
    "update": "changed",
    "delete": "deleted",
    "unchanged": "unchanged",
    "skipped": "skipped",
    "unread": "not compared",
}
KINDS = {
    "cases": "cases of the alerts in",
    "rule-group": "rule group",
    "datasource": "data source",
    "contact-point": "contact point",
    "settings": "settings",
}


def noun(change: ObjectChange) -> str:
    """Name the object's kind in words."""
    return KINDS.get(change.kind, change.kind.replace("-", " "))


def subjects(sentences: Sequence[Sentence]) -> Iterator[tuple[str, list[Sentence]]]:
    """Gather the sentences a reader should see first by subject, in the order the subjects appear."""
    together: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        if not sentence.hidden:
            together.setdefault(sentence.subject, []).append(sentence)
    yield from together.items()


def headline(change: ObjectChange, subject: str) -> str:
    """Name where a line's changes are: `API / Error ratio`, or the object alone."""
    return f"{change.title or change.uid} / {subject}" if subject else change.title or change.uid


def told(sentences: Iterable[Sentence]) -> str:
    """Join several changes of one subject to one sentence, those with a query last and a colon to announce it."""
    ordered = sorted(sentences, key=lambda one: bool(one.before or one.after))
    joined = "; ".join(dict.fromkeys(one.text for one in ordered))
    return f"{joined}:" if ordered[-1].before or ordered[-1].after else joined


def layout_note(change: ObjectChange) -> str:
    """Put the hidden consequences in one line, "" if there are none; changed panel ids are counted, not listed."""
    hidden = [sentence for sentence in change.sentences if sentence.hidden]
    ids = sum(sentence.field == "id" for sentence in hidden)
    notes = [sentence.text for sentence in hidden if sentence.field != "id"]
    notes += [f"{ids} panel id{'s' if ids > 1 else ''} changed"] if ids else []
    return "; ".join(notes)


def tally(changes: Iterable[ObjectChange]) -> str:
    """Count how many objects are new, changed, deleted: `1 new, 2 changed, 14 unchanged`."""
    counts = Counter(change.action for change in changes)
    return ", ".join(f"{counts[action]} {words}" for action, words in ACTIONS.items() if counts[action]) or "nothing"
