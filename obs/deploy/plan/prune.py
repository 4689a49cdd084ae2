"""Which objects are ours, in Grafana, and gone from the code?"""

from collections.abc import Iterator

from obs.deploy.grafana import ownership
from obs.deploy.grafana.state import Desired, Key, Kind, Live
from obs.deploy.grafana.stores import Stores
from obs.deploy.plan.survey import Survey


def gone(stores: Stores, seen: Survey, desired: Desired) -> Iterator[Live]:
    """Yield, read in full, everything that carries our mark and is no longer in the code.

    A folder is among them only if nothing but pruned objects is in it.
    """
    wanted = {item.key for item in desired}
    pruned: list[Live] = []
    for uid, entry in sorted(seen.dashboards.items()):
        if ownership.owns_tags(desired.owner, entry.get("tags") or ()) and Key(Kind.DASHBOARD, uid) not in wanted:
            pruned += _if_owned(stores.dashboards.read(uid))
    for key, rules in sorted(seen.rules.items()):
        ours = all(ownership.owns_labels(desired.owner, rule.get("labels")) for rule in rules)
        if ours and key not in wanted and not stores.rule_groups.obstacle(rules):
            pruned += _if_owned(stores.rule_groups.read(key.uid))
    pruned += [live for key, live in sorted(seen.named.items()) if live.owned and key not in wanted]
    branch = Key(Kind.POLICY, desired.owner)
    pruned += _if_owned(stores.policies.read(branch.uid) if branch not in wanted else None)
    yield from pruned
    yield from _folders(stores, seen, desired, wanted, pruned)


def _if_owned(live: Live | None) -> list[Live]:
    return [live] if live is not None and live.owned else []


def _folders(stores: Stores, seen: Survey, desired: Desired, wanted: set[Key], pruned: list[Live]) -> Iterator[Live]:
    lease = ownership.uid(desired.owner, ownership.LEASE_NAME)
    for uid, folder in sorted(seen.folders.items()):
        if folder.owned and uid != lease:
            yield from _emptied(stores, folder, wanted, pruned)


def _emptied(stores: Stores, folder: Live, wanted: set[Key], pruned: list[Live]) -> list[Live]:
    """Return the folders of this branch that pruning leaves empty and the code does not ask for."""
    uid = folder.key.uid
    children = [child for child in stores.folders.children(uid) if child.owned]
    below = [gone for child in children for gone in _emptied(stores, child, wanted, pruned)]
    inside = [live for live in pruned if live.folder_uid == uid]
    rules = sum(len(live.document["rules"]) for live in inside if live.key.kind is Kind.RULE_GROUP)
    boards = sum(1 for live in inside if live.key.kind is Kind.DASHBOARD)
    folders = sum(1 for live in below if live.key in {child.key for child in children})
    stays = folder.key in wanted or sum(stores.folders.counts(uid).values()) != rules + boards + folders
    return below if stays else [*below, folder]
