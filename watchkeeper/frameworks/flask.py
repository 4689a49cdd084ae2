"""How does Flask tell of a request: the rule that matched, and the exception that it answered itself?"""

from collections.abc import Mapping
from typing import Any

from watchkeeper.frameworks.carrier import ERROR, ROUTE
from watchkeeper.logs.lines import answered
from watchkeeper.paths import rule_template

UNMATCHED = "unmatched"


def observe(app: Any) -> None:
    """Have a Flask application tell of the exceptions that it answers."""
    from flask import got_request_exception, request  # noqa: PLC0415 - its application is there, so it is installed

    def raised(_: Any, exception: BaseException, **__: Any) -> None:
        environ = request.environ
        environ[ERROR], environ[ROUTE] = exception, route_of(environ)
        answered(exception, app.name)

    got_request_exception.connect(raised, app, weak=False)


def route_of(environ: Mapping[str, Any]) -> str:
    """Return the template of the rule that matched, 'unmatched' if none did, while the request is there."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return UNMATCHED if rule is None else rule_template(rule.rule)
