"""How does the fake answer for folders?"""

from http import HTTPStatus
from typing import Any

from tests.fake_grafana.answer import Answer, Problem, Request, known_fields
from tests.fake_grafana.state import State, legal_uid

MAX_DEPTH = 4


def list_folders(state: State, request: Request) -> Answer:
    """List direct children, by page."""
    parent = request.one("parentUid")
    found = [folder for folder in state.folders.values() if folder["parentUid"] == parent]
    limit, page = int(request.one("limit", "1000")), int(request.one("page", "1"))
    listed = ("id", "uid", "title", "parentUid")
    return Answer(200, [{key: one[key] for key in listed} for one in found[(page - 1) * limit : page * limit]])


def get_folder(state: State, request: Request) -> Answer:
    """Return one folder."""
    return Answer(200, _found(state, request.path[2]))


def create_folder(state: State, request: Request) -> Answer:
    """Create a folder; an existing uid is 412 in some releases and 409 in others."""
    body = known_fields(request.body, {"uid", "title", "parentUid", "description"}, "a folder")
    uid = str(body.get("uid") or f"f{state.ids.next()}")
    legal_uid(uid, "folder")
    title = str(body.get("title", "")).strip()
    if not title or title == "General" or uid == "general":
        raise Problem(HTTPStatus.BAD_REQUEST, "folder title cannot be empty")
    if uid in state.folders:
        status = HTTPStatus.CONFLICT if state.version in {(11, 2), (13, 0)} else HTTPStatus.PRECONDITION_FAILED
        raise Problem(status, "the folder has been changed by someone else", status="version-mismatch")
    parent = str(body.get("parentUid", ""))
    _legal_place(state, title, parent)
    folder = {"id": state.ids.next(), "uid": uid, "title": title, "parentUid": parent, "version": 1}
    state.folders[uid] = {**folder, "createdBy": state.author, "updatedBy": state.author, "orgId": 1}
    return Answer(200, state.folders[uid])


def update_folder(state: State, request: Request) -> Answer:
    """Rename a folder; the version is checked before 12 only."""
    body = known_fields(request.body, {"title", "description", "version", "overwrite"}, "a folder update")
    folder = _found(state, request.path[2])
    if state.version < (12, 0) and not body.get("overwrite") and body.get("version") != folder["version"]:
        message = "the folder has been changed by someone else"
        raise Problem(HTTPStatus.PRECONDITION_FAILED, message, status="version-mismatch")
    folder.update(title=str(body["title"]).strip(), version=folder["version"] + 1, updatedBy=state.author)
    return Answer(200, folder)


def move_folder(state: State, request: Request) -> Answer:
    """Move a folder under another parent."""
    body = known_fields(request.body, {"parentUid"}, "a folder move")
    folder = _found(state, request.path[2])
    _legal_place(state, folder["title"], str(body["parentUid"]))
    folder.update(parentUid=str(body["parentUid"]), version=folder["version"] + 1)
    return Answer(200, folder)


def counts(state: State, request: Request) -> Answer:
    """Count what a folder holds."""
    uid = request.path[2]
    _found(state, uid)
    counted = {
        "dashboard": sum(stored.folder_uid == uid for stored in state.dashboards.values()),
        "alertrule": sum(rule["folderUID"] == uid for rule in state.rules.values()),
        "folder": sum(folder["parentUid"] == uid for folder in state.folders.values()),
    }
    if state.stale_counts:
        state.stale_counts -= 1
        counted["dashboard"] += 1
    return Answer(200, counted)


def delete_folder(state: State, request: Request) -> Answer:
    """Delete a folder with all it holds; only alert rules prevent it."""
    uid = request.path[2]
    _found(state, uid)
    if any(rule["folderUID"] == uid for rule in state.rules.values()):
        raise Problem(HTTPStatus.BAD_REQUEST, "folder contains alert rules")
    for inner in [key for key, stored in state.dashboards.items() if stored.folder_uid == uid]:
        del state.dashboards[inner]
    del state.folders[uid]
    return Answer(200, {"message": "Folder deleted"})


def _found(state: State, uid: str) -> dict[str, Any]:
    if uid not in state.folders:
        raise Problem(HTTPStatus.NOT_FOUND, "folder not found", status="not-found")
    return state.folders[uid]


def _legal_place(state: State, title: str, parent: str) -> None:
    depth, above = 0, parent
    while above:
        above = _found(state, above)["parentUid"]
        depth += 1
    if depth >= MAX_DEPTH:
        raise Problem(HTTPStatus.BAD_REQUEST, "folder max depth exceeded, max depth is 4")
    siblings = (folder for folder in state.folders.values() if folder["parentUid"] == parent)
    if state.version < (11, 3) and any(folder["title"] == title for folder in siblings):
        raise Problem(HTTPStatus.CONFLICT, "a folder with the same name already exists in the current location")
