"""How does the fake answer for dashboards and search?"""

import copy
from http import HTTPStatus
from typing import Any

from tests.fake_grafana.answer import Answer, Problem, Request, known_fields
from tests.fake_grafana.state import Dashboard, State, legal_uid

# Top-level fields of a classic dashboard and of its panels (dashboard JSON model documentation, v1 schema).
MODEL_FIELDS = {
    "annotations",
    "description",
    "editable",
    "fiscalYearStartMonth",
    "gnetId",
    "graphTooltip",
    "id",
    "iteration",
    "links",
    "liveNow",
    "panels",
    "preload",
    "refresh",
    "revision",
    "schemaVersion",
    "snapshot",
    "style",
    "tags",
    "templating",
    "time",
    "timepicker",
    "timezone",
    "title",
    "uid",
    "version",
    "weekStart",
}
PANEL_FIELDS = {
    "alert",
    "cacheTimeout",
    "collapsed",
    "datasource",
    "description",
    "fieldConfig",
    "gridPos",
    "hideTimeOverride",
    "id",
    "interval",
    "libraryPanel",
    "links",
    "maxDataPoints",
    "maxPerRow",
    "options",
    "panels",
    "pluginVersion",
    "queryCachingTTL",
    "repeat",
    "repeatDirection",
    "repeatPanelId",
    "targets",
    "timeFrom",
    "timeShift",
    "title",
    "transformations",
    "transparent",
    "type",
}
TITLE_LIMIT = 5000
MESSAGE_LIMIT = 500
BUILT_IN = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


def search(state: State, request: Request) -> Answer:
    """List dashboards by page, out of an index that may trail."""
    limit, page = int(request.one("limit", "1000")), int(request.one("page", "1"))
    if limit > 5000:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "limit is at most 5000")
    wanted = set(request.query.get("tag", []))
    entries = [
        {
            "uid": uid,
            "title": stored.model["title"],
            "type": "dash-db",
            "tags": stored.model.get("tags") or [],
            "folderUid": stored.folder_uid,
        }
        for uid, stored in state.dashboards.items()
        if (state.searchable is None or uid in state.searchable) and wanted <= set(stored.model.get("tags") or [])
    ]
    return Answer(200, entries[(page - 1) * limit : page * limit])


def get_dashboard(state: State, request: Request) -> Answer:
    """Return one dashboard; 12 and later show it converted, with defaults written out."""
    stored = _found(state, request.path[3])
    if "elements" in stored.model:
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "dashboard is stored in the v2 schema")
    model = shown(state, stored)
    meta = {
        "provisioned": bool(stored.provisioned),
        "provisionedExternalId": stored.provisioned,
        "folderUid": stored.folder_uid,
        "version": stored.version,
        "updatedBy": stored.history[-1][2],
        "canSave": True,
        "type": "db",
        **({"pluginId": stored.plugin} if stored.plugin else {}),
        **({"apiVersion": "v1"} if state.version >= (12, 0) else {}),
    }
    return Answer(200, {"meta": meta, "dashboard": model})


def shown(state: State, stored: Dashboard) -> dict[str, Any]:
    """Return a dashboard as it is given back: since 12 with the defaults written out."""
    model = copy.deepcopy(stored.model)
    for panel in (model.get("panels") or []) if state.converts else []:
        panel["options"] = {"migratedFrom": 41, **(panel.get("options") or {})}
    if state.version < (12, 0):
        return model
    listed = (model.get("annotations") or {}).get("list") or []
    model["annotations"] = {"list": listed if BUILT_IN in listed else [BUILT_IN, *listed]}
    return {"editable": True, "fiscalYearStartMonth": 0, "links": [], "preload": False, "weekStart": "", **model}


def resource_versions(state: State, request: Request) -> Answer:
    """List the versions of the resource API, which is there from 12 on."""
    del request
    if state.version < (12, 0):
        raise Problem(HTTPStatus.NOT_FOUND, "Not found")
    names = ("v0alpha1", "v1beta1") if state.version < (13, 0) else ("v1", "v1beta1", "v2")
    return Answer(200, {"kind": "APIGroup", "versions": [{"version": name} for name in names]})


def list_resources(state: State, request: Request) -> Answer:
    """List dashboards in full, by page."""
    numbered = "default" if state.organisation == 1 else f"org-{state.organisation}"
    if request.path[4] != (state.name_space or numbered):
        raise Problem(HTTPStatus.FORBIDDEN, "namespace mismatch")
    first, limit = int(request.one("continue", "0")), int(request.one("limit", "500"))
    page = list(state.dashboards.values())[first : first + limit]
    more = str(first + limit) if first + limit < len(state.dashboards) else ""
    return Answer(200, {"metadata": {"continue": more}, "items": [_resource(state, stored) for stored in page]})


def _resource(state: State, stored: Dashboard) -> dict[str, Any]:
    spec = {key: value for key, value in shown(state, stored).items() if key not in {"id", "uid", "version"}}
    annotations = {"grafana.app/folder": stored.folder_uid} if stored.folder_uid else {}
    return {"metadata": {"name": stored.uid, "generation": stored.version, "annotations": annotations}, "spec": spec}


def save_dashboard(state: State, request: Request) -> Answer:
    """Create a dashboard or save it on top of the latest version."""
    body = known_fields(request.body, {"dashboard", "folderUid", "overwrite", "message"}, "a save")
    if len(str(body.get("message", ""))) > MESSAGE_LIMIT:
        raise Problem(HTTPStatus.BAD_REQUEST, "message too long")
    model = _legal_model(body["dashboard"])
    folder_uid = str(body.get("folderUid") or "")
    if folder_uid and folder_uid not in state.folders:
        raise Problem(HTTPStatus.BAD_REQUEST, "folder not found", status="not-found")
    uid = str(model.get("uid") or f"d{state.ids.next()}")
    stored = state.dashboards.get(uid)
    _may_save(state, stored, body, uid)
    if stored is None:
        stored = state.dashboards[uid] = Dashboard(uid, folder_uid)
    saved = {**model, "uid": uid, "title": model["title"].strip(), "id": state.ids.next()}
    if saved.get("refresh") in {"1s", "2s"}:
        saved["refresh"] = "5s"
    version = stored.version + 1 if stored.history else 1
    same = bool(stored.history) and _spec(stored.model) == _spec(saved) and stored.folder_uid == folder_uid
    stored.folder_uid = folder_uid
    if not (same and state.version >= (12, 0)):
        stored.history.append(({**saved, "version": version}, str(body.get("message", "")), state.author))
    answer = {"id": saved["id"], "uid": uid, "url": f"/d/{uid}", "status": "success", "version": stored.version}
    return Answer(200, {**answer, "slug": "slug", "folderUid": folder_uid})


def delete_dashboard(state: State, request: Request) -> Answer:
    """Delete a dashboard that no file provisions."""
    stored = _found(state, request.path[3])
    if stored.provisioned:
        raise Problem(HTTPStatus.BAD_REQUEST, "provisioned dashboard cannot be deleted")
    del state.dashboards[stored.uid]
    return Answer(200, {"title": stored.model["title"], "message": "deleted", "uid": stored.uid})


def versions(state: State, request: Request) -> Answer:
    """List the versions of a dashboard, the latest first: a list in older releases, an object since 12.3."""
    stored = _found(state, request.path[3])
    entries = [
        {"uid": stored.uid, "version": model["version"], "message": message, "createdBy": author}
        for model, message, author in reversed(stored.history)
    ][: int(request.one("limit", "1000"))]
    return Answer(200, {"continueToken": "", "versions": entries} if state.version >= (12, 3) else entries)


def _found(state: State, uid: str) -> Dashboard:
    if uid not in state.dashboards:
        raise Problem(HTTPStatus.NOT_FOUND, "Dashboard not found", status="not-found")
    return state.dashboards[uid]


def _legal_model(body: Any) -> dict[str, Any]:
    model = known_fields(body, MODEL_FIELDS, "a dashboard")
    if model.get("id"):
        raise Problem(HTTPStatus.NOT_FOUND, "Dashboard not found", status="not-found")
    title = str(model.get("title", "")).strip()
    if not title or len(title) > TITLE_LIMIT:
        raise Problem(HTTPStatus.BAD_REQUEST, "Dashboard title cannot be empty or too long")
    if model.get("uid"):
        legal_uid(str(model["uid"]), "dashboard")
    for panel in model.get("panels") or []:
        for one in (panel, *(panel.get("panels") or [])):
            known_fields(one, PANEL_FIELDS, f"panel {one.get('title')!r}")
    return model


def _may_save(state: State, stored: Dashboard | None, body: dict[str, Any], uid: str) -> None:
    model, folder_uid = body["dashboard"], str(body.get("folderUid") or "")
    if stored is not None and stored.provisioned:
        raise Problem(HTTPStatus.BAD_REQUEST, "Cannot save provisioned dashboard")
    if stored is not None and stored.plugin:
        raise Problem(HTTPStatus.PRECONDITION_FAILED, f"belongs to plugin {stored.plugin}", status="plugin-dashboard")
    if body.get("overwrite"):
        raise Problem(HTTPStatus.BAD_REQUEST, "strict: overwrite wipes what people edited")
    if int(model.get("version") or 0) != (stored.version if stored else 0):
        message = "The dashboard has been changed by someone else"
        raise Problem(HTTPStatus.PRECONDITION_FAILED, message, status="version-mismatch")
    for other in state.dashboards.values() if state.version < (11, 3) else ():
        if other.uid != uid and (other.folder_uid, other.model["title"]) == (folder_uid, model["title"].strip()):
            message = "A dashboard with the same name in the folder already exists"
            raise Problem(HTTPStatus.PRECONDITION_FAILED, message, status="name-exists")


def _spec(model: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in model.items() if key not in {"id", "version"}}
