"""What would a push create, change and delete, and what stands in its way?"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from obs.deploy.grafana.annotation import Mark
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError, understood
from obs.deploy.grafana.state import Desired, Item, Key, Kind, Live, reached
from obs.deploy.grafana.stores import Stores, open_stores
from obs.deploy.grafana.versions import Version, version
from obs.deploy.plan import prune, routing
from obs.deploy.plan.obstacles import Judge
from obs.deploy.plan.survey import Survey, survey
from obs.diff import ObjectChange
from obs.nearest import nearest

MAIN_ORGANISATION = 1
LIST_FROM, LIST_SHARE = 5, 4  # a list costs two requests, and the time of all that is in it
Action = Literal["create", "update", "delete", "unchanged"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object. ``item`` is None for a deletion, ``before`` None for a creation.

    ``obstacle`` says in words why it must not happen, "" if it may; ``forced`` writes even what reads back as wanted.
    An unchanged object carries no copy of what Grafana holds.
    """

    key: Key
    title: str
    action: Action
    item: Item | None = None
    before: Live | None = None
    obstacle: str = ""
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one push would do, in the order it would do it, planned against one state of one Grafana.

    ``deployed`` is the latest deploy annotation found there; ``lists_dashboards`` tells whether a list of all boards is
    the better way to read many of ours. ``told`` says who hears of which alert otherwise than before.
    """

    url: str
    owner: str
    server: Version
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    missing_permissions: tuple[str, ...] = ()
    deployed: Mark | None = None
    lists_dashboards: bool = False
    told: tuple[ObjectChange, ...] = ()

    @property
    def writes(self) -> tuple[Change, ...]:
        """The changes that are not "unchanged"."""
        return tuple(change for change in self.changes if change.action != "unchanged")

    @property
    def refused(self) -> tuple[Change, ...]:
        """The changes something stands in the way of; a push with any of them writes nothing."""
        return tuple(change for change in self.changes if change.obstacle)


def make_plan(
    client: Client,
    desired: Desired,
    *,
    prune_gone: bool = False,
    adopt_mine: frozenset[str] = frozenset(),
    resend_secrets: bool = False,
) -> Plan:
    """Read what exists, compare it with what should; send no write.

    ``adopt_mine`` names the uids whose human edits, or whole objects, ours may replace. ``resend_secrets`` plans to
    send every contact point: what changed in its secret alone cannot be read.
    """
    with understood(client.url), ThreadPoolExecutor(client.connections, thread_name_prefix="plan") as pool:
        health = pool.submit(client.read, "/api/health")
        organisation = client.organisation()  # fails in one clear way when the address or the token is wrong
        server = version(health.result())
        stores = open_stores(client, server, desired.owner)
        seen = survey(client, stores, desired, pool, everything=prune_gone)
        items, notes = _adapted(stores, desired)
        judge = Judge(stores, seen, desired, server, adopt_mine)
        listed = _unchanged(judge, organisation.id)
        found = [Change(item.key, item.title, "unchanged", item) for item in items if item.key in listed]
        others = [item for item in items if item.key not in listed]
        found += pool.map(lambda item: _change(judge, item, resend_secrets), others)
        if prune_gone:
            gone = prune.gone(judge)
            found += [Change(live.key, live.title, "delete", None, live, why) for live, why in gone.deleted]
            notes += gone.left
        points = [live for key, live in seen.named.items() if key.kind is Kind.CONTACT_POINT]
        before_ours = stores.policies.before_ours() if desired.of(Kind.POLICY) else []
        notes += routing.notices(before_ours, points, desired)
        told = tuple(_told(stores, found, before_ours, desired.owner))
    _refuse_unknown(adopt_mine, found)
    if organisation.id != MAIN_ORGANISATION:
        notes.append(f"this is the organisation {organisation.name!r}, number {organisation.id}")
    if seen.datasources is None:
        notes.append("the token may not list data sources, so their uids were not checked")
    needed = seen.missing_permissions if any(change.action != "unchanged" for change in found) else ()
    latest = next(iter(seen.marks), None)
    return Plan(client.url, desired.owner, server, tuple(found), tuple(notes), needed, latest, _lists(judge), told)


def _told(
    stores: Stores, changes: Iterable[Change], before_ours: Sequence[dict[str, object]], owner: str
) -> Iterator[ObjectChange]:
    """Follow the alerts through our branch as it is and as it would be, where a push touches either."""
    routed = [change for change in changes if change.key.kind in {Kind.RULE_GROUP, Kind.POLICY}]
    if all(change.action == "unchanged" for change in routed):
        return
    groups = [_sides(change) for change in routed if change.key.kind is Kind.RULE_GROUP]
    branch = next((_sides(change) for change in routed if change.key.kind is Kind.POLICY), None)
    if branch is None:  # the code routes nothing: what does a branch of before still do?
        waking = any(not rule.get("isPaused") for old, _ in groups if old for rule in old.document["rules"])
        live = stores.policies.read(owner) if waking else None
        branch = live, live
    yield from routing.who_is_told(groups, branch, before_ours, owner)


def _sides(change: Change) -> tuple[Item | None, Item | None]:
    return change.item if change.action == "unchanged" else change.before, change.item


def _refuse_unknown(adopt_mine: frozenset[str], found: Iterable[Change]) -> None:
    uids = {change.key.uid for change in found}
    for uid in sorted(adopt_mine - uids):
        meant = nearest(uid, uids, "`obs plan` lists them")
        raise DeployError(f"--adopt-mine {uid}: nothing in the plan has this uid; {meant}")


def _adapted(stores: Stores, desired: Desired) -> tuple[list[Item], list[str]]:
    items: list[Item] = []
    notes: list[str] = []
    for item in desired:
        fitting, said = stores.rule_groups.adapted(item) if item.key.kind is Kind.RULE_GROUP else (item, [])
        items.append(fitting)
        notes += said
    return items, notes


def _change(judge: Judge, item: Item, resend_secrets: bool) -> Change:
    live = judge.stores.of(item.key.kind).read(item.key.uid) if _may_exist(judge.seen, item) else None
    if live is None:
        return Change(item.key, item.title, "create", item, obstacle=judge.obstacle(item, None))
    forced = resend_secrets and item.key.kind is Kind.CONTACT_POINT
    if reached(live, item) and not forced:
        return Change(item.key, item.title, "unchanged", item)
    save = judge.stores.dashboards.last_save(item.key.uid) if item.key.kind is Kind.DASHBOARD else None
    if save and save.holds(item, live):
        return Change(item.key, item.title, "unchanged", item)
    before = replace(live, edited=save is not None and not judge.saved_by_us(save))
    return Change(item.key, item.title, "update", item, before, judge.obstacle(item, live, save), forced)


def _unchanged(judge: Judge, organisation: int) -> frozenset[Key]:
    """Find the dashboards that are as wanted by one list, where there is one: what differs is then read by itself."""
    there = judge.seen.dashboards
    boards = {item.key.uid: item for item in judge.desired.of(Kind.DASHBOARD) if item.key.uid in there}
    if not boards or not _lists(judge):
        return frozenset()
    found = judge.stores.dashboards.list_full(organisation, boards)
    return frozenset(live.key for live in found if reached(live, boards[live.key.uid]))


def _lists(judge: Judge) -> bool:
    """Tell whether dashboards are listed in full: not a few of them, nor where most would be other people's."""
    ours, there = len(judge.desired.of(Kind.DASHBOARD)), len(judge.seen.dashboards)
    return judge.server.has("lists_dashboards") and ours >= LIST_FROM and there <= LIST_SHARE * ours


def _may_exist(seen: Survey, item: Item) -> bool:
    """Tell whether the lists leave a chance that the object exists, so that a first push need not ask for each.

    The search index trails writes: an absent dashboard is asked for unless its folder is absent too. A dashboard that
    exists all the same is not overwritten: creating it is refused by Grafana.
    """
    if item.key.kind is Kind.DASHBOARD:
        return item.key.uid in seen.dashboards or item.folder_uid in seen.folders
    if item.key.kind is Kind.RULE_GROUP:
        return item.key in seen.rules
    return item.key.kind in {Kind.FOLDER, Kind.POLICY} or item.key in seen.named


def in_writing_order(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield the changes in batches whose members do not depend on each other.

    Folders by depth; what routes alerts before the alerts; dashboards and rule groups together; deletions last and in
    the opposite order.
    """
    kept = [change for change in changes if change.action in {"create", "update"}]
    deleted = [change for change in changes if change.action == "delete"]
    yield from _folders(kept)
    one_by_one = (Kind.TEMPLATE, Kind.MUTE_TIMING, Kind.CONTACT_POINT, Kind.POLICY)
    yield from ([change] for kind in one_by_one for change in kept if change.key.kind is kind)
    yield [change for change in kept if change.key.kind in {Kind.DASHBOARD, Kind.RULE_GROUP}]
    yield [change for change in deleted if change.key.kind in {Kind.DASHBOARD, Kind.RULE_GROUP}]
    yield from ([change] for kind in reversed(one_by_one) for change in deleted if change.key.kind is kind)
    yield from reversed(list(_folders(deleted)))


def _folders(changes: list[Change]) -> Iterator[list[Change]]:
    folders = {change.key.uid: change for change in changes if change.key.kind is Kind.FOLDER}
    parents = {uid: str(_document(change).get("parentUid", "")) for uid, change in folders.items()}
    done: set[str] = set()
    while len(done) < len(folders):
        layer = [uid for uid in folders if uid not in done and (parents[uid] not in folders or parents[uid] in done)]
        if not layer:  # parents in a circle; Grafana will say so
            layer = [uid for uid in folders if uid not in done]
        yield [folders[uid] for uid in layer]
        done.update(layer)


def _document(change: Change) -> dict[str, object]:
    source = change.item or change.before
    return source.document if source else {}
