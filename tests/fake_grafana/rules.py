"""How does the fake answer for Grafana-managed alert rules?"""

from http import HTTPStatus
from typing import Any

from tests.fake_grafana.answer import Answer, Problem, Request, known_fields
from tests.fake_grafana.durations import canonical
from tests.fake_grafana.state import State, legal_uid

RULE_FIELDS = {
    "uid",
    "title",
    "condition",
    "data",
    "noDataState",
    "execErrState",
    "for",
    "labels",
    "annotations",
    "isPaused",
    "folderUID",
    "ruleGroup",
    "orgID",
    "id",
    "notification_settings",
    "record",
}
NODE_FIELDS = {"refId", "queryType", "relativeTimeRange", "datasourceUid", "model"}
NO_DATA = {"NoData", "Alerting", "OK", "KeepLast"}
EXEC_ERR = {"Error", "Alerting", "OK", "KeepLast"}
LIMIT = 190


def list_rules(state: State, request: Request) -> Answer:
    """List every rule with its provenance."""
    del request
    return Answer(200, list(state.rules.values()))


def get_rule(state: State, request: Request) -> Answer:
    """Return one rule; a missing one is an empty 404."""
    rule = state.rules.get(request.path[4])
    return Answer(200, rule) if rule else Answer(404)


def get_group(state: State, request: Request) -> Answer:
    """Return a group; its rules come without provenance."""
    folder_uid, name = request.path[4], request.path[6]
    rules = state.group(folder_uid, name)
    if not rules:
        raise Problem(HTTPStatus.NOT_FOUND, "rule group not found", messageId="alerting.alert-rule-group.notFound")
    shown = [{key: value for key, value in rule.items() if key != "provenance"} for rule in rules]
    interval = state.intervals[folder_uid, name]
    return Answer(200, {"title": name, "folderUid": folder_uid, "interval": interval, "rules": shown})


def put_group(state: State, request: Request) -> Answer:
    """Replace a group, all or nothing; the answer echoes the request."""
    body = known_fields(request.body, {"title", "folderUid", "interval", "rules"}, "a rule group")
    folder_uid, name = request.path[4], request.path[6]
    _legal_group(state, folder_uid, name, body)
    rules = [_legal_rule(state, {**rule, "folderUID": folder_uid, "ruleGroup": name}) for rule in body["rules"]]
    taken = state.version >= (11, 5) if state.new_uids_in_groups is None else state.new_uids_in_groups
    if not taken and any(rule["uid"] not in state.rules for rule in rules):
        raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "failed to update rule group: rule not found")
    provenance = _provenance(request)
    for rule in rules:
        _legal_move(state, rule, provenance)
    _unique_titles(state, folder_uid, name, rules)
    for rule in state.group(folder_uid, name):
        del state.rules[rule["uid"]]
    for rule in rules:
        state.rules[rule["uid"]] = {**rule, "provenance": provenance}
    state.intervals[folder_uid, name] = body["interval"]
    return Answer(200, body)


def delete_group(state: State, request: Request) -> Answer:
    """Delete a group; the route is missing before 11."""
    folder_uid, name = request.path[4], request.path[6]
    if state.version < (11, 0):
        raise Problem(HTTPStatus.NOT_FOUND, "Not found")
    rules = state.group(folder_uid, name)
    if not rules:
        raise Problem(HTTPStatus.NOT_FOUND, "rule group not found")
    if any(rule["provenance"] != _provenance(request) for rule in rules):
        raise Problem(HTTPStatus.CONFLICT, "cannot delete", messageId="alerting.provenanceMismatch")
    for rule in rules:
        del state.rules[rule["uid"]]
    return Answer(204)


def post_rule(state: State, request: Request) -> Answer:
    """Create one rule."""
    rule = _legal_rule(state, request.body)
    if rule["uid"] in state.rules:
        raise Problem(HTTPStatus.CONFLICT, "rule uid already exists")
    group = (rule["folderUID"], rule["ruleGroup"])
    _unique_titles(state, *group, [*state.group(*group), rule])
    state.intervals.setdefault(group, 60)
    state.rules[rule["uid"]] = {**rule, "provenance": _provenance(request)}
    return Answer(201, state.rules[rule["uid"]])


def delete_rule(state: State, request: Request) -> Answer:
    """Delete one rule; an absent one too."""
    state.rules.pop(request.path[4], None)
    return Answer(204)


def _provenance(request: Request) -> str:
    return "" if "x-disable-provenance" in request.headers else "api"


def _legal_group(state: State, folder_uid: str, name: str, body: dict[str, Any]) -> None:
    interval = body.get("interval")
    if not isinstance(interval, int) or interval <= 0 or interval % 10:
        message = f"interval ({interval}s) should be non-zero and divided exactly by scheduler interval: 10"
        raise Problem(HTTPStatus.BAD_REQUEST, message)
    if folder_uid not in state.folders:
        raise Problem(HTTPStatus.BAD_REQUEST, "folder does not exist")
    if not 0 < len(name) <= LIMIT:
        raise Problem(HTTPStatus.BAD_REQUEST, "rule group name is too long")


def _legal_rule(state: State, body: Any) -> dict[str, Any]:
    allowed = RULE_FIELDS | ({"keep_firing_for", "missingSeriesEvalsToResolve"} if state.version >= (12, 0) else set())
    rule = known_fields(body, allowed, "a rule")
    legal_uid(str(rule.get("uid") or ""), "strict: rule")
    if rule["folderUID"] not in state.folders:
        raise Problem(HTTPStatus.BAD_REQUEST, "folder does not exist")
    if not 0 < len(rule["title"]) <= LIMIT or not rule["data"]:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid alert rule")
    if rule["noDataState"] not in NO_DATA or rule["execErrState"] not in EXEC_ERR:
        raise Problem(HTTPStatus.BAD_REQUEST, "unknown no data or error state")
    if rule["condition"] not in {node["refId"] for node in rule["data"]}:
        raise Problem(HTTPStatus.BAD_REQUEST, "strict: the condition names no node")
    annotations = rule.get("annotations") or {}
    if ("__dashboardUid__" in annotations) != ("__panelId__" in annotations):
        raise Problem(HTTPStatus.BAD_REQUEST, "both __dashboardUid__ and __panelId__ must be set")
    durations: dict[str, str] = {key: canonical(rule[key]) for key in ("for", "keep_firing_for") if key in rule}
    data = [_stored_node(known_fields(node, NODE_FIELDS, "a query")) for node in rule["data"]]
    return {**rule, **durations, "data": data, "orgID": 1, "id": state.ids.next()}


def _stored_node(node: dict[str, Any]) -> dict[str, Any]:
    window = node["relativeTimeRange"]
    if node["datasourceUid"] != "__expr__" and window["from"] <= window["to"]:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid relative time range")
    defaults = {"intervalMs": 1000, "maxDataPoints": 43200}
    return {
        **node,
        "queryType": node.get("queryType", ""),
        "model": dict(sorted({**defaults, **node["model"]}.items())),
    }


def _legal_move(state: State, rule: dict[str, Any], provenance: str) -> None:
    known = state.rules.get(rule["uid"])
    if known is None:
        return
    if (known["folderUID"], known["ruleGroup"]) != (rule["folderUID"], rule["ruleGroup"]):
        raise Problem(HTTPStatus.CONFLICT, "rule belongs to another group")
    if known["provenance"] != provenance and (known["provenance"], provenance) != ("api", ""):
        message = "cannot change provenance"
        raise Problem(HTTPStatus.CONFLICT, message, messageId="alerting.provenanceMismatch")


def _unique_titles(state: State, folder_uid: str, name: str, rules: list[dict[str, Any]]) -> None:
    if state.version >= (12, 0):
        return
    others = [
        rule["title"] for rule in state.rules.values() if rule["folderUID"] == folder_uid and rule["ruleGroup"] != name
    ]
    titles = [*others, *(rule["title"] for rule in rules)]
    if len(titles) != len(set(titles)):
        raise Problem(HTTPStatus.BAD_REQUEST, "a conflicting alert rule is found: rule title under the same folder")
