"""Who hears our alerts in Grafana, and what did others lay around our branch of its notification policy?"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from obs.deploy.grafana.state import Desired, Item, Key, Kind, Live
from obs.diff import ObjectChange
from obs.diff.notified import by_grafana, diff_told

Labels = Mapping[str, str]
Route = dict[str, Any]


def who_is_told(
    groups: Iterable[tuple[Item | None, Item | None]],
    branches: tuple[Item | None, Item | None],
    before_ours: Sequence[Route],
    owner: str,
) -> Iterator[ObjectChange]:
    """
    Yield one change that says which alerts reach whom in Grafana, where that differs.

    ``groups`` are the rule groups as they are and as they would be, ``branches`` our branch of the policy alike; a side
    without a branch tells nobody. ``before_ours`` are the routes that stand before it on both sides.
    """
    documents = [[one.document for one in side if one] for side in zip(*groups, strict=True)] or [[], []]
    try:
        old, new = (
            by_grafana(inside if branch else (), [*before_ours, *([branch.document] if branch else [])], owner)
            for inside, branch in zip(documents, branches, strict=True)
        )
        yield from list(diff_told(old, new))
    except ValueError:  # a route that people wrote and nobody can follow: the objects themselves are told
        return


def notices(before_ours: Sequence[Route], points: Iterable[Live], desired: Desired) -> Iterator[str]:
    """Yield a sentence for each route that takes alerts before ours can, and each integration that hears them too.

    ``points`` are the live integrations. Nothing is yielded where the code routes nothing.
    """
    if not desired.of(Kind.POLICY):
        return
    wanted = {item.key: item for item in desired.of(Kind.CONTACT_POINT)}
    names = {item.document["name"] for item in wanted.values()}
    for live in points:
        if live.title in names and live.key not in wanted:
            integration = f"an integration no push made ({live.document.get('type')}, uid {live.key.uid})"
            yield f"contact point {live.title!r} has {integration}: it hears our alerts too"
    alerts = list(_alerts(desired))
    for route in before_ours:
        taken = [labels["alertname"] for labels in alerts if _takes(route, labels)]
        if taken and not route.get("continue"):
            who = f"the route to {route.get('receiver') or 'the default contact point'!r} stands before ours"
            what = f"takes {len(taken)} of our {len(alerts)} alerts, such as {taken[0]}"
            yield f"{who} and {what}: they never reach our branch; move it below, or let it continue"


def _alerts(desired: Desired) -> Iterator[Labels]:
    titles = {folder.key: folder.title for folder in desired.of(Kind.FOLDER)}
    for group in desired.of(Kind.RULE_GROUP):
        place = titles.get(Key(Kind.FOLDER, group.folder_uid), "")
        for rule in group.document["rules"]:
            yield {**(rule.get("labels") or {}), "alertname": rule["title"], "grafana_folder": place}


def _takes(route: Mapping[str, Any], labels: Labels) -> bool:
    """Tell whether a route matches an alert by the labels its rule gives it; a label it lacks is empty."""
    return all(_holds(operator, labels.get(name, ""), value) for name, operator, value in _matchers(route))


def _matchers(route: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, operator, value in route.get("object_matchers") or ():
        yield str(name), str(operator), str(value)


def _holds(operator: str, has: str, value: str) -> bool:
    if operator in {"=", "!="}:
        return (has == value) == (operator == "=")
    try:
        found = re.fullmatch(value, has) is not None
    except re.error:  # a pattern RE2 takes and Python does not: better said once too often
        return True
    return found == (operator == "=~")
