"""Which request goes to which handler, and which permission does it need?"""

import re
from collections.abc import Callable
from http import HTTPStatus

from tests.fake_grafana import dashboards, folders, notifications, organisation, rules
from tests.fake_grafana.answer import Answer, Problem, Request
from tests.fake_grafana.state import State

Handler = Callable[[State, Request], Answer]

# method, path with * for one segment, permission ("" for none), handler
TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "api/health", "", organisation.health),
    ("GET", "api/org", "", organisation.org),
    ("GET", "api/datasources", "datasources:read", organisation.list_datasources),
    ("GET", "api/annotations", "annotations:read", organisation.list_annotations),
    ("POST", "api/annotations", "annotations:create", organisation.post_annotation),
    ("GET", "api/folders", "folders:read", folders.list_folders),
    ("POST", "api/folders", "folders:create", folders.create_folder),
    ("GET", "api/folders/*", "folders:read", folders.get_folder),
    ("PUT", "api/folders/*", "folders:write", folders.update_folder),
    ("DELETE", "api/folders/*", "folders:write", folders.delete_folder),
    ("POST", "api/folders/*/move", "folders:write", folders.move_folder),
    ("GET", "api/folders/*/counts", "folders:read", folders.counts),
    ("GET", "apis/dashboard.grafana.app", "dashboards:read", dashboards.resource_versions),
    ("GET", "apis/dashboard.grafana.app/*/namespaces/*/dashboards", "dashboards:read", dashboards.list_resources),
    ("GET", "api/search", "dashboards:read", dashboards.search),
    ("POST", "api/dashboards/db", "dashboards:write", dashboards.save_dashboard),
    ("GET", "api/dashboards/uid/*", "dashboards:read", dashboards.get_dashboard),
    ("DELETE", "api/dashboards/uid/*", "dashboards:write", dashboards.delete_dashboard),
    ("GET", "api/dashboards/uid/*/versions", "dashboards:read", dashboards.versions),
    ("GET", "api/v1/provisioning/alert-rules", "alert.provisioning:read", rules.list_rules),
    ("POST", "api/v1/provisioning/alert-rules", "alert.provisioning:write", rules.post_rule),
    ("GET", "api/v1/provisioning/alert-rules/*", "alert.provisioning:read", rules.get_rule),
    ("DELETE", "api/v1/provisioning/alert-rules/*", "alert.provisioning:write", rules.delete_rule),
    ("GET", "api/v1/provisioning/folder/*/rule-groups/*", "alert.provisioning:read", rules.get_group),
    ("PUT", "api/v1/provisioning/folder/*/rule-groups/*", "alert.provisioning:write", rules.put_group),
    ("DELETE", "api/v1/provisioning/folder/*/rule-groups/*", "alert.provisioning:write", rules.delete_group),
    ("GET", "api/v1/provisioning/contact-points", "alert.provisioning:read", notifications.list_contact_points),
    ("POST", "api/v1/provisioning/contact-points", "alert.provisioning:write", notifications.post_contact_point),
    ("PUT", "api/v1/provisioning/contact-points/*", "alert.provisioning:write", notifications.put_contact_point),
    ("DELETE", "api/v1/provisioning/contact-points/*", "alert.provisioning:write", notifications.delete_contact_point),
    ("GET", "api/v1/provisioning/policies", "alert.provisioning:read", notifications.get_policies),
    ("PUT", "api/v1/provisioning/policies", "alert.provisioning:write", notifications.put_policies),
    ("GET", "api/v1/provisioning/mute-timings", "alert.provisioning:read", notifications.get_named),
    ("GET", "api/v1/provisioning/mute-timings/*", "alert.provisioning:read", notifications.get_named),
    ("POST", "api/v1/provisioning/mute-timings", "alert.provisioning:write", notifications.post_mute_timing),
    ("PUT", "api/v1/provisioning/mute-timings/*", "alert.provisioning:write", notifications.put_mute_timing),
    ("DELETE", "api/v1/provisioning/mute-timings/*", "alert.provisioning:write", notifications.delete_named),
    ("GET", "api/v1/provisioning/templates", "alert.provisioning:read", notifications.get_named),
    ("GET", "api/v1/provisioning/templates/*", "alert.provisioning:read", notifications.get_named),
    ("PUT", "api/v1/provisioning/templates/*", "alert.provisioning:write", notifications.put_template),
    ("DELETE", "api/v1/provisioning/templates/*", "alert.provisioning:write", notifications.delete_named),
)
ACTIONS_PATH = ("api", "access-control", "user", "actions")
EVERY_ACTION = frozenset(permission for _, _, permission, _ in TABLE if permission) | {"dashboards:create"}


def _compiled() -> list[tuple[str, re.Pattern[str], str, Handler]]:
    return [
        (method, re.compile(pattern.replace(".", r"\.").replace("*", "[^\0]+").replace("/", "\0")), permission, handler)
        for method, pattern, permission, handler in TABLE
    ]


COMPILED = _compiled()


def handle(state: State, request: Request, permissions: frozenset[str]) -> Answer:
    """Answer one authenticated request."""
    if request.path == ACTIONS_PATH:
        return Answer(200, dict.fromkeys(permissions, True))
    joined = "\0".join(request.path)
    for method, pattern, permission, handler in COMPILED:
        if method == request.method and pattern.fullmatch(joined):
            if permission and permission not in permissions:
                needs = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
                raise Problem(HTTPStatus.FORBIDDEN, needs, title="Access denied", accessErrorId="ACE1")
            return handler(state, request)
    raise Problem(HTTPStatus.NOT_FOUND, "Not found")
