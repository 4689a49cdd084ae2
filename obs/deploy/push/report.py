"""How is a plan, and what became of it, said to a person?"""

import json
from collections.abc import Iterator
from typing import Any

from obs.deploy.grafana.state import Item
from obs.deploy.plan.plan import Change, Plan
from obs.deploy.push.outcome import Outcome
from obs.diff import (
    DiffError,
    ObjectChange,
    Sentence,
    diff_object,
    render_json,
    render_markdown,
    render_terminal,
)

HEADLINES = {
    "new": "Everything is as planned.",
    "old": "Nothing has changed: what was written has been put back.",
    "mixed": "Grafana holds parts of the old and the new state.",
}


def in_words(change: Change) -> ObjectChange:
    """Say what a change changes."""
    if change.action == "unchanged":
        return ObjectChange(change.key.kind, change.key.uid, change.title, "unchanged")
    return difference(change.before, change.item)


def difference(old: Item | None, new: Item | None) -> ObjectChange:
    """Say in words how one state of an object differs from another, without what Grafana rewrites."""
    item = next(one for one in (new, old) if one is not None)
    try:
        return diff_object(item.key.kind, _told(old), _told(new))
    except DiffError as error:
        told = Sentence("", f"not compared: {error}", str(item.key.kind))
        return ObjectChange(item.key.kind, item.key.uid, item.title, "unread", (told,))


def rendered(plan: Plan, form: str) -> str:
    """Return a plan in words: for the terminal, as Markdown, as JSON; obstacles and notes included."""
    changes = [*plan.told, *(in_words(change) for change in plan.changes)]
    said = list(obstacles(plan))
    if form == "json":
        return json.dumps({"changes": json.loads(render_json(changes)), "obstacles": said, "summary": summary(plan)})
    if form == "markdown":
        return "\n".join([render_markdown(changes).rstrip(), "", *(f"- {line}" for line in said)]).rstrip()
    return "\n".join(part for part in (render_terminal(changes).rstrip(), *said, summary(plan)) if part)


def obstacles(plan: Plan) -> Iterator[str]:
    """Yield a sentence for each thing in the way, and each thing to know."""
    for change in plan.refused:
        yield f"refused: {change.key.kind} {change.title!r}: {change.obstacle}"
    if plan.missing_permissions:
        lacks = ", ".join(plan.missing_permissions)
        yield f"note: a push with this token would be refused: it lacks {lacks}"
    for note in plan.notes:
        yield f"note: {note}"


def summary(plan: Plan) -> str:
    """Count a plan's changes: "2 to create, 1 to change, 0 to delete, 9 unchanged"."""
    words = {"create": "to create", "update": "to change", "delete": "to delete", "unchanged": "unchanged"}
    counts = {action: sum(change.action == action for change in plan.changes) for action in words}
    return ", ".join(f"{counts[action]} {word}" for action, word in words.items())


def outcome(done: Outcome) -> Iterator[str]:
    """Yield what a push did, object by object where it did not go as planned."""
    if not done.results and not done.failure:
        yield "Nothing to do."
    else:
        yield f"{HEADLINES[done.state]} ({_fates(done)})"
    if done.failure:
        yield f"It failed at {done.failure}"
        yield from (f"  {entry.fate}: {entry.key.kind} {entry.title!r}{_because(entry.why)}" for entry in done.results)
        if done.state == "mixed":
            yield "The journal remembers how it was; push again to finish."
    yield from (f"note: {note}" for note in (*done.said, *done.notes))


def _told(item: Item | None) -> dict[str, Any] | None:
    if item is None:
        return None
    folder = {"folderUid": item.folder_uid} if item.folder_uid else {}
    return {"uid": item.key.uid, **item.shown(), **folder}


def _fates(done: Outcome) -> str:
    fates = [entry.fate for entry in done.results]
    return ", ".join(f"{fates.count(fate)} {fate}" for fate in sorted(set(fates)))


def _because(why: str) -> str:
    return f": {why}" if why else ""
