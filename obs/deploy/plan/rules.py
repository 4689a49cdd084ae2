"""How does a Prometheus alerting rule become a Grafana-managed one that fires, stays silent and clears alike?

Query A is the rule's expression at this moment, B its last value, the last node the decision:

- `lhs > 0.02` becomes A = `lhs` and a threshold B > 0.02: Grafana shows the value beside its threshold at all times;
- any other expression fires for every series it returns, whatever the value: a test for existence, the same one
  Grafana's own importer writes (`prometheus_math`).

A series that is gone does not fire (noDataState OK) and resolves at the next evaluation, a query that fails is an alert
of its own (execErrState Error): both as in Prometheus, whose failing rules are alerted on too.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import promql_parser
import yaml

from obs import durations
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.state import Document, Item, Kind, item
from obs.stack import ownership

LOOKBACK_SECONDS = 600  # Grafana wants a range even for an instant query, which reads its end alone
EXISTS = "is_number($B) || is_nan($B) || is_inf($B)"
# gte, lte, eq and ne are evaluators of recent releases alone; an existence test means the same everywhere.
EVALUATORS = {">": "gt", "<": "lt"}
BEAT_SECONDS = 10  # Grafana evaluates at multiples of this alone, so that 15 s become 20
UID_NAME_LENGTH = 31  # 40, less a dash and eight hexadecimal digits


@dataclass(frozen=True, slots=True)
class Target:
    """Where the rules go: folder, data source, who owns them, labels Prometheus would add, and whether they page."""

    owner: str
    folder_uid: str
    datasource_uid: str
    labels: Mapping[str, str]
    paused: bool


def rule_groups(text: str, target: Target) -> list[Item]:
    """Return the Grafana groups of a Prometheus rule file; recording rules stay with Prometheus. Raise DeployError."""
    try:
        groups = (yaml.safe_load(text) or {})["groups"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise DeployError(f"not a Prometheus rule file: {error}") from error
    return [_group(group, target) for group in groups if any("alert" in rule for rule in group["rules"])]


def _group(group: Mapping[str, Any], target: Target) -> Item:
    rules = [_rule(str(group["name"]), rule, target) for rule in group["rules"] if "alert" in rule]
    beats = -(-durations.parse(str(group.get("interval", "1m"))) // (1000 * BEAT_SECONDS))
    interval_seconds = beats * BEAT_SECONDS
    document = {"title": group["name"], "folderUid": target.folder_uid, "interval": interval_seconds, "rules": rules}
    return item(Kind.RULE_GROUP, document, folder_uid=target.folder_uid)


def _rule(group: str, rule: Mapping[str, Any], target: Target) -> Document:
    data = _nodes(str(rule["expr"]), target.datasource_uid)
    annotations = {name: _values(str(text)) for name, text in (rule.get("annotations") or {}).items()}
    labels = {**target.labels, **(rule.get("labels") or {}), ownership.RULE_LABEL: target.owner}
    document = {
        "uid": uid(target.owner, group, str(rule["alert"])),
        "title": rule["alert"],
        "condition": data[-1]["refId"],
        "data": data,
        "noDataState": "OK",
        "execErrState": "Error",
        "for": durations.canonical(str(rule.get("for", "0s"))),
        "labels": {name: _values(str(text)) for name, text in labels.items()},
        "annotations": annotations | _panel(annotations.get("dashboard_url", "")),
        "isPaused": target.paused,
        "missingSeriesEvalsToResolve": 1,
    }
    kept = rule.get("keep_firing_for")
    return document | ({"keep_firing_for": durations.canonical(str(kept))} if kept else {})


def uid(owner: str, group: str, name: str) -> str:
    """Return a rule's uid: readable, at most 40 characters, and the same wherever in its group the rule stands."""
    digest = hashlib.sha256(f"{owner}/{group}/{name}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:UID_NAME_LENGTH]}-{digest}"


def _nodes(expr: str, datasource_uid: str) -> list[Document]:
    query, evaluator, limit = _split(expr)
    nodes = [
        _node("A", {"expr": query, "instant": True, "range": False}, datasource_uid, LOOKBACK_SECONDS),
        _node("B", {"type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": ""}}),
    ]
    if not evaluator:
        nodes.append(_node("C", {"type": "math", "expression": EXISTS}))
    decided_on = nodes[-1]["refId"]
    condition = {"evaluator": {"type": evaluator or "gt", "params": [limit]}}
    threshold = {"type": "threshold", "expression": decided_on, "conditions": [condition]}
    return [*nodes, _node(chr(ord(decided_on) + 1), threshold)]


def _node(ref: str, model: Document, datasource_uid: str = "__expr__", lookback_seconds: int = 0) -> Document:
    return {
        "refId": ref,
        "relativeTimeRange": {"from": lookback_seconds, "to": 0},
        "datasourceUid": datasource_uid,
        "model": {"refId": ref, **model},
    }


def _split(expr: str) -> tuple[str, str, float]:
    """Take `lhs > number` apart; return the expression as it is, "" and 0 where it has another shape."""
    try:
        tree = promql_parser.parse(expr)
    except ValueError as error:
        raise DeployError(f"not PromQL: {error}: {expr}") from error
    if not isinstance(tree, promql_parser.BinaryExpr) or str(tree.op) not in EVALUATORS:
        return expr, "", 0
    limit = tree.rhs
    if not isinstance(limit, promql_parser.NumberLiteral) or isinstance(tree.lhs, promql_parser.NumberLiteral):
        return expr, "", 0
    if tree.modifier and tree.modifier.return_bool:
        return expr, "", 0
    return tree.lhs.prettify().strip(), EVALUATORS[str(tree.op)], limit.val


def _values(template: str) -> str:
    """Let a template say the number: in Grafana `$value` is a text that lists every node."""
    return re.sub(r"\$value\b", "$values.B.Value", template)


def _panel(url: str) -> Document:
    """Return the annotations that tie a rule to its panel, out of a dashboard link; both or neither."""
    parts = urlsplit(url)
    board = re.search(r"/d/([A-Za-z0-9_-]{1,40})", parts.path)
    panel = re.search(r"(\d+)$", parse_qs(parts.query).get("viewPanel", [""])[0])
    return {"__dashboardUid__": board[1], "__panelId__": panel[1]} if board and panel else {}
