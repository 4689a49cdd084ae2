"""How does the fake answer for health, the token, data sources and annotations?"""

import time
from http import HTTPStatus

from tests.fake_grafana.answer import Answer, Problem, Request, known_fields
from tests.fake_grafana.state import State


def health(state: State, request: Request) -> Answer:
    """Tell the version."""
    del request
    return Answer(200, {"commit": "0", "database": "ok", "version": f"{state.version[0]}.{state.version[1]}.0"})


def org(state: State, request: Request) -> Answer:
    """Tell the organisation."""
    del request
    return Answer(200, {"id": state.organisation, "name": "Main Org." if state.organisation == 1 else "Other"})


def list_datasources(state: State, request: Request) -> Answer:
    """List data sources."""
    del request
    return Answer(200, list(state.datasources.values()))


def list_annotations(state: State, request: Request) -> Answer:
    """List the annotations that bear all of the tags asked for, latest first."""
    wanted = set(request.query.get("tags", []))
    found = [entry for entry in state.annotations if wanted <= set(entry["tags"])]
    newest_first = sorted(found, key=lambda entry: -entry["id"])
    return Answer(200, newest_first[: int(request.one("limit", "100"))])


def post_annotation(state: State, request: Request) -> Answer:
    """Write an annotation; twice the same makes two."""
    allowed = {"text", "tags", "time", "timeEnd", "dashboardUID", "panelId", "data"}
    body = known_fields(request.body, allowed, "an annotation")
    if not body.get("text"):
        raise Problem(HTTPStatus.BAD_REQUEST, "Failed to save annotation")
    number = state.ids.next()
    body = {"login": state.author, **body}
    state.annotations.append({"id": number, "time": time.time_ns() // 1_000_000, **body})
    return Answer(200, {"message": "Annotation added", "id": number})
