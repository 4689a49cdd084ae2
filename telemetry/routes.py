"""Which route answered, as a template that no client can invent: `/v1/users/{id}`, also under mounts."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from telemetry.asgi import Scope

UNMATCHED = "unmatched"
MAX_ROUTES = 2000
"""Route objects remembered; an application that makes new ones forever ends up with one label for the rest."""

_PARAMETER = re.compile(r"{([^{}:]+)(?::[^{}]*)?}")
_RULE_PARAMETER = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")


class RouteTemplates:
    """
    The templates of one application.

    Starlette and FastAPI leave the route that answered in the scope, but not the mounts above it: those are found
    once, by walking the application's routes. Litestar leaves a template. Quart is asked which rule matches.
    """

    def __init__(self, app: Any) -> None:
        self._root = _holder_of_routes(app)
        self._known: dict[int, tuple[Any, list[str]]] = {}

    def of(self, scope: Scope) -> str:
        """Return the template for a scope the application has handled, or 'unmatched'."""
        route = scope.get("route")
        if route is not None:
            known = self._known.get(id(route)) or self._learn(route)
            return known[1][0] if len(known[1]) == 1 else _fitting(known[1], scope)
        template = scope.get("path_template")
        if template is not None:
            return plain(template)
        if "router" not in scope and self._root is not None:
            return self._ask(scope)
        return UNMATCHED

    def _learn(self, route: Any) -> tuple[Any, list[str]]:
        if len(self._known) >= MAX_ROUTES:
            return route, [UNMATCHED]
        found: dict[int, tuple[Any, list[str]]] = {}
        for one, template in _walk(getattr(self._root, "routes", ()), ""):
            found.setdefault(id(one), (one, []))[1].append(template)
        self._known.update(found)
        # The object is kept beside its templates, so that its id is never another's.
        return self._known.setdefault(id(route), (route, [_own_template(route)]))

    def _ask(self, scope: Scope) -> str:
        """Match anew where the application's own answer is out of sight, as behind a copy of the scope."""
        url_map = getattr(self._root, "url_map", None)
        if url_map is not None:
            return _rule(url_map, scope)
        return _match(getattr(self._root, "routes", ()), scope, "")


def plain(template: str) -> str:
    """Return a template without converters: `/users/{id:int}` is `/users/{id}`."""
    return _PARAMETER.sub(r"{\1}", template) or "/"


def _holder_of_routes(app: Any) -> Any:
    """Return the framework's application inside middleware that keeps what it wraps in ``app``."""
    for _ in range(20):
        if app is None or hasattr(app, "routes") or hasattr(app, "url_map"):
            return app
        app = getattr(app, "app", None)
    return None


def _walk(routes: Iterable[Any], prefix: str) -> Iterator[tuple[Any, str]]:
    """Yield every route with its full template; a route mounted twice comes twice."""
    for route in routes:
        for one, path in _included(route):
            inner = _inner_routes(one)
            if inner:
                yield one, UNMATCHED
                yield from _walk(inner, prefix + path.removesuffix("/{path}"))
            else:
                yield one, plain(prefix + path)


def _included(route: Any) -> Iterator[tuple[Any, str]]:
    """Yield the routes behind one entry: FastAPI keeps an included router as one entry with many."""
    contexts = getattr(route, "effective_route_contexts", None)
    if contexts is None:
        yield route, _own_template(route)
        return
    for context in contexts():
        prefixed = context.starlette_route
        path = getattr(prefixed, "path_format", None) or context.path_format
        yield context.original_route, path
        if prefixed is not None:
            yield prefixed, path


def _inner_routes(route: Any) -> Iterable[Any]:
    own = getattr(route, "routes", None)
    if own or own is None:
        return own or ()
    # A mount finds no routes in an application that middleware wraps.
    return getattr(_holder_of_routes(getattr(route, "app", None)), "routes", ())


def _own_template(route: Any) -> str:
    return str(getattr(route, "path_format", None) or getattr(route, "path", None) or "")


def _fitting(templates: list[str], scope: Scope) -> str:
    """Return the template that the path fits, for a route that is reachable by several."""
    path = scope["path"].removeprefix(scope.get("app_root_path", ""))
    return next((template for template in templates if _pattern(template).fullmatch(path)), templates[0])


def _pattern(template: str) -> re.Pattern[str]:
    literals = [re.escape(text) for text in _PARAMETER.split(template)[::2]]
    return re.compile(".+".join(literals))


def _match(routes: Iterable[Any], scope: Scope, prefix: str) -> str:
    for route in routes:
        matches = getattr(route, "matches", None)
        if matches is None:
            return UNMATCHED
        match, child = matches(scope)
        if match.value:
            inner = _inner_routes(route)
            own = _own_template(route)
            if inner:
                return _match(inner, {**scope, **child}, prefix + own.removesuffix("/{path}"))
            return plain(prefix + own)
    return UNMATCHED


def _rule(url_map: Any, scope: Scope) -> str:
    adapter = url_map.bind("")
    try:
        rule, _ = adapter.match(
            scope["path"], scope.get("method"), return_rule=True, websocket=scope["type"] == "websocket"
        )
    except Exception:  # noqa: BLE001 - werkzeug tells "no such rule" by HTTP exceptions of many kinds
        return UNMATCHED
    return _RULE_PARAMETER.sub(r"{\1}", rule.rule)
