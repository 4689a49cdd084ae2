"""Whom does Grafana tell, where the stack says that Grafana pages?

The same three ways as the Alertmanager's: pages to PagerDuty, tickets to a webhook, the dead man's switch to its own.
"""

from collections.abc import Mapping
from pathlib import Path

from obs.config import alertmanager, policy
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Item, Kind, item
from obs.stack import Stack, ownership

# severity, contact point type, setting that holds the secret, environment variable it comes from
CHANNELS = (
    ("page", "pagerduty", "integrationKey", "PAGERDUTY_ROUTING_KEY"),
    ("ticket", "webhook", "url", "WEBHOOK_URL"),
    ("none", "webhook", "url", "DEADMAN_URL"),
)


def secret(environment: Mapping[str, str], name: str) -> str:
    """Return a secret from variable ``name`` or the file ``name``_FILE names, "" if neither is set.

    Raise DeployError for a file that cannot be read.
    """
    if environment.get(name):
        return environment[name].strip()
    path = environment.get(f"{name}_FILE", "")
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except OSError as error:
        raise DeployError(f"{name}_FILE = {path!r}: cannot be read: {error.strerror}") from error


def objects(stack: Stack, environment: Mapping[str, str]) -> tuple[Item, ...]:
    """Return the contact points and our branch of the policy tree; raise DeployError for a missing secret."""
    owner = stack.service.name
    missing = [name for _, _, _, name in CHANNELS if not secret(environment, name)]
    if missing:
        names = " and ".join(missing)
        raise DeployError(f"grafana.pages = true needs {names} in the environment, or in files named by ..._FILE")
    points = tuple(
        item(
            Kind.CONTACT_POINT,
            {
                "uid": ownership.uid(owner, severity),
                "name": ownership.uid(owner, severity),
                "type": integration,
                "settings": {setting: secret(environment, name)},
                "disableResolveMessage": severity == "none",
            },
        )
        for severity, integration, setting, name in CHANNELS
    )
    branch = policy.branch(owner, alertmanager.deployed(stack))
    return (*points, item(Kind.POLICY, {"name": owner, **branch}))


def secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every secret that must never be printed."""
    return tuple(found for _, _, _, name in CHANNELS if (found := secret(environment, name)))
