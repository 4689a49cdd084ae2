"""How is a plan kept until it is approved, and is it still what a push would do?"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Item
from obs.deploy.plan.plan import Change, Plan

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What a plan was asked for beside the code; a push of it asks for the same."""

    prune: bool = False
    adopt_mine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The writes of a plan: each object's title, action, and the digests of what was there and of what should be.

    Only digests: a file that is passed from job to job holds no contact point and no query.
    """

    url: str
    owner: str
    options: Options
    writes: dict[str, dict[str, str]]

    def moved(self, plan: Plan) -> Iterator[str]:
        """Yield a sentence for each thing that a new plan would do otherwise."""
        if (plan.url, plan.owner) != (self.url, self.owner):
            yield f"it was made for {self.owner} in {self.url}, and this is {plan.owner} in {plan.url}"
            return
        now = _writes(plan)
        for key in dict.fromkeys((*self.writes, *now)):
            approved, found = self.writes.get(key), now.get(key)
            if approved is None and found is not None:
                yield f"{key} ({found['title']}) would be written as well: {found['action']}"
            elif approved is not None and found is None:
                yield f"{key} ({approved['title']}) needs no {approved['action']} any more"
            elif approved is not None and found is not None and approved != found:
                sides = {"before": "Grafana's side", "after": "the code", "action": "what has to be done"}
                what = " and ".join(words for field, words in sides.items() if approved[field] != found[field])
                yield f"{key} ({approved['title']}): {what or 'its title'} has changed since"


def save(plan: Plan, options: Options, file: Path) -> None:
    """Write a plan to a file; raise DeployError if it can't be."""
    content = {"format": FORMAT, "url": plan.url, "owner": plan.owner, "options": asdict(options)}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content | {"writes": _writes(plan)}, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DeployError(f"{file} can't be written: {error.strerror}") from error


def load(file: Path) -> SavedPlan:
    """Read what `save` wrote; raise DeployError for anything else."""
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DeployError(f"{file} was written by another version of `obs plan --out`; plan again")
        options = Options(bool(content["options"]["prune"]), tuple(map(str, content["options"]["adopt_mine"])))
        writes = {str(key): {name: str(one[name]) for name in FIELDS} for key, one in content["writes"].items()}
        return SavedPlan(str(content["url"]), str(content["owner"]), options, writes)
    except OSError as error:
        raise DeployError(f"{file} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeployError(f"{file} is no plan; write one with `obs plan --out FILE`") from error


FIELDS = ("title", "action", "before", "after")


def _writes(plan: Plan) -> dict[str, dict[str, str]]:
    return {str(change.key): _write(change) for change in plan.writes}


def _write(change: Change) -> dict[str, str]:
    sides = {"before": _digest(change.before), "after": _digest(change.item)}
    return {"title": change.title, "action": change.action, **sides}


def _digest(item: Item | None) -> str:
    return hashlib.sha256(item.comparable()).hexdigest() if item else ""
