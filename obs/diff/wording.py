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
NAMED = 6  # of several subjects that are named, the others are counted
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

    Several subjects in which all the same has changed come together: a change repeated over a board is said once.
    """
    together: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        if not sentence.hidden:
            together.setdefault(sentence.subject, []).append(sentence)
    alike: dict[Hashable, list[str]] = defaultdict(list)
    for subject, said in together.items():
        repeats = subject and all(one.verb == "changed" for one in said)
        alike[tuple((one.text, one.before, one.after) for one in said) if repeats else subject].append(subject)
    for names in alike.values():
        for group in [names] if len(names) >= SEVERAL else [[name] for name in names]:
            yield tuple(group), together[group[0]]


def headline(change: ObjectChange, *names: str) -> str:
    """Name where a line's changes are: `API / Error ratio`, several panels, or the object alone."""
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    where = " and ".join(filter(None, [", ".join(names[:NAMED]), *more]))
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
