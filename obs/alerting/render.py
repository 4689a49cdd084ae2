"""How do rules become the YAML that Prometheus loads?"""

from functools import lru_cache
from typing import Any

import promql_parser
import yaml

from obs.alerting.model import Alert, Group, Recording
from obs.stack import Stack
from watchkeeper.contract.labels import SERVICE

HEADER = "# Made by `obs build` from alerts/*.py: edit those, then run `make dashboards`.\n"
LINE = 100


class _Dumper(yaml.CSafeDumper):
    """Writes texts of several lines as blocks, so that a diff shows the line that changed."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def path(group: Group) -> str:
    """Return where a group is written, below infra/observability: a file of its own."""
    return f"prometheus/rules/{group.file}.yml"


def render_group(stack: Stack, group: Group) -> str:
    """Return the rule file of a group."""
    return HEADER + dump({"groups": [group_body(stack, group)]})


def group_body(stack: Stack, group: Group) -> dict[str, Any]:
    """Return a rule group in the shape Prometheus and the Mimir, Cortex and Loki rulers share."""
    rules = [_alert(stack, rule) if isinstance(rule, Alert) else _recording(stack, rule) for rule in group.rules]
    return {"name": group.name, "interval": group.interval, "rules": rules}


def dump(value: Any) -> str:
    """Return YAML with keys in the order given and long texts left on their line."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


@lru_cache(maxsize=4096)
def pretty(expr: str) -> str:
    """Return PromQL over several lines where it is long: the same query, one thought a line."""
    if len(expr) <= LINE:
        return expr
    try:
        return promql_parser.parse(expr).prettify().strip()
    except ValueError:  # what is no PromQL is the checks' to tell, with its place
        return expr


def _alert(stack: Stack, alert: Alert) -> dict[str, Any]:
    body: dict[str, Any] = {"alert": alert.name, "expr": pretty(alert.expr), "for": alert.hold}
    if alert.keep_firing_for:
        body["keep_firing_for"] = alert.keep_firing_for
    return body | {"labels": alert.labels(stack), "annotations": alert.annotations(stack)}


def _recording(stack: Stack, rule: Recording) -> dict[str, Any]:
    # Two services in one Prometheus never record one series, whatever their jobs are called.
    return {"record": rule.metric.name, "expr": pretty(rule.expr), "labels": {SERVICE.name: stack.service.name}}
