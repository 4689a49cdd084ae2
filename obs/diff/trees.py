"""What changed between two sets of files: two revisions, two folders, code and what is committed?"""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from obs.diff.change import DiffError, ObjectChange
from obs.diff.dashboard import diff_dashboard, opened
from obs.diff.pairing import Pairing
from obs.diff.rules import diff_rule_group
from obs.diff.values import objects

Document = dict[str, Any]
Named = tuple[str, Document]


def diff_trees(old: Mapping[str, Document], new: Mapping[str, Document]) -> tuple[ObjectChange, ...]:
    """Describe one change for each dashboard and rule group in two mappings of path to parsed file, in path order.

    A dashboard is recognised by its uid wherever its file lies, a rule group by file and name. Raises DiffError, with
    the path, for a file that cannot be compared.
    """
    changes = [*_dashboards(old, new), *_groups(old, new)]
    return tuple(change for _, change in sorted(changes, key=lambda item: item[0]))


def _dashboards(old: Mapping[str, Document], new: Mapping[str, Document]) -> Iterator[tuple[str, ObjectChange]]:
    found = Pairing(_single(old), _single(new))
    for key in (lambda item: str(opened(item[1]).get("uid") or ""), lambda item: item[0]):
        found.by(key, lambda item: item[0])
    for path, before, after in _sides(found):
        try:
            yield path, diff_dashboard(before, after)
        except DiffError as error:
            raise DiffError(f"{path}: {error}") from error


def _groups(old: Mapping[str, Document], new: Mapping[str, Document]) -> Iterator[tuple[str, ObjectChange]]:
    found = Pairing(_named_groups(old), _named_groups(new))
    for key in (lambda item: item[0], lambda item: PurePath(item[0]).name):
        found.by(key, lambda item: item[0])
    for path, before, after in _sides(found):
        yield path, diff_rule_group(before, after)


def _single(tree: Mapping[str, Document]) -> list[Named]:
    return [(path, document) for path, document in tree.items() if _rule_groups(document) is None]


def _named_groups(tree: Mapping[str, Document]) -> list[Named]:
    return [
        (f"{path}#{group.get('name')}", group)
        for path, document in tree.items()
        for group in objects(_rule_groups(document))
    ]


def _rule_groups(document: Document) -> Any:
    """Return the groups of a rule file or of a `PrometheusRule`, None for another document."""
    spec = document.get("spec")
    return document.get("groups", spec.get("groups") if isinstance(spec, dict) else None)


def _sides(found: Pairing[Named]) -> Iterator[tuple[str, Document | None, Document | None]]:
    yield from ((new[0], old[1], new[1]) for old, new in found.pairs)
    yield from ((path, document, None) for path, document in found.removed)
    yield from ((path, None, document) for path, document in found.added)
