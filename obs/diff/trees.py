"""What changed between two sets of files: two revisions, two folders, code and what is committed?"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import orjson

from obs.diff.change import DiffError, ObjectChange, Sentence
from obs.diff.dashboard import diff_dashboard
from obs.diff.documents import Document, Found, held, opened
from obs.diff.pairing import Pairing
from obs.diff.rules import diff_rule_group

Named = tuple[str, Document]
Placed = tuple[str, ObjectChange]
TOO_DEEP = "its values are nested too deeply"


def diff_trees(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[ObjectChange, ...]:
    """Describe one change for each dashboard and rule group in two mappings of path to parsed file, in path order.

    A dashboard is recognised by its uid wherever its file lies, a rule group by file, namespace and name, or by the
    last two. A file that holds neither is `skipped`, one that cannot be compared is `unread`, each with its reason;
    the rest goes on.
    """
    unread: dict[str, ObjectChange] = {}
    sides = [{path: list(_found(path, value, unread)) for path, value in side.items()} for side in (old, new)]
    readable = [{path: found for path, found in side.items() if path not in unread} for side in sides]
    changes = [*unread.items(), *_foreign(*readable), *_dashboards(*readable), *_groups(*readable)]
    return tuple(change for _, change in sorted(changes, key=lambda item: item[0]))


def not_compared(path: str, error: object) -> ObjectChange:
    """Say why a file or an object in it takes no part."""
    return ObjectChange("file", path, path, "unread", (Sentence("", f"not compared: {error}", "file"),))


def _found(path: str, value: Any, unread: dict[str, ObjectChange]) -> Iterator[Found]:
    try:
        yield from held(value)
    except DiffError as error:
        unread[path] = not_compared(path, error)
    except RecursionError:
        unread[path] = not_compared(path, TOO_DEEP)


def _foreign(*sides: Mapping[str, list[Found]]) -> Iterator[Placed]:
    for path in dict.fromkeys(path for side in sides for path in side):
        if not any(side.get(path) for side in sides):
            said = Sentence("", "holds neither a dashboard nor a rule group", "file")
            yield path, ObjectChange("file", path, path, "skipped", (said,))


def _dashboards(*sides: Mapping[str, list[Found]]) -> Iterator[Placed]:
    old, new = ([(path, model) for path, kind, _, model in _all(side) if kind == "dashboard"] for side in sides)
    found = Pairing(old, new)
    for key in (lambda item: str(opened(item[1]).get("uid") or ""), lambda item: item[0]):
        found.by(key, lambda item: item[0])
    yield from _changes(found, diff_dashboard)


def _groups(*sides: Mapping[str, list[Found]]) -> Iterator[Placed]:
    old, new = (
        [
            (f"{path}#{space}#{group.get('name')}", group)
            for path, kind, space, group in _all(side)
            if kind != "dashboard"
        ]
        for side in sides
    )
    found = Pairing(old, new)
    # In its file, in one that lies elsewhere, in one that is called otherwise.
    for key in (lambda item: item[0], lambda item: PurePath(item[0]).name, lambda item: item[0].partition("#")[2]):
        found.by(key, lambda item: item[0])
    yield from _changes(found, diff_rule_group)


def _all(side: Mapping[str, list[Found]]) -> Iterator[tuple[str, str, str, Document]]:
    yield from ((path, *one) for path, found in side.items() for one in found)


def _changes(
    found: Pairing[Named], compare: Callable[[Document | None, Document | None], ObjectChange]
) -> Iterator[Placed]:
    sides: list[tuple[str, Document | None, Document | None]] = [(new[0], old[1], new[1]) for old, new in found.pairs]
    sides += [(path, document, None) for path, document in found.removed]
    sides += [(path, None, document) for path, document in found.added]
    for path, before, after in sides:
        try:
            yield path, compare(before, after)
        except DiffError as error:
            yield path, not_compared(path, error)
        except (RecursionError, orjson.JSONEncodeError):
            yield path, not_compared(path, TOO_DEEP)
