"""What does Grafana rewrite in each object, so that what we sent and what we read back can be compared?

Every function is pure, returns a new document, and maps to one form all the spellings that mean the same to Grafana:
its own fields are gone, defaults and empty values are absent, durations and month names have one spelling.
"""

import calendar
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from obs.query import durations

Document = dict[str, Any]

MIN_REFRESH_MS = 5_000  # [dashboards] min_refresh_interval, Grafana's default
# Grafana adds these to every alert query model.
MODEL_DEFAULTS = {"intervalMs": 1000, "maxDataPoints": 43200, "hide": False}
# What an absent field of a dashboard means; the browser writes them out when a person saves.
DASHBOARD_DEFAULTS: Document = {
    "editable": True,
    "fiscalYearStartMonth": 0,
    "graphTooltip": 0,
    "liveNow": False,
    "preload": False,
    "refresh": "",
    "style": "dark",
    "timezone": "browser",
    "weekStart": "",
}
PANEL_DEFAULTS: Document = {"transparent": False, "repeatDirection": "h"}
NESTED = frozenset({dict, list, float})  # what `pruned` may change
EMPTIABLE = frozenset({dict, list})
SERVER_FIELDS = ("id", "version", "iteration", "schemaVersion", "uid", "gnetId")
RULE_SERVER_FIELDS = frozenset({"id", "orgID", "updated", "provenance", "version", "guid"})
# Saved with every dashboard although nobody chose it.
BUILT_IN_ANNOTATION = "Annotations & Alerts"
MONTHS = tuple(name.lower() for name in calendar.month_name if name)
DURATION_FIELDS = ("group_wait", "group_interval", "repeat_interval")


def normalise(kind: str, document: Document) -> Document:
    """Return the one form of a document of any kind; raise KeyError for a kind nobody compares."""
    return NORMALISERS[str(kind)](document)


def canonical(kind: str, document: Document) -> bytes:
    """Bytes that are equal exactly when two documents of a kind mean the same."""
    return orjson.dumps(normalise(kind, document), option=orjson.OPT_SORT_KEYS)


def pruned(value: Any) -> Any:
    """Drop nulls, empty lists and empty objects, which Grafana cannot tell from absent ones."""
    if isinstance(value, dict):
        # Most values are scalars: a call for each would double the time of a plan.
        kept = {key: pruned(item) if type(item) in NESTED else item for key, item in value.items() if item is not None}
        return {key: item for key, item in kept.items() if item or type(item) not in EMPTIABLE}
    if isinstance(value, list):
        return [pruned(item) if type(item) in NESTED else item for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def dashboard(model: Document) -> Document:
    """Return a dashboard without what the server or a saving browser adds."""
    kept = {key: value for key, value in model.items() if key not in SERVER_FIELDS}
    kept["title"] = str(model.get("title", "")).strip()
    if kept.get("refresh") and not isinstance(kept["refresh"], bool):
        kept["refresh"] = _refresh(str(kept["refresh"]))
    elif "refresh" in kept:
        kept["refresh"] = ""
    if not kept.get("timezone"):
        kept["timezone"] = "browser"
    kept["annotations"] = _annotations(kept.get("annotations"))
    kept["panels"] = [_panel(panel) for panel in model.get("panels") or []]
    without_defaults: Document = pruned(_without(kept, DASHBOARD_DEFAULTS))
    return without_defaults


def folder(document: Document) -> Document:
    """Return a folder's identity; Grafana gives nothing else back reliably."""
    kept: Document = {"title": str(document.get("title", "")).strip()}
    if document.get("parentUid"):
        kept["parentUid"] = document["parentUid"]
    return kept


def rule_group(group: Document) -> Document:
    """Return a rule group; its folder and name come from its address, so rules lose their copies of both."""
    return {
        "title": group.get("title", ""),
        "folderUid": group.get("folderUid", ""),
        "interval": int(group.get("interval") or 0),
        "rules": [rule(one) for one in group.get("rules") or []],
    }


def rule(document: Document) -> Document:
    """Return one Grafana-managed rule without server fields, model defaults and zero durations."""
    kept = {key: value for key, value in document.items() if key not in {*RULE_SERVER_FIELDS, "folderUID", "ruleGroup"}}
    for field in ("for", "keep_firing_for"):
        kept[field] = durations.canonical(str(kept.get(field) or "0s"))
    kept["data"] = [_node(node) for node in kept.get("data") or []]
    if kept.get("notification_settings"):
        kept["notification_settings"] = _routed(kept["notification_settings"])
    cleaned: Document = pruned(_without(kept, {"for": "0s", "keep_firing_for": "0s", "isPaused": False}))
    return cleaned


def contact_point(document: Document) -> Document:
    """Return an integration; what may be a secret reads back as [REDACTED] and is compared by presence alone."""
    settings = {
        key: "[REDACTED]" if key in SECRETS else value for key, value in (document.get("settings") or {}).items()
    }
    kept = {key: document.get(key) for key in ("name", "type")}
    if document.get("disableResolveMessage"):
        kept["disableResolveMessage"] = True
    cleaned: Document = pruned({**kept, "settings": settings})
    return cleaned


# Fields Grafana stores encrypted in the contact points a stack can ask for (integrations of PagerDuty, webhook, Slack,
# Opsgenie, Telegram, Teams, Discord and Google Chat). A secret url is compared by presence: it reads back redacted.
SECRETS = frozenset(
    {"integrationKey", "password", "authorization_credentials", "token", "url", "apiKey", "bottoken", "secret"}
)


def policy(route: Document) -> Document:
    """Return a routing subtree; the order of ``group_by`` and matchers means nothing, that of ``routes`` everything."""
    kept = {key: value for key, value in route.items() if key not in {"provenance", "version"}}
    for field in DURATION_FIELDS:
        if kept.get(field):
            kept[field] = durations.canonical(str(kept[field]))
    kept["group_by"] = sorted(kept.get("group_by") or [])
    kept["object_matchers"] = sorted(kept.get("object_matchers") or [])
    kept["routes"] = [policy(child) for child in kept.get("routes") or []]
    cleaned: Document = pruned(_without(kept, {"continue": False}))
    return cleaned


def mute_timing(document: Document) -> Document:
    """Return a mute timing; months come back as numbers and ranges with a colon."""
    intervals = [
        {**interval, "months": [_months(text) for text in interval.get("months") or []]}
        for interval in document.get("time_intervals") or []
    ]
    cleaned: Document = pruned({"name": document.get("name", ""), "time_intervals": intervals})
    return cleaned


def template(document: Document) -> Document:
    """Return a notification template; indentation is Grafana's."""
    lines = (line.strip() for line in str(document.get("template", "")).splitlines())
    return {"name": document.get("name", ""), "template": "\n".join(line for line in lines if line)}


def datasource(document: Document) -> Document:
    """Return a data source, secrets by name alone."""
    dropped = ("id", "orgId", "version", "readOnly", "secureJsonData", "accessControl", "typeLogoUrl", "apiVersion")
    cleaned: Document = pruned({key: value for key, value in document.items() if key not in dropped})
    return cleaned


NORMALISERS: Mapping[str, Callable[[Document], Document]] = {
    "dashboard": dashboard,
    "folder": folder,
    "rule-group": rule_group,
    "contact-point": contact_point,
    "policy": policy,
    "mute-timing": mute_timing,
    "template": template,
    "datasource": datasource,
}


def _without(document: Document, defaults: Document) -> Document:
    """Drop the fields that say what their absence says."""
    return {key: value for key, value in document.items() if key not in defaults or value != defaults[key]}


def _refresh(text: str) -> str:
    try:
        return text if durations.parse(text) >= MIN_REFRESH_MS else "5s"
    except ValueError:
        return text


def _annotations(value: Any) -> Document:
    entries = (value or {}).get("list") or []
    return {
        "list": [entry for entry in entries if not (entry.get("builtIn") and entry.get("name") == BUILT_IN_ANNOTATION)]
    }


def _panel(panel: Document) -> Document:
    kept = {key: value for key, value in _without(panel, PANEL_DEFAULTS).items() if key != "pluginVersion"}
    if kept.get("panels"):
        kept["panels"] = [_panel(inner) for inner in kept["panels"]]
    if kept.get("targets"):
        kept["targets"] = [_without(target, {"hide": False}) for target in kept["targets"]]
    return kept


def _node(node: Document) -> Document:
    model = _without(dict(node.get("model") or {}), MODEL_DEFAULTS)
    model.setdefault("refId", node.get("refId"))
    if model.get("queryType", "") == node.get("queryType", ""):
        model.pop("queryType", None)
    window = node.get("relativeTimeRange") or {}
    kept = {**node, "model": model, "relativeTimeRange": {key: window.get(key) or 0 for key in ("from", "to")}}
    return _without(kept, {"queryType": ""})


def _routed(settings: Document) -> Document:
    """Newer servers add the two mandatory labels to ``group_by`` themselves."""
    group_by = sorted(set(settings.get("group_by") or []) - {"alertname", "grafana_folder"})
    timed = {field: durations.canonical(str(settings[field])) for field in DURATION_FIELDS if settings.get(field)}
    return {**settings, **timed, "group_by": group_by}


def _months(text: str) -> str:
    return re.sub(
        r"[a-z]+", lambda name: str(MONTHS.index(name[0]) + 1) if name[0] in MONTHS else name[0], text.lower()
    )
