"""What changed in a group of alerting and recording rules, rule by rule?"""

from collections.abc import Iterator, Mapping
from typing import Any

from obs import durations
from obs.diff.change import Action, ObjectChange, Path, Sentence, Verb, one_sided, presence
from obs.diff.fields import disordered, listed_well, plain, untold
from obs.diff.normalise import canonical, shown
from obs.diff.pairing import Pairing
from obs.diff.panel import QUERY_FIELDS, TARGET_NAMES, asked, letter, query_text, relettered
from obs.diff.values import changed, number, objects, quoted, same, table, without
from obs.query.compare import differences, formatted

Model = dict[str, Any]

# Prometheus spells these with underscores, Grafana's provisioning API in camel case.
HELD = {"for": "for", "keep_firing_for": "keep_firing_for", "keepFiringFor": "keep_firing_for"}
NAMES = {
    "noDataState": "state without data",
    "execErrState": "state on error",
    "isPaused": "paused",
    "condition": "condition",
    "folderUID": "folder",
    "ruleGroup": "rule group",
    "missingSeriesEvalsToResolve": "evaluations before a missing series resolves",
    "notification_settings.receiver": "contact point",
    "notification_settings.group_by": "grouped by",
    "notification_settings.group_wait": "group wait",
    "notification_settings.group_interval": "group interval",
    "notification_settings.repeat_interval": "repeated after",
    "notification_settings.mute_time_intervals": "mute timings",
    "record.metric": "recorded metric",
}
NAMED_BY = ("alert", "record", "title")
ANNOTATION_NAMES = {
    "runbook_url": "runbook",
    "__dashboardUid__": "linked dashboard",
    "__panelId__": "linked panel",
}
NODE_NAMES = {
    "datasourceUid": "data source",
    "relativeTimeRange.from": "seconds back from",
    "relativeTimeRange.to": "seconds back to",
}
GROUP_NAMES = {
    "folderUid": "folder",
    "folder": "folder",
    "limit": "limit",
    "query_offset": "query offset",
    "name": "name",
}
EXPRESSION = frozenset({"__expr__", "-100"})  # Grafana's own data source for reductions and thresholds, then and now
EVALUATORS = {
    "gt": "above",
    "lt": "below",
    "gte": "at least",
    "lte": "at most",
    "eq": "equal to",
    "ne": "other than",
    "within_range": "within",
    "outside_range": "outside",
}
SPOKEN = frozenset({"alert", "record", "title", "expr", "data", "labels", "annotations", *HELD})


def diff_rule_group(old: Model | None, new: Model | None) -> ObjectChange:
    """Describe the change from one rule group to another; None stands for a group that does not exist.

    Takes a group of a Prometheus rule file (`name`, `rules` with `expr`) or of Grafana's provisioning API (`title`,
    `folderUid`, `rules` with `data`), the same kind on both sides. Queries and durations compare by meaning.
    """
    model = new or old or {}
    title = str(model.get("name") or model.get("title") or "")
    uid = f"{model['folderUid']}/{title}" if model.get("folderUid") else title
    if old is None or new is None:
        verb = presence(old)
        action: Action = "unchanged" if not model else "create" if old is None else "delete"
        sentences = tuple(_whole(rule, verb) for rule in objects(model.get("rules")))
        return ObjectChange("rule-group", uid, title, action, sentences)
    if canonical("rule-group", old) == canonical("rule-group", new):
        return ObjectChange("rule-group", uid, title, "unchanged")
    before, after = (shown("rule-group", side) for side in (old, new))
    told = list(_changes(before, after))
    spoken = ("rules",) if listed_well("rules", before, after) else ()
    rest = untold("", without(before, spoken), without(after, spoken), told)
    return ObjectChange("rule-group", uid, title, "update", (*told, *rest))


def _changes(old: Model, new: Model) -> Iterator[Sentence]:
    if _lasting(old.get("interval")) != _lasting(new.get("interval")):
        text = f"evaluated every {_spoken(old.get('interval'))} to {_spoken(new.get('interval'))}"
        path: Path = ("interval",)
        yield Sentence("", text, "interval", old=old.get("interval"), new=new.get("interval"), path=path)
    apart = ("rules", "interval")
    yield from plain("", without(old, apart), without(new, apart), names=GROUP_NAMES)
    found = _paired(objects(old.get("rules")), objects(new.get("rules")))
    yield from (_whole(rule, "removed") for rule in found.removed)
    yield from (_whole(rule, "added") for rule in found.added)
    place = {id(rule): index for index, rule in enumerate(objects(new.get("rules")))}
    for before, after in sorted(found.pairs, key=lambda pair: place[id(pair[1])]):
        yield from _rule(before, after, ("rules", place[id(after)]))
    yield from disordered("", "rules", (old.get("rules"), new.get("rules")), found.pairs, _name, path=("rules",))


def _paired(old: list[Model], new: list[Model]) -> Pairing[Model]:
    """Pair by uid, then by name, then (renamed) by query."""
    found = Pairing(old, new)
    for key in (lambda rule: str(rule.get("uid") or ""), _name, _query):
        found.by(key, lambda rule: rule)
    return found


def _name(rule: Model) -> str:
    return next((str(rule[field]) for field in NAMED_BY if rule.get(field)), "unnamed rule")


def _query(rule: Model) -> str | None:
    asked = [node for node in objects(rule.get("data")) if node.get("datasourceUid") not in EXPRESSION]
    texts = (rule.get("expr"), *(query_text(table(node.get("model"))) for node in asked))
    return "\n".join(formatted(text) for text in texts if isinstance(text, str) and text) or None


def _whole(rule: Model, verb: Verb) -> Sentence:
    kind = "recording rule" if rule.get("record") else "alert"
    severity = table(rule.get("labels")).get("severity")
    held = f", for {_spoken(rule['for'])}" if _lasting(rule.get("for")) else ""
    text = f"{kind} {verb}" + (f" ({severity}{held})" if severity else "")
    old, new = (None, rule) if verb == "added" else (rule, None)
    return one_sided(_name(rule), text, "rule", old, new, path=("rules",), code=_query(rule) or "")


def _rule(old: Model, new: Model, path: Path) -> Iterator[Sentence]:
    if same(old, new):
        return
    told = list(_told(old, new, path))
    yield from told
    spoken = ("data",) if listed_well("data", old, new) else ()
    yield from untold(_name(old), without(old, spoken), without(new, spoken), told, path)


def _told(old: Model, new: Model, path: Path) -> Iterator[Sentence]:
    subject = _name(old)
    if _name(new) != subject:
        at: Path = (*path, next((name for name in NAMED_BY if new.get(name)), "title"))
        yield Sentence(subject, f"renamed to {_name(new)}", "name", "renamed", subject, _name(new), path=at)
    yield from _expression(subject, "query", old.get("expr"), new.get("expr"), (*path, "expr"))
    yield from _nodes(subject, old, new, (*path, "data"))
    for key, name in HELD.items():
        if _lasting(old.get(key)) != _lasting(new.get(key)):
            text = f"{name} {_spoken(old.get(key))} to {_spoken(new.get(key))}"
            yield Sentence(subject, text, name, old=old.get(key), new=new.get(key), path=(*path, key))
    yield from _labels(subject, table(old.get("labels")), table(new.get("labels")), (*path, "labels"))
    noted: Path = (*path, "annotations")
    yield from plain(subject, old.get("annotations"), new.get("annotations"), noted, names=ANNOTATION_NAMES)
    yield from plain(subject, without(old, SPOKEN), without(new, SPOKEN), path, names=NAMES)


def _labels(subject: str, old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Sentence]:
    """Put severity first: it decides who is woken. Every other label routes too, and says so."""
    for name in sorted({*old, *new}, key=lambda label: (label != "severity", label)):
        if not same(old.get(name), new.get(name)):
            said = name if name == "severity" else f"routing label {name}"
            text = changed(said, old.get(name), new.get(name)).replace('"', "")
            yield Sentence(subject, text, name, old=old.get(name), new=new.get(name), path=(*path, name))


def _expression(subject: str, name: str, old: str | None, new: str | None, path: Path) -> Iterator[Sentence]:
    """Call a number compared with a threshold; anything else a changed part of the query."""
    said = set()
    for part in differences(old or "", new or ""):
        if part.threshold and part.threshold not in said:
            said.add(part.threshold)
            sign, before, after = part.threshold
            text = f"threshold {sign} {number(before)} to {sign} {number(after)}"
            yield Sentence(subject, text, "threshold", old=before, new=after, path=path)
        elif not part.threshold:
            yield Sentence(subject, name, "query", "changed", old, new, part.before, part.after, path)


def _nodes(subject: str, old: Model, new: Model, path: Path) -> Iterator[Sentence]:
    """Compare the queries and expressions of a Grafana-managed rule, paired by letter and text, by text, by letter."""
    found = Pairing(objects(old.get("data")), objects(new.get("data")))
    for key in (lambda node: (letter(node), _asked(node)), _asked, letter):
        found.by(key, lambda node: node)
    for before, after in found.pairs:
        at = (*path, letter(after))
        yield from relettered(subject, before, after, at)
        yield from _node(subject, letter(after), before, after, at)
    for verb, nodes in (("removed", found.removed), ("added", found.added)):
        for node in nodes:
            sides = (node, None) if verb == "removed" else (None, node)
            code = formatted(query_text(table(node.get("model"))))
            at = (*path, letter(node))
            yield one_sided(subject, f"query {letter(node)} {verb}", "query", *sides, path=at, code=code)
    yield from disordered(subject, "queries", (old.get("data"), new.get("data")), found.pairs, letter, path=path)


def _asked(node: Model) -> str:
    return asked(table(node.get("model")))


def _node(subject: str, letter: str, old: Model, new: Model, path: Path) -> Iterator[Sentence]:
    models = table(old.get("model")), table(new.get("model"))
    yield from _expression(subject, f"query {letter}", query_text(models[0]), query_text(models[1]), path)
    conditions = [objects(model.get("conditions")) for model in models]
    limits = [_evaluator(side) for side in conditions]
    if limits[0] != limits[1]:
        text = f"threshold {limits[0]} to {limits[1]}"
        yield Sentence(subject, text, "threshold", old=conditions[0], new=conditions[1], path=path)
    prefix = f"query {letter}: "
    told = QUERY_FIELDS if limits[0] == limits[1] else (*QUERY_FIELDS, "conditions")
    if all(table(side.get("model")).get("refId") == side.get("refId") for side in (old, new)):
        told = (*told, "refId")
    before, after = (without(model, told) for model in models)
    yield from plain(subject, before, after, path, names=TARGET_NAMES, prefix=prefix)
    before, after = (without(side, ("model", "refId")) for side in (old, new))
    yield from plain(subject, before, after, path, names=NODE_NAMES, prefix=prefix)


def _evaluator(conditions: list[Model]) -> str:
    """Write the limits of a threshold or classic condition: above 0.01, within 1 and 2."""
    said = []
    for condition in conditions:
        evaluator = table(condition.get("evaluator"))
        params = evaluator.get("params")
        numbers = " and ".join(quoted(param) for param in params) if isinstance(params, list) else quoted(params)
        said.append(f"{EVALUATORS.get(str(evaluator.get('type')), evaluator.get('type'))} {numbers}")
    return " or ".join(said) or "none"


def _lasting(duration: Any) -> int | str:
    """Measure a duration in milliseconds (seconds as a number, 90s, 1m30s); text that is none as it is."""
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        return round(duration * 1000)
    try:
        return durations.parse(str(duration or "0"))
    except ValueError:
        return str(duration)


def _spoken(duration: Any) -> str:
    if isinstance(duration, (int, float)) and not isinstance(duration, bool):
        return f"{number(duration)}s"
    return str(duration or "none")
