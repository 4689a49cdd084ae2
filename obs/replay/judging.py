"""Was the right person told of an incident, in time, once, and of nothing that was over?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from obs.durations import canonical
from obs.replay.notifying import Notification, notifications
from obs.replay.playing import Firing
from obs.replay.scenario import Scenario
from watchkeeper.contract.labels import ALERTNAME, ENVIRONMENT, SEVERITY

PAGE, TICKET = "page", "ticket"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What became of one incident; all times in seconds.

    ``told_by`` are the alerts of the first message of the wanted severity, sent ``after`` the fault began. ``cleared``
    is when the last page or ticket ended, after the fault was over. ``late_pages`` began after the end. ``broken``
    are the promises of time that single alerts did not keep, each as a sentence. ``paged``
    is when the first page was sent, wanted or not.
    """

    incident: str
    part: str
    lasts: float
    wants: str
    within: float
    told_by: tuple[str, ...]
    after: float | None
    cleared: float | None
    pages: tuple[str, ...]
    tickets: tuple[str, ...]
    late_pages: tuple[str, ...]
    unexpected: tuple[str, ...]
    broken: tuple[str, ...]
    paged: float | None

    @property
    def missed(self) -> bool:
        """Whether nobody was told who should have been."""
        return self.wants != "silence" and self.after is None

    @property
    def late(self) -> bool:
        """Whether somebody was told, but not in time."""
        return self.wants != "silence" and self.after is not None and self.after > self.within

    @property
    def good(self) -> bool:
        """Whether it is as a sensible on-call engineer wants it."""
        return not (self.missed or self.late or self.unexpected or self.broken)


def judge(config: Mapping[str, Any], environment: str, scenario: Scenario, firings: Sequence[Firing]) -> Verdict:
    """Send what fired through the routing tree, and compare with what is wanted."""
    labelled = [
        Firing(tuple(sorted({**dict(one.labels), ENVIRONMENT.name: environment}.items())), one.start, one.end)
        for one in firings
    ]
    start, end = scenario.before, scenario.before + scenario.lasts
    sent = notifications(config, labelled, scenario.length)
    pages = [one for one in _told(sent, PAGE) if not one.joins]
    tickets = _told(sent, TICKET)
    wanted = [one for one in (pages if scenario.wants == PAGE else tickets) if start <= one.at]
    first = (
        wanted[0]
        if wanted and scenario.wants != "silence" and wanted[0].at <= max(end, start + scenario.within)
        else None
    )
    told = [one for one in labelled if dict(one.labels).get(SEVERITY.name) in (PAGE, TICKET)]
    ends = [one.end for one in told if one.end is not None and one.end > end]
    late_pages = [one for one in pages if one.at > end and one is not first]
    return Verdict(
        incident=scenario.name,
        part=scenario.part,
        lasts=scenario.lasts,
        wants=scenario.wants,
        within=scenario.within,
        told_by=_names(first) if first else (),
        after=first.at - start if first else None,
        cleared=max(ends) - end if ends else None,
        pages=tuple(name for one in pages for name in _names(one)),
        tickets=tuple(name for one in tickets for name in _names(one)),
        late_pages=tuple(name for one in late_pages for name in _names(one)),
        unexpected=_unexpected(scenario, pages, tickets, first),
        broken=tuple(_broken(scenario, labelled)),
        paged=next((one.at - start for one in pages if one.at >= start), None),
    )


def _broken(scenario: Scenario, firings: Sequence[Firing]) -> Iterator[str]:
    """Yield each alert that fires later than the scenario says, or that has to stay silent and does not."""
    starts: dict[str, float] = {}
    for one in sorted(firings, key=lambda one: one.start):
        # What began before the fault is none of its doing.
        if one.start >= scenario.before:
            starts.setdefault(dict(one.labels)[ALERTNAME.name], one.start - scenario.before)
    for name, within in scenario.detects:
        if name not in starts:
            yield f"{name} never fires, and has to within {_written(within)}"
        elif starts[name] > within:
            yield f"{name} fires after {_written(starts[name])}, and has to within {_written(within)}"
    for name in scenario.silent:
        if name in starts:
            yield f"{name} fires after {_written(starts[name])}, and has to stay silent"


def _written(length: float) -> str:
    return canonical(f"{length:g}s")


def _unexpected(
    scenario: Scenario, pages: Sequence[Notification], tickets: Sequence[Notification], first: Notification | None
) -> tuple[str, ...]:
    """Return every page but the one that is wanted; tickets only where silence is."""
    surplus = [one for one in pages if one is not first]
    if scenario.wants == "silence":
        surplus += tickets
    return tuple(name for one in surplus for name in _names(one))


def _told(sent: Sequence[Notification], severity: str) -> list[Notification]:
    """Return the messages that tell of something new: a repetition and an all-clear wake nobody."""
    return [one for one in sent if any(dict(firing.labels).get(SEVERITY.name) == severity for firing in one.new)]


def _names(notification: Notification) -> tuple[str, ...]:
    return tuple(sorted({dict(one.labels)[ALERTNAME.name] for one in notification.new}))
