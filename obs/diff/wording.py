"""Which sentences belong together, and how are changes counted?"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

from obs.diff.change import Action, ObjectChange, Sentence

ACTIONS: dict[Action, str] = {
    "create": "new",
    "update": "changed",
    "delete": "deleted",
    "unchanged": "unchanged",
    "skipped": "skipped",
    "unread": "not compared",
}
SEVERAL = 3  # subjects from which what is said of each alike is said once
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


def subjects(sentences: Sequence[Sentence]) -> Iterator[tuple[tuple[str, ...], list[Sentence]]]:
    """Gather the sentences a reader should see first by subject, in the order the subjects appear.

    What is said of several subjects alike comes once, with all of them: the traces of an upgrade are one line.
    """
    shown = [one for one in sentences if not one.hidden]
    holders: dict[Hashable, dict[str, None]] = defaultdict(dict)
    for one in shown:
        holders[_said(one)][one.subject] = None
    together: dict[tuple[str, ...], dict[Hashable, Sentence]] = {}
    for one in shown:
        names = tuple(holders[_said(one)])
        group = names if len(names) >= SEVERAL and one.verb == "changed" else (one.subject,)
        together.setdefault(group, {}).setdefault((_said(one), *(() if len(group) > 1 else (id(one),))), one)
    for group, said in together.items():
        yield group, list(said.values())


def _said(sentence: Sentence) -> tuple[str, str, str, bool]:
    return sentence.text, sentence.before, sentence.after, bool(sentence.subject)


def headline(change: ObjectChange, *names: str) -> str:
    """Name where a line's changes are: `API / Error ratio`, several panels, or the object alone."""
    where = ", ".join(filter(None, names))
    return f"{change.title or change.uid} / {where}" if where else change.title or change.uid


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
