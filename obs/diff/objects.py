"""What changed in a folder, data source, contact point, policy, mute timing or template?"""

from collections.abc import Iterator
from typing import Any

from obs.diff.change import Action, ObjectChange, Path, Sentence, one_sided, presence
from obs.diff.dashboard import diff_dashboard
from obs.diff.fields import disordered, listed_well, plain
from obs.diff.normalise import canonical, shown
from obs.diff.pairing import Pairing
from obs.diff.rules import diff_rule_group
from obs.diff.values import objects, quoted, without

Model = dict[str, Any]

SECRET = ("password", "secret", "token", "key", "credentials", "authorization", "settings.url", "settings.headers")
NAMES = {
    "parentUid": "parent folder",
    "title": "title",
    "name": "name",
    "disableResolveMessage": "resolved messages off",
    "access": "access mode",
    "isDefault": "default data source",
    "receiver": "contact point",
    "group_by": "grouped by",
    "group_wait": "group wait",
    "group_interval": "group interval",
    "repeat_interval": "repeated after",
    "mute_time_intervals": "mute timings",
    "object_matchers": "matchers",
}


def diff_object(kind: str, old: Model | None, new: Model | None) -> ObjectChange:
    """Describe the change of one Grafana object of any kind; None stands for an object that does not exist.

    `kind` is dashboard, rule-group, folder, datasource, contact-point, policy, mute-timing or template. Values that may
    be secret (passwords, tokens, keys, webhook addresses) are never quoted, only said to have changed.
    """
    if kind == "dashboard":
        return diff_dashboard(old, new)
    if kind == "rule-group":
        return diff_rule_group(old, new)
    model = new or old or {}
    uid = str(model.get("uid") or model.get("name") or "")
    title = str(model.get("title") or model.get("name") or model.get("receiver") or uid)
    if old is None or new is None:
        action: Action = "unchanged" if old is new else "create" if old is None else "delete"
        return ObjectChange(kind, uid, title, action)
    if canonical(kind, old) == canonical(kind, new):
        return ObjectChange(kind, uid, title, "unchanged")
    before, after = shown(kind, old), shown(kind, new)
    sentences = tuple(_policy(before, after) if kind == "policy" else _fields(before, after))
    return ObjectChange(kind, uid, title, "update", sentences or (Sentence("", "changed", "value"),))


def _fields(old: Model, new: Model, subject: str = "", path: Path = ()) -> Iterator[Sentence]:
    for sentence in plain(subject, old, new, path, names=NAMES):
        yield _discreet(sentence)


def _discreet(sentence: Sentence) -> Sentence:
    """Leave out the values, if its name or any name inside them says they may be secret."""
    names = [".".join(map(str, sentence.path)), *_keys(sentence.old), *_keys(sentence.new)]
    address = names[0].startswith("settings.") and "://" in f"{sentence.old} {sentence.new}"  # it may carry a token
    if not address and not any(word in name.lower() for name in names for word in SECRET):
        return sentence
    what = "set" if sentence.old is None else "removed" if sentence.new is None else "changed (value not shown)"
    return Sentence(sentence.subject, f"{sentence.field} {what}", sentence.field, sentence.verb, path=sentence.path)


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*map(str, value), *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


def _policy(old: Model, new: Model, subject: str = "") -> Iterator[Sentence]:
    """Compare a routing tree node by node; children are recognised by their matchers, then by their contact point."""
    spoken = ("routes",) if listed_well("routes", old, new) else ()
    yield from _fields(without(old, spoken), without(new, spoken), subject)
    found = Pairing(objects(old.get("routes")), objects(new.get("routes")))
    for key in (lambda route: (_matchers(route), str(route.get("receiver"))), _matchers):
        found.by(key, lambda route: route)
    for before, after in (*((route, None) for route in found.removed), *((None, route) for route in found.added)):
        route = before or after or {}
        text = f"{presence(before)}, to {route.get('receiver') or 'the contact point above it'}"
        yield one_sided(_matchers(route), text, "route", before, after, path=("routes",))
    for before, after in found.pairs:
        yield from _policy(before, after, _matchers(after))
    lists = old.get("routes"), new.get("routes")
    yield from disordered(subject, "routes", lists, found.pairs, _matchers, path=("routes",))


def _matchers(route: Model) -> str:
    matchers = route.get("object_matchers")
    said = [" ".join(map(str, one)) for one in matchers if isinstance(one, list)] if isinstance(matchers, list) else []
    return f"route {quoted(', '.join(said))}" if said else "route for everything else"
