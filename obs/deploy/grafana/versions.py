"""Which differences between Grafana versions does a push have to know?

Sources: Grafana's HTTP API documentation and release notes, issues 90687 (titles) and 98283 (client-chosen rule uids).
"""

import re
from dataclasses import dataclass
from typing import Any

from obs.deploy.grafana.errors import DeployError

OLDEST = (10, 4)


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that holds from a version on."""

    since: tuple[int, int]
    meaning: str


TABLE = {
    "delete_group": Difference((11, 0), "a rule group can be deleted as a whole"),
    "titles_repeat": Difference((11, 3), "two dashboards of a folder may share a title"),
    "group_takes_new_uids": Difference((11, 5), "a group PUT may bring new rules with uids we chose"),
    "keep_firing_for": Difference((12, 0), "a rule may keep firing after its condition ended"),
    "lists_dashboards": Difference((12, 0), "dashboards can be listed in full (/apis/dashboard.grafana.app)"),
    "missing_series_resolve": Difference((12, 0), "a rule says how soon a vanished series resolves"),
    "rule_titles_repeat": Difference((12, 0), "two rules of a folder may share a title"),
}


@dataclass(frozen=True, slots=True)
class Version:
    """A Grafana version; unknown when the server hides it, and then the oldest supported one is assumed."""

    number: tuple[int, int]
    text: str

    def has(self, difference: str) -> bool:
        """Tell whether a row of TABLE holds here."""
        return self.number >= TABLE[difference].since


def version(health: Any) -> Version:
    """Read /api/health's answer; raise DeployError for a Grafana too old to be pushed to."""
    text = str(health.get("version") or "") if isinstance(health, dict) else ""
    match = re.match(r"(\d+)\.(\d+)", text)
    if match is None:
        return Version(OLDEST, "unknown")
    number = (int(match[1]), int(match[2]))
    if number < OLDEST:
        raise DeployError(
            f"Grafana {text} is older than {OLDEST[0]}.{OLDEST[1]}, the oldest this can push to; upgrade it"
        )
    return Version(number, text)


def adapted(group: dict[str, Any], server: Version) -> tuple[dict[str, Any], list[str]]:
    """Return a rule group as this server can hold it, and a sentence for each thing it cannot."""
    unsupported = {
        "keep_firing_for": server.has("keep_firing_for"),
        "missingSeriesEvalsToResolve": server.has("missing_series_resolve"),
    }
    gone = [name for name, supported in unsupported.items() if not supported]
    notes = [
        f"rule {rule.get('title')!r}: Grafana {server.text} has no {name}; left out"
        for rule in group["rules"]
        for name in gone
        if rule.get(name)
    ]
    rules = [{name: value for name, value in rule.items() if name not in gone} for rule in group["rules"]]
    return {**group, "rules": rules}, notes
