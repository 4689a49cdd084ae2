"""How does the fake answer for contact points, policies, mute timings and templates?"""

import hashlib
import json
from http import HTTPStatus
from typing import Any

from tests.fake_grafana.answer import Answer, Problem, Request, known_fields
from tests.fake_grafana.durations import canonical
from tests.fake_grafana.state import State, legal_uid

REDACTED = "[REDACTED]"
SECRET_SETTINGS = {"pagerduty": {"integrationKey"}, "slack": {"url", "token"}, "opsgenie": {"apiKey"}}
REQUIRED_SETTINGS = {"pagerduty": "integrationKey", "webhook": "url", "slack": "url", "email": "addresses"}
ROUTE_FIELDS = {
    "receiver",
    "group_by",
    "object_matchers",
    "continue",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "mute_time_intervals",
    "active_time_intervals",
    "routes",
}
MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october"]


def list_contact_points(state: State, request: Request) -> Answer:
    """List integrations, secrets redacted."""
    name = request.one("name")
    return Answer(200, [point for point in state.contact_points.values() if not name or point["name"] == name])


def post_contact_point(state: State, request: Request) -> Answer:
    """Create an integration; a taken uid is 500."""
    point = _legal_point(request.body)
    uid = str(point.get("uid") or f"c{state.ids.next()}")
    legal_uid(uid, "contact point")
    if uid in state.contact_points:
        raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "contact point uid already exists")
    _store_point(state, uid, point)
    return Answer(202, state.contact_points[uid])


def put_contact_point(state: State, request: Request) -> Answer:
    """Replace an integration; a redacted secret keeps the stored one."""
    uid = request.path[4]
    if uid not in state.contact_points:
        raise Problem(HTTPStatus.NOT_FOUND, "contact point not found")
    _same_provenance(state.contact_points[uid], request)
    _store_point(state, uid, _legal_point(request.body))
    return Answer(202, {"message": "contactpoint updated"})


def delete_contact_point(state: State, request: Request) -> Answer:
    """Delete an integration no policy and no rule uses."""
    uid = request.path[4]
    point = state.contact_points.get(uid)
    last = point is not None and [one["name"] for one in state.contact_points.values()].count(point["name"]) == 1
    if point and last and json.dumps(point["name"]) in json.dumps(state.policy):
        raise Problem(HTTPStatus.CONFLICT, "contact point is currently used by a notification policy")
    state.contact_points.pop(uid, None)
    return Answer(202)


def get_policies(state: State, request: Request) -> Answer:
    """Return the tree."""
    del request
    return Answer(200, state.policy)


def put_policies(state: State, request: Request) -> Answer:
    """Replace the whole tree."""
    tree = _legal_route(state, request.body, root=True)
    provenance = "" if "x-disable-provenance" in request.headers else "api"
    if state.policy.get("provenance", "") not in {"", provenance}:
        raise Problem(HTTPStatus.CONFLICT, "invalid provenance", messageId="alerting.notifications.invalidProvenance")
    state.policy = {**tree, **({"provenance": provenance} if provenance else {})}
    return Answer(202, {"message": "policies updated"})


def get_named(state: State, request: Request) -> Answer:
    """Return a mute timing or a template, or the list of them."""
    stored = _table(state, request)
    if len(request.path) == 4:
        return Answer(200, list(stored.values()))
    if request.path[4] not in stored:
        raise Problem(HTTPStatus.NOT_FOUND, "not found")
    return Answer(200, stored[request.path[4]])


def post_mute_timing(state: State, request: Request) -> Answer:
    """Create a mute timing."""
    timing = _legal_timing(request.body)
    if timing["name"] in state.mute_timings:
        raise Problem(HTTPStatus.BAD_REQUEST, "a mute timing with this name already exists")
    state.mute_timings[timing["name"]] = _stamped(timing)
    return Answer(201, state.mute_timings[timing["name"]])


def put_mute_timing(state: State, request: Request) -> Answer:
    """Replace a mute timing based on its latest version."""
    name = request.path[4]
    if name not in state.mute_timings:
        raise Problem(HTTPStatus.NOT_FOUND, "mute timing not found")
    _latest(state.mute_timings[name], request.body)
    state.mute_timings[name] = _stamped({**_legal_timing(request.body), "name": name})
    return Answer(202, state.mute_timings[name])


def put_template(state: State, request: Request) -> Answer:
    """Create or replace a template."""
    body = known_fields(request.body, {"template", "version"}, "a template")
    name = request.path[4]
    if name in state.templates:
        _latest(state.templates[name], body)
    text = str(body["template"])
    if "{{ define" not in text:
        indented = "\n".join(f"  {line}" for line in text.splitlines())
        text = f'{{{{ define "{name}" }}}}\n{indented}\n{{{{ end }}}}'
    state.templates[name] = _stamped({"name": name, "template": text})
    return Answer(202, state.templates[name])


def delete_named(state: State, request: Request) -> Answer:
    """Delete a mute timing or template unless the tree uses it."""
    name = request.path[4]
    if json.dumps(name) in json.dumps(state.policy):
        raise Problem(HTTPStatus.CONFLICT, "in use by a notification policy")
    _table(state, request).pop(name, None)
    return Answer(204)


def _table(state: State, request: Request) -> dict[str, dict[str, Any]]:
    return state.mute_timings if request.path[3] == "mute-timings" else state.templates


def _legal_point(body: Any) -> dict[str, Any]:
    point = known_fields(body, {"uid", "name", "type", "settings", "disableResolveMessage"}, "a contact point")
    required = REQUIRED_SETTINGS.get(point["type"])
    if required is None or not point["settings"].get(required):
        raise Problem(HTTPStatus.BAD_REQUEST, f"invalid object specification: {point['type']} needs {required}")
    return point


def _store_point(state: State, uid: str, point: dict[str, Any]) -> None:
    secret_names = SECRET_SETTINGS.get(point["type"], set())
    kept = state.secrets.get(uid, {})
    given = {name: value for name, value in point["settings"].items() if name in secret_names}
    state.secrets[uid] = {
        name: kept.get(name, REDACTED) if value == REDACTED else value for name, value in given.items()
    }
    settings = {name: REDACTED if name in secret_names else value for name, value in point["settings"].items()}
    flags = {"disableResolveMessage": bool(point.get("disableResolveMessage", False)), "provenance": "api"}
    state.contact_points[uid] = {
        "uid": uid,
        "name": point["name"],
        "type": point["type"],
        "settings": settings,
        **flags,
    }


def _legal_route(state: State, body: Any, *, root: bool = False) -> dict[str, Any]:
    route = known_fields(body, ROUTE_FIELDS, "a route")
    receivers = {point["name"] for point in state.contact_points.values()} | {"grafana-default-email", ""}
    if route.get("receiver", "") not in receivers or (root and not route.get("receiver")):
        message = (
            "Invalid format of the submitted route" if state.version >= (11, 4) else "invalid object specification"
        )
        raise Problem(HTTPStatus.BAD_REQUEST, f"{message}: receiver {route.get('receiver')!r} does not exist")
    if root and route.get("object_matchers"):
        raise Problem(HTTPStatus.BAD_REQUEST, "root route must not have matchers")
    for name in route.get("mute_time_intervals") or []:
        if name not in state.mute_timings:
            raise Problem(HTTPStatus.BAD_REQUEST, f"unknown time interval {name!r}")
    times = {
        key: canonical(route[key]) for key in ("group_wait", "group_interval", "repeat_interval") if route.get(key)
    }
    return {**route, **times, "routes": [_legal_route(state, child) for child in route.get("routes") or []]}


def _legal_timing(body: Any) -> dict[str, Any]:
    timing = known_fields(body, {"name", "time_intervals", "version"}, "a mute timing")
    intervals = []
    for interval in timing.get("time_intervals") or []:
        known_fields(interval, {"times", "weekdays", "days_of_month", "months", "years", "location"}, "an interval")
        months = [_month(text) for text in interval.get("months") or []]
        intervals.append({**interval, **({"months": months} if months else {})})
    return {"name": timing["name"], "time_intervals": intervals}


def _month(text: str) -> str:
    return ":".join(str(MONTHS.index(part) + 1) if part in MONTHS else part for part in text.split(":"))


def _stamped(stored: dict[str, Any]) -> dict[str, Any]:
    fingerprint = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:16]
    return {**stored, "version": fingerprint, "provenance": "api"}


def _latest(stored: dict[str, Any], body: dict[str, Any]) -> None:
    if body.get("version") and body["version"] != stored["version"]:
        raise Problem(HTTPStatus.CONFLICT, "version mismatch")


def _same_provenance(stored: dict[str, Any], request: Request) -> None:
    sent = "" if "x-disable-provenance" in request.headers else "api"
    if stored["provenance"] != sent:
        raise Problem(HTTPStatus.CONFLICT, "invalid provenance", messageId="alerting.notifications.invalidProvenance")
