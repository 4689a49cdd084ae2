"""What is an alert, and what proof does it owe before it may wake someone?"""

import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Literal, Protocol

from obs.place import Place
from obs.stack import Stack, names
from obs.stack.identity import dashboard_url
from obs.stack.settings import DURATION, matches
from watchkeeper.contract.labels import SERVICE, SEVERITY, SLO, TEAM, Label, Matcher
from watchkeeper.contract.metrics import Metric


class Severity(StrEnum):
    """Who hears of an alert: a page wakes someone, a ticket waits for the day, none only proves that alerting works."""

    PAGE = "page"
    TICKET = "ticket"
    NONE = "none"


class AlertError(ValueError):
    """An alert, case or promise that would mislead; raised when it is built."""


@dataclass(frozen=True, slots=True)
class PanelRef:
    """The panel that plots what an alert is about: the dashboard's slug and the panel's title."""

    dashboard: str
    title: str


@dataclass(frozen=True, slots=True)
class Case:
    """
    One history, and what the alert makes of it. Build it with `pages`, `tickets`, `silent` or `clears`.

    ``series`` maps selectors to samples, ``every`` apart, as promtool writes them: `0+10x20 _x5 stale`
    (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series). Each is scraped a twelfth
    of ``every`` before the rules are evaluated. Where an alert has to stay silent or clear, the last samples last until
    every window of the rule has drained.

    ``by`` is the first evaluation at which it fires, the default is ``at``, when it is looked at: ``where`` are the
    labels it has then but for those of the service, ``says`` is the description as a human reads it. A clearing case
    no longer fires at ``at``, fires at the evaluation before, and not again.
    """

    name: str
    verdict: Literal["fires", "silent", "clears"]
    at: str
    series: dict[str, str]
    where: tuple[Matcher, ...] = ()
    says: str = ""
    by: str = ""
    every: str = "1m"
    severity: Severity = Severity.NONE

    def __post_init__(self) -> None:
        """Refuse a case that promtool could not place in time; raise AlertError."""
        for moment in filter(None, (self.at, self.by, self.every)):
            if moment != "0s" and not matches(DURATION, moment):
                raise AlertError(f"case '{self.name}': {moment!r} is no duration; write it as '30m'")


class Told(Protocol):
    """Builds the case that an alert fires: `pages`, `tickets` or `fires`."""

    def __call__(  # noqa: D102 - the class says it
        self,
        name: str,
        *,
        at: str,
        series: dict[str, str],
        where: tuple[Matcher, ...] = (),
        says: str = "",
        by: str = "",
        every: str = "1m",
    ) -> Case: ...


def _told(severity: Severity, words: str) -> Told:
    def build(
        name: str,
        *,
        at: str,
        series: dict[str, str],
        where: tuple[Matcher, ...] = (),
        says: str = "",
        by: str = "",
        every: str = "1m",
    ) -> Case:
        return Case(name, "fires", at, series, tuple(map(names.matcher, where)), says, by, every, severity)

    build.__doc__ = f"Return the case that the alert {words}, with these labels and this description."
    return build


pages = _told(Severity.PAGE, "wakes someone")
tickets = _told(Severity.TICKET, "makes a ticket")
fires = _told(Severity.NONE, "fires and tells nobody")


def silent(name: str, *, series: dict[str, str], every: str = "1m") -> Case:
    """Return the case that the alert fires at no moment of the history, nor while its windows drain."""
    return Case(name, "silent", "", series, every=every)


def clears(name: str, *, at: str, series: dict[str, str], every: str = "1m") -> Case:
    """Return the case that the alert has fired, no longer fires from ``at`` on, and does not come back."""
    return Case(name, "clears", at, series, every=every)


def told(label: Label) -> str:
    """Return the value of a label of the alert, for a description: `{{ $labels.queue }}`."""
    return f"{{{{ $labels.{names.label(label).name} }}}}"


@dataclass(frozen=True, slots=True)
class Silence:
    """
    Alerts that only repeat what another one says: those of these rule files, as `Alert.silences`.

    ``same`` are labels that must be equal on both. An alert never silences a more severe one.
    """

    files: tuple[str, ...]
    same: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """
    One alerting rule with its proof.

    ``hold`` is Prometheus' ``for``, ``keep_firing_for`` bridges flapping. ``summary`` is a fixed sentence;
    ``description`` may use Go templates (`{{ $value | humanizePercentage }}`) and is what `Case.says` proves.
    ``runbook`` is a page of docs/operations with a section named like the alert. ``slo`` ties the alerts of one
    promise together, so that a page silences the ticket; ``silences`` are the alerts that only repeat this one.
    Raises AlertError when something owed is missing.
    """

    name: str
    expr: str
    hold: str
    severity: Severity
    summary: str
    description: str
    runbook: str
    panel: PanelRef | None
    cases: tuple[Case, ...]
    keep_firing_for: str = ""
    slo: str = ""
    silences: tuple[Silence, ...] = ()
    source: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Raise AlertError, with the alert's name, what is wrong, and what it takes."""
        for complaint in self._complaints():
            raise AlertError(f"{self.name}: {complaint}")

    def _complaints(self) -> list[str]:
        found = [
            f"{one.name} = {getattr(self, one.name)!r}: takes text"
            for one in fields(self)
            if one.type in ("str", str) and not isinstance(getattr(self, one.name), str)
        ]
        if found:
            return found
        if not re.fullmatch(r"([A-Z][a-z0-9]*)+", self.name):
            found.append("a name is Subject and Symptom in CamelCase, such as RedisMemoryFull")
        for key, value in (("hold", self.hold), ("keep_firing_for", self.keep_firing_for)):
            if value and value != "0s" and not matches(DURATION, value):
                found.append(f"{key} = {value!r}: takes a duration such as '5m'")
        if "{{" in self.summary:
            found.append("summary is a fixed sentence, so that notifications group; put templates into description")
        return found + self._proof_complaints()

    def _proof_complaints(self) -> list[str]:
        # A dead man's switch always fires: it has nothing to be silent about.
        owed = ("fires",) if self.severity is Severity.NONE else ("fires", "silent", "clears")
        shown = {case.verdict for case in self.cases}
        found = [
            f"it has no case built with {verdict}(); an alert proves that it fires, stays silent and clears"
            for verdict in owed
            if verdict not in shown
        ]
        called = [case.name for case in self.cases]
        found += [f"two cases are called '{name}'" for name in sorted({n for n in called if called.count(n) > 1})]
        templated = "{{" in self.description
        for case in self.cases:
            if case.verdict == "fires" and case.severity is not self.severity:
                found.append(
                    f"case '{case.name}' says {case.severity}, and its severity is {self.severity}; which is it?"
                )
            if case.verdict == "fires" and templated and not case.says:
                found.append(
                    f"case '{case.name}': the description is a template; add says=, the sentence as it is read"
                )
            if case.says and not templated:
                found.append(f"case '{case.name}': the description is fixed; leave says= out")
        return found

    def labels(self, stack: Stack) -> dict[str, str]:
        """Return the labels the rule adds to those of its expression: what routes it to a human."""
        own = {SERVICE.name: stack.service.name, SEVERITY.name: self.severity.value, TEAM.name: stack.service.team}
        return own | ({SLO.name: self.slo} if self.slo else {})

    def annotations(self, stack: Stack) -> dict[str, str]:
        """Return what the notification says: summary, description, runbook_url and dashboard_url."""
        base = stack.runbooks.base_url.rstrip("/")
        links = {"runbook_url": f"{base}/{self.runbook}#{self.name.lower()}"}
        if self.panel and stack.grafana.url:
            links["dashboard_url"] = dashboard_url(stack, self.panel.dashboard, self.panel.title)
        return {"summary": self.summary, "description": self.description, **links}


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule: ``metric`` is the series it writes, ``expr`` what it writes into it."""

    metric: Metric
    expr: str


EVERY = "15s"
"""How often rules are asked."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in order, every ``interval``; ``file`` is the rule file's stem."""

    file: str
    name: str
    rules: tuple[Alert | Recording, ...]
    interval: str = EVERY

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerting rules of the group."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))
