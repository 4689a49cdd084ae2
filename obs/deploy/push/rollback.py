"""Which earlier state does a rollback put back?"""

from obs.deploy.grafana import annotation
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError
from obs.deploy.push.commits import DIRTY


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


def _committed(commit: str) -> str:
    if DIRTY in commit:
        raise DeployError(f"{commit} was deployed from files no commit has, which git cannot give back; name a commit")
    return commit
