"""Which earlier state does a rollback put back, and what of the deployed one did people delete?"""

from collections.abc import Mapping
from pathlib import Path

from obs.deploy.grafana import annotation
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError
from obs.deploy.plan.desired import desired
from obs.deploy.plan.plan import Plan
from obs.deploy.push.commits import DIRTY, state_at
from obs.stack import StackError


def deployed(client: Client, owner: str) -> str:
    """Return the commit deployed last, as the annotations say; raise DeployError if they say nothing."""
    found = annotation.marks(client, owner)
    if not found:
        raise DeployError(f"no deploy annotation of {owner!r} is in this Grafana; name the commit with --to or --since")
    return _committed(found[0].commit)


def previous(client: Client, owner: str) -> str:
    """Return the commit deployed before the last one; raise DeployError if there was none."""
    found = annotation.marks(client, owner)
    latest = found[0].commit if found else ""
    earlier = [entry.commit for entry in found if entry.commit != latest]
    if not earlier:
        raise DeployError(f"no earlier deploy of {owner!r} is annotated in this Grafana; name a commit with --to")
    return _committed(earlier[0])


def deleted_since(made: Plan, folder: Path, file: Path, env: str, environment: Mapping[str, str]) -> list[str]:
    """Say of each object the plan creates that it was deployed before, so that somebody must have deleted it.

    Nothing is said where no commit tells what was deployed.
    """
    created = [change for change in made.changes if change.action == "create"]
    if not created or made.deployed is None or DIRTY in made.deployed.commit:
        return []
    commit = made.deployed.commit
    try:
        before = {item.key for item in desired(*state_at(folder, commit, file, env), environment)}
    except (DeployError, StackError):
        return []
    since = f"was deployed with {commit[:12]}, and somebody deleted it since: a push makes it again"
    return [f"{change.key.kind} {change.title!r} {since}" for change in created if change.key in before]


def _committed(commit: str) -> str:
    if DIRTY in commit:
        raise DeployError(f"{commit} was deployed from files no commit has, which git cannot give back; name a commit")
    return commit
