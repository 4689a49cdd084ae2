"""A small stack without fault, to plant one fault in at a time."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from obs import config
from obs.alerting import Alert, Group, PanelRef, Recording
from obs.alerting.recording import REQUEST_RATE
from obs.boards.board import Dashboard
from obs.output import Built
from obs.output.built import FOLDER, File
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Finding
from obs.proofs.gate import examine
from obs.stack import Stack
from obs.stack.identity import panel_id
from tests.proofs.test_cases import DOWN

RATIO = (
    'sum by (route) (rate(http_requests_total{status=~"5.."}[$__rate_interval]))'
    " / (sum by (route) (rate(http_requests_total[$__rate_interval])) > 0)"
)
ALERT = replace(DOWN, name="ApiDown", expr='up{job="rce-api"} == 0', panel=PanelRef("api", "Targets"))
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
QUERY = {"refId": "A", "expr": RATIO, "legendFormat": "{{route}}", "datasource": SOURCE}
PANEL = {
    "id": 1,
    "type": "timeseries",
    "title": "Error ratio",
    "description": "Rising: look at the log.",
    "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
    "datasource": SOURCE,
    "fieldConfig": {"defaults": {"unit": "percentunit"}},
    "targets": [QUERY],
}
TARGETS = PANEL | {
    "id": panel_id("Targets"),
    "title": "Targets",
    "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8},
    "fieldConfig": {"defaults": {"unit": "short"}},
    "targets": [QUERY | {"expr": 'up{job="rce-api", environment=~"$environment"}', "legendFormat": "{{instance}}"}],
}
VARIABLES = [
    {"name": "datasource", "type": "datasource", "query": "prometheus"},
    {
        "name": "environment",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": 'label_values(up{job="rce-api"}, environment)'},
        "multi": True,
    },
]
MODEL = {
    "uid": "rce-api-api",
    "title": "API",
    "tags": ["rce-api"],
    "links": [
        {"type": "dashboards", "title": "Others", "tags": ["rce-api"]},
        {
            "type": "link",
            "title": "Runbook",
            "url": "https://github.com/example/rce-api-observability/blob/main/docs/operations/api.md#apidown",
        },
    ],
    "annotations": {"list": [{"name": "Alerts", "expr": 'ALERTS{alertstate="firing"}'}]},
    "templating": {"list": VARIABLES},
    "panels": [PANEL, TARGETS],
}
RUNBOOK = """# API

## ApiDown

### Meaning

It does not answer.

### Impact

All of them.

### Diagnosis

```promql
up{job="rce-api"}
```

```logql
{service="rce-api", level="error"} | json
```

### Mitigation

Start it.

### Escalation

Call its owner.
"""

Plant = Callable[[dict[str, Any]], object]
BOARD = "dashboards/api.py panel 'Error ratio'"
RULE = "alerts/api.py:7 down"


class Planted:
    """A small sound stack in a checkout of its own, for one fault at a time."""

    def __init__(self, stack: Stack, root: Path) -> None:
        self.stack, self.root = stack, root
        self.write(RUNBOOK)

    def write(self, text: str, name: str = "api.md") -> Self:
        """Write a page of docs/operations."""
        page = self.root / "docs" / "operations" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
        return self

    def told(self, *families: str, **planting: Any) -> list[str]:
        """Plant a fault as `found` does; return what checks of these families say."""
        return [str(finding) for finding in self.found(*families, **planting)]

    def found(
        self,
        *families: str,
        plant: Plant = bool,
        alert: Alert = ALERT,
        more: tuple[Alert, ...] = (),
        expr: str = "",
        recorded: str = "sum by (job) (rate(http_requests_total[5m]))",
        files: Mapping[str, str] | None = None,
        routed: Callable[[str], str] | None = None,
        page: tuple[str, str] = ("", ""),
        composed: str = "",
    ) -> list[Finding]:
        """Plant a fault in the dashboard, its first query, the alert, the recording, the files, routes or runbook."""
        if page[0]:
            self.write(RUNBOOK.replace(*page))
        if composed:
            (self.root / "docker-compose.yml").write_text(composed)
        model: dict[str, Any] = deepcopy(MODEL)
        plant(model)
        if expr:
            model["panels"][0]["targets"][0] |= {"expr": expr, "legendFormat": "all"}
        groups = (
            Group("recording", "recording", (Recording(REQUEST_RATE, recorded),)),
            Group("api", "api", (alert, *more)),
        )
        texts = dict(files or {})
        if routed:
            rendered = {f"{FOLDER}/{path}": text for path, text in config.render(self.stack).items()}
            texts = {path: routed(text) for path, text in rendered.items()}
        built = Built(
            self.stack,
            groups,
            (Dashboard("api", "dashboards/api.py", model),),
            {path: File(text) for path, text in texts.items()},
        )
        chosen = [check for check in CHECKS if check.id.partition("/")[0] in families or check.id in families]
        assert chosen, f"there is no check {families}"
        return examine(Evidence(built, self.root), chosen)

    def asked(self, expr: str, *families: str, **target: str) -> list[str]:
        """Return what is said when the first panel asks ``expr``."""

        def plant(model: dict[str, Any]) -> None:
            model["panels"][0]["targets"][0] |= {"expr": expr, "legendFormat": "all"} | target

        return self.told(*families, plant=plant)
