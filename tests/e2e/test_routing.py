"""Does our reading of Alertmanager's tree and messages agree with Alertmanager's own?"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs import stack
from obs.alerting.rules import groups
from obs.config import alertmanager
from obs.proofs.routes.routing import final_labels
from obs.proofs.routes.tree import Route
from tests.conftest import ROOT
from tests.e2e.programs import run

PRODUCTION = stack.load(ROOT / "stack.toml")
ALERTS = [alert for group in groups(PRODUCTION) for alert in group.alerts]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder Alertmanager is started from."""
    for path, text in alertmanager.render(PRODUCTION, groups(PRODUCTION)).items():
        file = tmp_path / path.removeprefix("alertmanager/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def test_amtool_routes_as_we_do(folder: Path) -> None:
    """For every alert, and for labels nobody thought of, our reading of the tree is amtool's."""
    tree = Route.parse(yaml.safe_load((folder / "alertmanager.yml").read_text())["route"])
    chance = random.Random(7)
    odd = [{name: chance.choice(values) for name, values in ODD.items() if chance.random() < 0.8} for _ in range(20)]
    distinct = {tuple(sorted(labels.items())) for alert in ALERTS for labels in final_labels(PRODUCTION, alert)[:1]}

    for labels in [*map(dict, sorted(distinct)), *odd]:
        assert amtool(folder / "alertmanager.yml", labels) == [route.receiver for route in tree.chosen(labels)], labels


ODD = {
    "severity": ["page", "ticket", "none", "pages", "", "PAGE"],
    "team": ["backend", "frontend", ""],
    "service": ["rce-api", "other"],
    "alertname": ["Watchdog", 'quo"te', "two words", "ünï"],
}


@pytest.mark.parametrize("seed", range(3))
def test_amtool_reads_any_tree_as_we_do(tmp_path: Path, seed: int) -> None:
    """Trees with every operator, `continue`, and nesting: the receivers and their order are the same."""
    chance = random.Random(seed)
    content: dict[str, Any] = {
        "route": {"receiver": "r0", "routes": branches(chance, depth=3)},
        "receivers": [{"name": f"r{n}"} for n in range(6)],
    }
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    tree = Route.parse(content["route"])

    for _ in range(15):
        labels = {name: chance.choice("abc") for name in "xyz" if chance.random() < 0.8}
        assert amtool(file, labels) == [route.receiver for route in tree.chosen(labels)], (labels, content)


def branches(chance: random.Random, depth: int) -> list[dict[str, object]]:
    """Return random routes below a node."""
    return [
        {
            "receiver": f"r{chance.randrange(6)}",
            "matchers": [f'{chance.choice("xyz")}{chance.choice(["=", "!=", "=~", "!~"])}"{chance.choice(VALUES)}"'],
            "continue": chance.random() < 0.4,
            "routes": branches(chance, depth - 1) if depth else [],
        }
        for _ in range(chance.randrange(3))
    ]


VALUES = ["a", "b", "a|b", ".*", ".+", "", "[ab]"]


def amtool(file: Path, labels: dict[str, str]) -> list[str]:
    """Return the receivers amtool finds, in order."""
    pairs = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items()]
    answer = run("amtool", "config", "routes", "test", f"--config.file={file}", *pairs)
    assert answer.returncode == 0, answer.stdout
    return answer.stdout.strip().split(",")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("message.title", "[FIRING] ApiDown (production): The API does not answer Prometheus."),
        ("message.firing", "> api:4000 failed every scrape. Since 22:00:00 UTC."),
        ("message.resolved", ""),
        ("message.alertmanager", "http://localhost:3001/alerting/groups?alertmanager=Alertmanager"),
        (
            "message.dashboard",
            "http://localhost:3001/d/rce-api-overview?viewPanel=panel-1&from=1795467600000&to=1795473000000",
        ),
    ],
)
def test_a_page_reads_well(folder: Path, template: str, says: str) -> None:
    """What the person who is woken reads first, word for word."""
    data = {
        "receiver": "pager",
        "status": "firing",
        "externalURL": "http://localhost:9093",
        "groupLabels": {"alertname": "ApiDown", "service": "rce-api", "environment": "production"},
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "ApiDown"},
                "annotations": {
                    "summary": "The API does not answer Prometheus.",
                    "description": "api:4000 failed every scrape.",
                    "dashboard_url": "http://localhost:3001/d/rce-api-overview?viewPanel=panel-1",
                },
                "startsAt": "2026-11-23T22:00:00Z",
            }
        ],
    }
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")

    answer = run(
        "amtool",
        "template",
        "render",
        f"--template.glob={folder}/templates/*.tmpl",
        f"--template.data={folder}/data.json",
        f'--template.text={{{{ template "{template}" . }}}}',
    )

    assert answer.stdout.strip() == says
