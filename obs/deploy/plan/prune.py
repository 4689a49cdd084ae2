"""Which objects are ours, in Grafana, and gone from the code?"""

from dataclasses import dataclass, field, replace

from obs.deploy.grafana.state import Key, Kind, Live
from obs.deploy.plan.obstacles import Judge
from obs.stack import ownership


@dataclass(slots=True)
class Gone:
    """What pruning would delete, each with its obstacle ("" for none); in sentences, what bears our mark and stays."""

    deleted: list[tuple[Live, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def gone(judge: Judge) -> Gone:
    """Find, read in full, everything a push of ours made that is no longer in the code.

    Deleting is judged as changing is: what a person edited stands in the way. A mark alone does not make an object
    ours, for people copy boards with their tags. A folder goes only if nothing but pruned objects is in it.
    """
    found = Gone()
    wanted = {item.key for item in judge.desired}
    _dashboards(judge, wanted, found)
    _rule_groups(judge, wanted, found)
    for key, live in sorted(judge.seen.named.items()):
        if live.owned and key not in wanted:
            _judged(found, live, left=live.obstacle)
    branch = Key(Kind.POLICY, judge.desired.owner)
    if branch not in wanted and (ours := judge.stores.policies.read(branch.uid)):
        found.deleted.append((ours, ours.obstacle))
    _folders(judge, wanted, found)
    return found


def _dashboards(judge: Judge, wanted: set[Key], found: Gone) -> None:
    for uid, entry in sorted(judge.seen.dashboards.items()):
        if not ownership.owns_tags(judge.desired.owner, entry.get("tags") or ()) or Key(Kind.DASHBOARD, uid) in wanted:
            continue
        live = judge.stores.dashboards.read(uid)
        if live is None or not live.owned:
            continue
        save = judge.stores.dashboards.last_save(uid)
        adopted = uid in judge.adopt_mine
        left = "" if adopted or judge.ever_ours(save) else "no push saved it, so it is taken for somebody's copy"
        live = replace(live, edited=not judge.saved_by_us(save))
        _judged(found, live, left=live.obstacle or left, obstacle=judge.of_people(live, save))


def _rule_groups(judge: Judge, wanted: set[Key], found: Gone) -> None:
    for key, rules in sorted(judge.seen.rules.items()):
        ours = all(ownership.owns_labels(judge.desired.owner, rule.get("labels")) for rule in rules)
        if ours and key not in wanted and (live := judge.stores.rule_groups.read(key.uid)) and live.owned:
            _judged(found, live, left=judge.stores.rule_groups.obstacle(rules, adopted=key.uid in judge.adopt_mine))


def _judged(found: Gone, live: Live, *, left: str, obstacle: str = "") -> None:
    if left:
        found.left.append(f"{live.key.kind} {live.title!r} bears our mark and stays: {left}")
    else:
        found.deleted.append((live, obstacle))


def _folders(judge: Judge, wanted: set[Key], found: Gone) -> None:
    lease = ownership.uid(judge.desired.owner, ownership.LEASE_NAME)
    for uid, folder in sorted(judge.seen.folders.items()):
        if folder.owned and uid != lease:
            _emptied(judge, folder, wanted, found)


def _emptied(judge: Judge, folder: Live, wanted: set[Key], found: Gone) -> bool:
    """Add the folders of this branch that pruning leaves empty and the code does not ask for; tell whether all go."""
    uid, stores = folder.key.uid, judge.stores
    children = [child for child in stores.folders.children(uid) if child.owned]
    below = sum([_emptied(judge, child, wanted, found) for child in children])
    inside = [live for live, _ in found.deleted if live.folder_uid == uid]
    rules = sum(len(live.document["rules"]) for live in inside if live.key.kind is Kind.RULE_GROUP)
    boards = sum(1 for live in inside if live.key.kind is Kind.DASHBOARD)
    if folder.key in wanted or sum(stores.folders.counts(uid).values()) != rules + boards + below:
        return False
    live = stores.folders.read(uid)
    if live is None:
        return False
    ours = bool(inside or below) or live.creator in judge.pushers or uid in judge.adopt_mine
    stranger = "" if ours else "it was empty before, and no push is known to have made it"
    _judged(found, live, left=stranger, obstacle=judge.of_people(live, None))
    return ours
