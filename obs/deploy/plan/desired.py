"""What should be in Grafana, according to the files this repository renders?"""

from collections.abc import Mapping
from pathlib import PurePosixPath

import orjson

from obs.config.prometheus import deployment
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Desired, Item, Kind, item
from obs.deploy.plan import notifications
from obs.deploy.plan.rules import Target, rule_groups
from obs.stack import Stack, ownership

DASHBOARDS = "grafana/dashboards/*.json"
RULES = "prometheus/rules/*.yml"


def desired(stack: Stack, texts: Mapping[str, str], environment: Mapping[str, str]) -> Desired:
    """Return the state that rendered files, path to text, ask for; raise DeployError naming the file that is wrong.

    The files may be of any commit: nothing but them, the stack and the secrets in ``environment`` is read.
    """
    owner = stack.service.name
    folder_uid, rules_folder_uid = ownership.uid(owner, "dashboards"), ownership.uid(owner, "alerts")
    target = Target(
        owner=owner,
        folder_uid=rules_folder_uid,
        datasource_uid=stack.datasources.prometheus.uid,
        labels=deployment(stack),
        paused=not stack.grafana.pages,
    )
    items: list[Item] = [
        item(Kind.FOLDER, {"uid": folder_uid, "title": stack.grafana.folder}),
        item(Kind.FOLDER, {"uid": rules_folder_uid, "title": f"{stack.grafana.folder} alerts"}),
    ]
    if stack.grafana.pages:
        items += notifications.objects(stack, environment)
    for path, text in sorted(texts.items()):
        try:
            if PurePosixPath(path).match(DASHBOARDS):
                items.append(_dashboard(owner, folder_uid, text))
            elif PurePosixPath(path).match(RULES):
                items += rule_groups(text, target)
        except (DeployError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise DeployError(f"{path}: {error}") from error
    return Desired(owner, tuple(items))


def _dashboard(owner: str, folder_uid: str, text: str) -> Item:
    model = orjson.loads(text)
    model["tags"] = sorted({*(model.get("tags") or ()), ownership.tag(owner)})
    return item(Kind.DASHBOARD, model, folder_uid=folder_uid)
