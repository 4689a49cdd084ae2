"""What changed in the files that are neither dashboards nor rules: routes, scrapes, compose files, stack.toml?"""

import difflib
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from obs import toml
from obs.diff.change import Action, DiffError, ObjectChange, Path, Sentence, one_sided, presence
from obs.diff.documents import parsed
from obs.diff.fields import items, reordered
from obs.diff.values import changed, listed_objects, quoted, same

STRUCTURED = (".json", ".yml", ".yaml", ".toml")
NAMES = ("name", "job_name", "alertname", "url", "uid", "id", "replacement")
CONSEQUENCES = {
    "grafana.pages": "the next push unpauses (on) or pauses (off) every rule in Grafana, and adds or drops its contact "
    "points and its branch of the notification policy",
    "grafana.folder": "the next push puts every dashboard and rule into other folders",
    "service.environment": "it is a label of every alert and series",
    "service.name": "every uid, rule group and folder is another one",
}
"""What a key of stack.toml changes beyond the files that are built."""


def diff_settings(path: str, old: bytes | None, new: bytes | None) -> ObjectChange:
    """Describe what changed in a file of settings, key by key, or line by line where it has no keys.

    Raises DiffError, with the path, for a file that cannot be read.
    """
    if old == new:
        return ObjectChange("settings", path, path, "unchanged")
    if old is None or new is None:
        action: Action = "create" if old is None else "delete"
        return ObjectChange("settings", path, path, action)
    sides = [_parsed(path, side) if path.endswith(STRUCTURED) else _lines(side) for side in (old, new)]
    if same(sides[0], sides[1]):
        return ObjectChange("settings", path, path, "unchanged")
    told = _lines_told(*sides) if not path.endswith(STRUCTURED) else _told(sides[0], sides[1], "", ())
    return ObjectChange("settings", path, path, "update", tuple(map(_with_consequence, told)))


def _parsed(path: str, text: bytes) -> Any:
    if not path.endswith(".toml"):
        documents = parsed(path, text)
        return documents[0] if isinstance(documents, list) and len(documents) == 1 else documents
    try:
        return toml.parse(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DiffError(f"{path} is not valid TOML: {error}") from error


def _lines(text: bytes) -> list[str]:
    lines = (line.strip() for line in text.decode(errors="replace").splitlines())
    return [line for line in lines if line and not line.startswith(("#", ";"))]


def _lines_told(old: list[str], new: list[str]) -> Iterator[Sentence]:
    for tag, start, end, low, high in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            before, after = old[start:end], new[low:high]
            yield Sentence(
                "", "lines", "lines", old=before, new=after, before="\n".join(before), after="\n".join(after)
            )


def _told(old: Any, new: Any, subject: str, path: Path) -> Iterator[Sentence]:
    """Walk two values; items of lists are known by their name, so that each is told by it."""
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _told(old.get(key), new.get(key), _below(subject, str(key)), (*path, key))
    elif listed_objects(old) and listed_objects(new):
        named = _relabelling if str(path[-1] if path else "").endswith("relabel_configs") else _name
        for name, before, after in items(old, new, named):
            where = f"{subject} {quoted(name)}" if name else subject
            if before is None or after is None:
                yield one_sided(where, presence(before), "entry", before, after, path=path)
            else:
                yield from _told(before, after, where, path)
        yield from reordered(subject, "order", old, new, named, path=path)
    else:
        outer, _, name = subject.rpartition(".")
        verb = presence(old) if old is None or new is None else "changed"
        yield Sentence(outer, changed(name, old, new), name, verb, old, new, path=path)


def _below(subject: str, key: str) -> str:
    return f"{subject}.{key}" if subject else key


def _name(item: dict[str, Any]) -> str:
    """Name an entry of a list by its name, or by what it matches."""
    given = next((str(item[name]) for name in NAMES if isinstance(item.get(name), str)), "")
    matched = [str(one) for key in sorted(item) if key.endswith("matchers") for one in item[key] or ()]
    return given or ", ".join(matched)


def _relabelling(step: dict[str, Any]) -> str:
    """Name a step of relabelling by what it does to series.

    https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
    """
    action, pattern = str(step.get("action") or "replace").lower(), str(step.get("regex") or ".*")
    sources = [str(one) for one in step.get("source_labels") or ()]
    matched = "name" if sources == ["__name__"] else " and ".join(sources)
    where = f" whose {matched} {'match' if len(sources) > 1 else 'matches'} {pattern}" if sources else ""
    target, value = step.get("target_label"), step.get("replacement", "$1")
    match action:
        case "drop" | "keep":
            return f"{'drops' if action == 'drop' else 'keeps only'} series{where}"
        case "replace" if target == "__name__":
            return f"renames series{where} to {value}"
        case "replace":
            return f"sets label {target} to {value} on series{where}" if where else f"sets label {target} to {value}"
        case "labeldrop" | "labelkeep":
            return f"{'drops' if action == 'labeldrop' else 'keeps only'} labels that match {pattern}"
        case "labelmap":
            return f"copies labels that match {pattern} to {value}"
    return f"{action} of {matched} into label {target}" if target else action


def _with_consequence(sentence: Sentence) -> Sentence:
    consequence = CONSEQUENCES.get(".".join(map(str, sentence.path)))
    if not consequence:
        return sentence
    return replace(sentence, text=f"{sentence.text}: {consequence}")
