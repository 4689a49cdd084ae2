"""Which Grafana is the stack's, and with which token?"""

from collections.abc import Mapping

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError
from obs.deploy.plan import notifications
from obs.stack import Stack


def connect(stack: Stack, environment: Mapping[str, str]) -> Client:
    """Return a client for the stack's Grafana, or the one GRAFANA_URL names; GRAFANA_ORG_ID may name an organisation.

    The token comes from the environment or a file it names, never else.
    """
    token = notifications.secret(environment, "GRAFANA_TOKEN")
    if not token:
        raise DeployError("no token: put one into GRAFANA_TOKEN, or its file's path into GRAFANA_TOKEN_FILE")
    url = environment.get("GRAFANA_URL") or stack.grafana.url
    organisation = environment.get("GRAFANA_ORG_ID", "")
    if organisation and not organisation.isdigit():
        raise DeployError(f"GRAFANA_ORG_ID = {organisation!r}: takes the number of an organisation")
    return Client(url, token, secrets=notifications.secrets(environment), organisation=organisation)


def connect_ruler(url: str, environment: Mapping[str, str]) -> Client:
    """Return a client for a ruler; RULER_TOKEN or RULER_TOKEN_FILE may hold a bearer token."""
    return Client(url, notifications.secret(environment, "RULER_TOKEN"))
