"""How does a plan become what is in Grafana, or nothing at all?"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import repeat

from obs.deploy.grafana import annotation
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import Busy, DeployError, understood
from obs.deploy.grafana.state import Key, Kind, Live, reached
from obs.deploy.grafana.stores import Store, Stores, open_stores
from obs.deploy.plan.plan import LIST_FROM, Change, Plan, in_writing_order
from obs.deploy.push.converge import arrived, converge, verified
from obs.deploy.push.journal import Journal, Write
from obs.deploy.push.lease import Lease
from obs.deploy.push.outcome import Outcome, Result, result
from obs.deploy.push.undo import Undo

Progress = Callable[[Result], None]


@dataclass(frozen=True, slots=True)
class Author:
    """Who deploys what: the commit is in every dashboard's history and in the deploy annotation."""

    commit: str
    name: str

    @property
    def message(self) -> str:
        """What the history of a dashboard says."""
        return f"{self.commit} by {self.name}"


@dataclass(slots=True)
class Push:
    """One run of a plan. ``progress`` is told of each object as it is finished.

    ``take_over`` takes the lease from whoever has it.
    """

    client: Client
    plan: Plan
    journal: Journal
    author: Author
    keep_going: bool = False
    take_over: bool = False
    progress: Progress = lambda _: None
    _failed: threading.Event = field(default_factory=threading.Event)

    def run(self) -> Outcome:
        """Carry out the plan, or put everything back and say why; raise DeployError if nothing was begun."""
        _refuse_obstacles(self.plan)
        if not self.plan.writes and self.journal.unfinished is None:
            return Outcome()
        with stopping(self.client.patience.stop):
            inherited = self._inherited()
            own = {change.key: Write(change.before, (change.item,)) for change in self.plan.writes}
            writes = {**own, **{key: _joined(write, own.get(key)) for key, write in inherited.items()}}
            self.journal.begin(self.author.commit, str(self.plan.deployed or ""), writes, inherited)
            said = self._take_lease()
            done = self._close(self._carry_out(writes, frozenset(inherited)))
            return replace(done, said=(*said, *done.said))

    def _inherited(self) -> dict[Key, Write]:
        """Return the writes of an unfinished run whose objects are still as it left them; nothing, after a deployment.

        Everything else was somebody's since: how it is now is how it was before this run.
        """
        earlier = self.journal.unfinished
        if earlier is None or earlier.deployed != str(self.plan.deployed or ""):
            return {}
        stores = open_stores(self.client, self.plan.server, self.plan.owner)
        changes = {change.key: change for change in self.plan.changes}
        return {
            key: write
            for key, write in earlier.writes.items()
            if key in changes and _as_left(stores.of(key.kind), write, changes[key])
        }

    def _take_lease(self) -> list[str]:
        try:
            taken_from = self._lease(self.client).take(self.client.patience, over=self.take_over)
        except Busy:
            self.journal.give_up()
            raise
        except DeployError:
            if not self._lease(self.client.afresh()).give_back():
                self.journal.give_up()
            raise
        return [f"the lease was taken over from {taken_from!r}"] if taken_from else []

    def _carry_out(self, writes: Mapping[Key, Write], inherited: frozenset[Key]) -> Outcome:
        stores = open_stores(self.client, self.plan.server, self.plan.owner, self.author.message)
        results: list[Result] = []
        with ThreadPoolExecutor(self.client.connections, thread_name_prefix="push") as pool:
            for batch in in_writing_order(self.plan.writes):
                by_list = self._verified_by_list(batch)
                done = list(pool.map(self._one, repeat(stores), batch, repeat(by_list)))
                written = [change for change, entry in zip(batch, done, strict=True) if entry.fate == "done"]
                failed = self._unverified(stores, [change for change in written if change.key in by_list])
                results += [failed.get(entry.key, entry) for entry in done]
        failure = next((f"{entry.title}: {entry.why}" for entry in results if entry.fate == "failed"), "")
        if self._failed.is_set() and not self.keep_going:
            results = self._undone(writes, inherited, results)
        return Outcome(tuple(results), failure or ("stopped on request" if self._failed.is_set() else ""))

    def _verified_by_list(self, batch: Sequence[Change]) -> frozenset[Key]:
        """Choose what is read back by one list after its batch, instead of one by one."""
        boards = [change.key for change in batch if change.key.kind is Kind.DASHBOARD and change.item is not None]
        return frozenset(boards if self.plan.lists_dashboards and len(boards) >= LIST_FROM else ())

    def _unverified(self, stores: Stores, written: Sequence[Change]) -> dict[Key, Result]:
        """Read dashboards back that were written; return the results of those that are not as they were sent."""
        items = {change.key: change.item for change in written}
        seen: set[Key] = set()
        failed: dict[Key, Result] = {}
        with contextlib.suppress(DeployError):  # then each is read by itself, which says what is wrong
            if written:
                listed = stores.dashboards.list_full(self.client.organisation().id, {key.uid for key in items})
                with understood(self.client.url):
                    seen = {live.key for live in listed if arrived(live, items[live.key])}
        for change in written:
            try:
                if change.key not in seen:
                    with understood(str(change.key)):
                        verified(stores.dashboards, change.key, change.item)
            except DeployError as error:
                self._failed.set()
                failed[change.key] = result(change, "failed", str(error))
        return failed

    def _one(self, stores: Stores, change: Change, by_list: frozenset[Key]) -> Result:
        if self._failed.is_set() and not self.keep_going:
            return result(change, "not sent")
        store = stores.of(change.key.kind)
        try:
            self.client.patience.check()
            self.journal.begun(change.key)
            with understood(str(change.key)):
                converge(
                    store,
                    change.key,
                    change.item,
                    (change.before,),
                    patience=self.client.patience,
                    based_on=change.before,
                    look=not store.locks or change.action == "delete",
                    forced=change.forced,
                    verify=change.key not in by_list,
                )
        except DeployError as error:
            self._failed.set()
            done = result(change, "failed", str(error))
        else:
            done = result(change, "done")
        self.progress(done)
        return done

    def _undone(self, writes: Mapping[Key, Write], inherited: frozenset[Key], results: list[Result]) -> list[Result]:
        """Put back what this run, and a killed one before it, began to write."""
        begun = {entry.key for entry in results if entry.fate in {"done", "failed"}} | inherited
        client = self.client.afresh()
        stores = open_stores(client, self.plan.server, self.plan.owner, f"undo of {self.author.message}")
        changes = [_as_written(change) for change in self.plan.changes if change.key in begun]
        put_back = {entry.key: entry for entry in Undo(client, stores, writes).put_back(changes)}
        kept = [put_back.pop(entry.key, entry) for entry in results]
        return kept + list(put_back.values())

    def _close(self, outcome: Outcome) -> Outcome:
        """Leave the deploy annotation, give back the lease, and close the journal if nothing is left to do."""
        notes: list[str] = []
        clean = outcome.state != "mixed" or self.keep_going
        client = self.client.afresh() if outcome.failure else self.client
        if outcome.state == "new":
            self.journal.settle(self.author.commit)
            notes += self._annotated()
        if why := self._lease(client).give_back():
            notes.append(f"the lease folder could not be removed: {why}")
        if clean and not notes:
            self.journal.end()
        return replace(outcome, notes=tuple(notes))

    def _lease(self, client: Client) -> Lease:
        return Lease(client, self.plan.owner, self.journal.run, self.author.name)

    def _annotated(self) -> list[str]:
        text = f"Deployed {self.author.message}"
        try:
            annotation.leave(self.client, self.plan.owner, commit=self.author.commit, text=text)
        except DeployError as error:
            return [f"everything is deployed, but the deploy annotation could not be written: {error}; push again"]
        return []


@contextlib.contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM ask for an orderly end: no new write, then the undo, which a second one does not cut."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _refuse_obstacles(plan: Plan) -> None:
    if plan.refused:
        reasons = "\n".join(f"{change.key.kind} {change.title!r}: {change.obstacle}" for change in plan.refused)
        raise DeployError(f"nothing was written, because of {len(plan.refused)} obstacles:\n{reasons}")
    if plan.missing_permissions:
        names = ", ".join(plan.missing_permissions)
        raise DeployError(f"nothing was written: the token lacks {names}; give its service account a role with them")


def _as_left(store: Store, write: Write, change: Change) -> bool:
    """Tell whether an object is in one of the states the run that wrote it may have left it in."""
    if isinstance(change.before, Live):
        return store.explains(tuple(item for item in write.known if item is not None), change.before)
    if change.action == "create":
        return None in write.known
    return any(reached(item, change.item) for item in write.known)


def _joined(earlier: Write, own: Write | None) -> Write:
    return Write(earlier.before, (*earlier.given, *(own.known if own else ())))


def _as_written(change: Change) -> Change:
    """Give an object a killed run finished the place in the order its writing had."""
    return replace(change, action="update") if change.action == "unchanged" else change
