"""What does Grafana rewrite in each object, so that what we sent and what we read back can be compared?

Every function is pure, returns a new document, and maps to one form all the spellings that mean the same to Grafana:
its own fields are gone, defaults and empty values are absent, durations and month names have one spelling.
"""

import calendar
import math
import re
from collections.abc import Callable, Container, Mapping
from typing import Any

import orjson

from obs import durations
from obs.query.compare import identity

Document = dict[str, Any]

WRITTEN = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
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
PANEL_DEFAULTS: Document = {"transparent": False, "repeatDirection": "h", "collapsed": False}
NESTED = frozenset({dict, list, float})  # what `pruned` may change
EMPTIABLE = frozenset({dict, list, str, type(None)})
QUERY = "expr"
SERVER_FIELDS = ("id", "version", "iteration", "schemaVersion", "uid", "gnetId")
RULE_SERVER_FIELDS = frozenset({"id", "orgID", "updated", "provenance", "version", "guid"})
# Saved with every dashboard although nobody chose it.
BUILT_IN_ANNOTATION = "Annotations & Alerts"
MONTHS = tuple(name.lower() for name in calendar.month_name if name)
DURATION_FIELDS = ("group_wait", "group_interval", "repeat_interval")


def normalise(kind: str, document: Document) -> Document:
    """
    Return the one form of a document of any kind, by which plan, push, drift and words decide what is the same.

    Raises KeyError for a kind nobody compares.
    """
    found: Document = _identified(shown(kind, document))
    return found


def shown(kind: str, document: Document) -> Document:
    """Return the same form with its queries as they are written: what a change is told from."""
    return NORMALISERS[str(kind)](document)


def canonical(kind: str, document: Document) -> bytes:
    """Bytes that are equal exactly when two documents of a kind mean the same."""
    return meaning(shown(kind, document))


def meaning(form: Document) -> bytes:
    """Return the same bytes for what `shown` returned."""
    return orjson.dumps(_identified(form), default=str, option=WRITTEN)


def pruned(value: Any) -> Any:
    """Drop what Grafana cannot tell from absent: null, NaN, empty text, empty list, empty object."""
    if isinstance(value, dict):
        # Most values are scalars: a call for each would double the time of a plan.
        kept = {key: pruned(item) if type(item) in NESTED else item for key, item in value.items()}
        return {key: item for key, item in kept.items() if item or type(item) not in EMPTIABLE}
    if isinstance(value, list):
        return [pruned(item) if type(item) in NESTED else item for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return value


def _identified(value: Any) -> Any:
    """Put the meaning of each query in its place, so that layout makes no difference."""
    if isinstance(value, dict):
        return {
            key: identity(item) if key == QUERY and type(item) is str else _identified(item)
            for key, item in value.items()
        }
    return [_identified(item) for item in value] if isinstance(value, list) else value


def dashboard(model: Document, as_is: Container[int] = ()) -> Document:
    """Return a dashboard without what the server or a saving browser adds; ``as_is`` are ids of panels to leave."""
    kept = {key: value for key, value in model.items() if key not in SERVER_FIELDS and key != "panels"}
    kept["title"] = str(model.get("title", "")).strip()
    if kept.get("refresh") and not isinstance(kept["refresh"], bool):
        kept["refresh"] = _refresh(str(kept["refresh"]))
    elif "refresh" in kept:
        kept["refresh"] = ""
    if not kept.get("timezone"):
        kept["timezone"] = "browser"
    kept["annotations"] = _annotations(kept.get("annotations"))
    without_defaults: Document = pruned(_without(kept, DASHBOARD_DEFAULTS))
    panels = _placed(model.get("panels"), as_is)
    return without_defaults | ({"panels": panels} if panels else {})


def dashboards(old: Document, new: Document) -> tuple[Document, Document]:
    """
    Return the forms of two dashboards, as `shown` does but for the panels both hold alike.

    Those stay as they are written, one object on both sides: of a thousand panels ten have changed, and the form of the
    others would be made to be thrown away. Only panels that find each other by their title are left so.
    """
    sides = [model.get("panels") for model in (old, new)]
    lists = [side if isinstance(side, list) else [] for side in sides]
    shared = {index: one for index, (one, other) in enumerate(zip(*lists, strict=False)) if _alike(one, other)}
    as_is = {id(panel) for panel in shared.values()}
    panels = [shared.get(index, panel) for index, panel in enumerate(lists[1])]
    return dashboard(old, as_is), dashboard({**new, "panels": panels}, as_is)


def _alike(one: Any, other: Any) -> bool:
    plain = isinstance(one, dict) and one.get("title") and not one.get("panels") and one.get("type") != "row"
    return bool(plain) and orjson.dumps(one, default=str, option=WRITTEN) == orjson.dumps(
        other, default=str, option=WRITTEN
    )


def equal_dashboards(old: Document, new: Document) -> bool:
    """Tell whether two forms of dashboards mean the same."""
    lists = [form.get("panels", []) for form in (old, new)]
    if len(lists[0]) != len(lists[1]) or not all(
        one is other or meaning(one) == meaning(other) for one, other in zip(*lists, strict=True)
    ):
        return False
    frames = ({key: value for key, value in form.items() if key != "panels"} for form in (old, new))
    return len({meaning(frame) for frame in frames}) == 1


def folder(document: Document) -> Document:
    """Return a folder's identity; Grafana gives nothing else back reliably."""
    kept: Document = {"title": str(document.get("title", "")).strip()}
    if document.get("parentUid"):
        kept["parentUid"] = document["parentUid"]
    return kept


def rule_group(group: Document) -> Document:
    """
    Return a rule group of Grafana, or of a rule file (it has a `name`, and rules with `expr`).

    In Grafana folder and name come from the group's address, so rules lose their copies of both.
    """
    if "name" in group:
        return _prometheus_group(group)
    return {
        "title": group.get("title", ""),
        "folderUid": group.get("folderUid", ""),
        "interval": group.get("interval") or 0,
        "rules": [rule(one) for one in group.get("rules") or []],
    }


def _prometheus_group(group: Document) -> Document:
    rules = [_timed(one, ("for", "keep_firing_for")) for one in group.get("rules") or [] if isinstance(one, dict)]
    cleaned: Document = pruned({**_timed(group, ("interval", "query_offset")), "rules": rules})
    return cleaned


def _timed(document: Document, fields: tuple[str, ...]) -> Document:
    """Spell durations in one way; none of them says what its absence says."""
    kept = document | {field: _spelled(document.get(field)) for field in fields}
    return _without(kept, dict.fromkeys(fields, "0s"))


def _spelled(duration: Any) -> Any:
    """Write a duration as Grafana does; what is none stays as it is, for the checks to tell."""
    try:
        return durations.canonical(str(duration or "0s"))
    except ValueError:
        return duration


def rule(document: Document) -> Document:
    """Return one Grafana-managed rule without server fields, model defaults and zero durations."""
    kept = {key: value for key, value in document.items() if key not in {*RULE_SERVER_FIELDS, "folderUID", "ruleGroup"}}
    kept |= {field: _spelled(kept.get(field)) for field in ("for", "keep_firing_for")}
    kept["data"] = [_node(node) for node in kept.get("data") or []]
    if kept.get("notification_settings"):
        kept["notification_settings"] = _routed(kept["notification_settings"])
    cleaned: Document = pruned(_without(kept, {"for": "0s", "keep_firing_for": "0s", "isPaused": False}))
    return cleaned


def contact_point(document: Document) -> Document:
    """Return an integration; what Grafana keeps secret reads back as [REDACTED] and is compared by presence alone."""
    secret = SECRETS.get(str(document.get("type")), EVERY_SECRET)
    settings = _redacted(document.get("settings") or {}, secret)
    kept = {key: document.get(key) for key in ("name", "type")}
    if document.get("disableResolveMessage"):
        kept["disableResolveMessage"] = True
    cleaned: Document = pruned({**kept, "settings": settings})
    return cleaned


def _redacted(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: "[REDACTED]" if key in secret else _redacted(item, secret) for key, item in value.items()}
    return value


TLS = ("caCertificate", "clientCertificate", "clientKey")
# Which settings of an integration Grafana stores encrypted; the address of a webhook is none, and reads back.
SECRETS: Mapping[str, frozenset[str]] = {
    "email": frozenset(),
    "webhook": frozenset({"password", "authorization_credentials", "secret", *TLS}),
    "pagerduty": frozenset({"integrationKey"}),
    "slack": frozenset({"url", "token"}),
    "opsgenie": frozenset({"apiKey"}),
    "telegram": frozenset({"bottoken"}),
    "teams": frozenset({"url"}),
    "discord": frozenset({"url"}),
    "googlechat": frozenset({"url"}),
    "dingding": frozenset({"url"}),
    "jira": frozenset({"user", "password", "api_token"}),
    "kafka": frozenset({"password"}),
    "LINE": frozenset({"token"}),
    "mqtt": frozenset({"password", *TLS}),
    "oncall": frozenset({"password", "authorization_credentials"}),
    "prometheus-alertmanager": frozenset({"basicAuthPassword"}),
    "pushover": frozenset({"apiToken", "userKey"}),
    "sensugo": frozenset({"apikey"}),
    "sns": frozenset({"access_key", "secret_key"}),
    "threema": frozenset({"api_secret"}),
    "victorops": frozenset({"url"}),
    "webex": frozenset({"bot_token"}),
    "wecom": frozenset({"url", "secret"}),
}
EVERY_SECRET = frozenset().union(*SECRETS.values())


def policy(route: Document) -> Document:
    """Return a routing subtree; the order of ``group_by`` and matchers means nothing, that of ``routes`` everything."""
    kept = {key: value for key, value in route.items() if key not in {"provenance", "version"}}
    for field in DURATION_FIELDS:
        if kept.get(field):
            kept[field] = _spelled(kept[field])
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


def _annotations(value: Any) -> Any:
    entries = value.get("list") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return value
    return {
        **value,
        "list": [
            entry
            for entry in entries
            if not (isinstance(entry, dict) and entry.get("builtIn") and entry.get("name") == BUILT_IN_ANNOTATION)
        ],
    }


def _placed(panels: Any, as_is: Container[int] = ()) -> list[Document]:
    """Return panels in the order Grafana shows them: by their place, and as they are listed where that is the same."""
    found = [panel for panel in panels if isinstance(panel, dict)] if isinstance(panels, list) else []
    listed = [panel if id(panel) in as_is else panel_form(panel) for panel in found]
    return sorted(listed, key=lambda panel: _corner(panel.get("gridPos")))


def _from_the_row(panels: list[Document]) -> list[Document]:
    """
    Count the grid rows of a collapsed row's panels from the first of them.

    Grafana does when it unfolds the row; what is stored is where they stood when it was folded.
    Source: grafana/public/app/features/dashboard/state/DashboardModel.ts, toggleRow.
    """
    first = min((_corner(panel.get("gridPos"))[0] for panel in panels), default=0)
    for panel in panels:
        place = panel.get("gridPos")
        if isinstance(place, dict) and isinstance(place.get("y"), int | float):
            panel["gridPos"] = {**place, "y": place["y"] - first}
    return panels


def _corner(place: Any) -> tuple[float, float]:
    at = place if isinstance(place, dict) else {}
    y, x = (at.get(side) for side in ("y", "x"))
    return (y if isinstance(y, int | float) else 0, x if isinstance(x, int | float) else 0)


def panel_form(panel: Document) -> Document:
    """Return one panel without what a saving browser adds and what says nothing."""
    form: Document = pruned(_panel(panel))
    return form


def _panel(panel: Document) -> Document:
    kept = {key: value for key, value in _without(panel, PANEL_DEFAULTS).items() if key != "pluginVersion"}
    if kept.get("panels"):
        kept["panels"] = _from_the_row(_placed(kept["panels"]))
    if isinstance(kept.get("targets"), list):
        kept["targets"] = [
            _without(target, {"hide": False}) if isinstance(target, dict) else target for target in kept["targets"]
        ]
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
    timed = {field: _spelled(settings[field]) for field in DURATION_FIELDS if settings.get(field)}
    return {**settings, **timed, "group_by": group_by}


def _months(text: str) -> str:
    return re.sub(
        r"[a-z]+", lambda name: str(MONTHS.index(name[0]) + 1) if name[0] in MONTHS else name[0], text.lower()
    )
