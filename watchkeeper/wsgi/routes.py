"""Which route of a WSGI application answered, as a template that no client can invent?"""

from watchkeeper.frameworks import flask
from watchkeeper.frameworks.carrier import ROUTE
from watchkeeper.verdict import Scope


def route_of(scope: Scope) -> str:
    """Return the template of a request that Flask or Django has handled, 'unmatched' for any other."""
    environ = scope["environ"]
    found = str(environ.get(ROUTE) or flask.route_of(environ))
    if found == flask.UNMATCHED:
        return found
    # What DispatcherMiddleware takes from the path before the application that answers is one of its own mounts.
    return str(environ.get("SCRIPT_NAME", "")).removeprefix(scope["root_path"]) + found
