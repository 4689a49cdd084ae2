"""How does one object get from the state we know to the state we want, whatever happens to the answers?"""

from obs.deploy.grafana.errors import Conflict, Edited, Lost, NotAsSent
from obs.deploy.grafana.patience import Patience
from obs.deploy.grafana.state import Item, Key, Live, reached
from obs.deploy.grafana.stores import Store

MAX_CONFLICTS = 3  # fast folder creation and k8s-backed storage answer 409 and 412 to a first try that had no rival


def converge(
    store: Store,
    key: Key,
    target: Item | None,
    known: tuple[Item | None, ...],
    *,
    patience: Patience,
    based_on: Live | None = None,
    look: bool = True,
    forced: bool = False,
    verify: bool = True,
) -> Live | None:
    """Bring one object to ``target`` (None: absent) if it is in one of the ``known`` states; return what reads back.

    Without ``look`` the first write is based on the copy ``based_on``, unread: where the store locks, nothing is lost.
    Without ``verify`` a write that was accepted is not read back, and None returned: the caller does it, by `verified`.
    ``forced`` writes, and writes again, without looking first: for secrets, which cannot be read.
    After a lost answer or a conflict the object is read again: done if it is as wanted, repeated if it is still as
    known. Raise Edited if it is neither, NotAsSent if the write was accepted and something else reads back, Lost or
    Conflict when the patience ends, Refused as it comes.
    """
    live, attempt, look = based_on, 0, look and not forced
    while True:
        if look:
            live = store.read(key.uid)
            if reached(live, target) or (attempt and arrived(live, target)):
                return live
            _refuse_stranger(store, key, live, known, target)
        try:
            _send(store, target, live)
        except (Lost, Conflict) as failure:
            attempt += 1
            if (isinstance(failure, Conflict) and attempt >= MAX_CONFLICTS) or not patience.wait(attempt):
                raise
            look = not forced
            continue
        return verified(store, key, target) if verify else None


def arrived(live: Item | None, target: Item | None) -> bool:
    """Tell whether all that was sent is there; a server may show more, such as defaults of its own."""
    if live is None or target is None:
        return live is target
    return live.folder_uid == target.folder_uid and _covers(live.normalised(), target.normalised())


def _covers(live: object, target: object) -> bool:
    if isinstance(live, dict) and isinstance(target, dict):
        return all(name in live and _covers(live[name], value) for name, value in target.items())
    if isinstance(live, list) and isinstance(target, list):
        return len(live) == len(target) and all(map(_covers, live, target))
    return live == target


def _send(store: Store, target: Item | None, live: Live | None) -> None:
    if target is not None:
        store.write(target, live)
    elif live is not None:
        store.delete(live)


def _refuse_stranger(
    store: Store, key: Key, live: Live | None, known: tuple[Item | None, ...], target: Item | None
) -> None:
    if live is None:
        if target is None or None in known or target in known:
            return
        raise Edited(f"{key}: somebody deleted it meanwhile; run `obs plan` and decide")
    items = tuple(item for item in (*known, target) if item is not None)
    if not items or not store.explains(items, live):
        who = f" by {live.author}" if live.author else ""
        raise Edited(f"{key}: changed{who} in Grafana meanwhile; nothing of it was overwritten")


def verified(store: Store, key: Key, target: Item | None) -> Live | None:
    """Read an object that was written; raise NotAsSent if it is not what was sent."""
    live = store.read(key.uid)
    if arrived(live, target):
        return live
    if live is None or target is None:
        raise NotAsSent(f"{key}: the write was accepted, and then it was {'gone' if live is None else 'still there'}")
    raise NotAsSent(f"{key}: the write was accepted, and then {_first_difference(live, target)} read back differently")


def _first_difference(live: Item, target: Item) -> str:
    """Name the first field that differs; values stay out of it, they may be secret."""
    if live.folder_uid != target.folder_uid:
        return "its folder"
    return _path(live.normalised(), target.normalised()) or "a field"


def _path(old: object, new: object) -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted({*old, *new}, key=str)
        name = next((name for name in names if old.get(name) != new.get(name)), "")
        inner = _path(old.get(name), new.get(name))
        return f"{name}.{inner}" if inner else str(name)
    if isinstance(old, list) and isinstance(new, list):
        pairs = enumerate(zip(old, new, strict=False))
        index, (left, right) = next((pair for pair in pairs if pair[1][0] != pair[1][1]), (-1, (None, None)))
        inner = _path(left, right)
        return "" if index < 0 else f"{index}.{inner}" if inner else str(index)
    return ""
