"""Which route answered, as a template that no client can invent: `/v1/users/{id}`, also under mounts."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from watchkeeper.asgi.types import Scope
from watchkeeper.frameworks.carrier import ROUTE
from watchkeeper.paths import Template, path_below, rule_template

UNMATCHED = "unmatched"
MAX_ROUTES = 2000
"""Route objects remembered; an application that makes new ones forever ends up with one label for the rest."""

_PARAMETER = re.compile(r"{([^{}:]+)(?::([^{}]*))?}")


MAX_NAMED = 500
"""Names that an application's own hook may give; what else it says is one label."""


class Named:
    """What an application calls its requests by a hook of its own, bounded however it chooses."""

    def __init__(self, hook: Callable[[Scope], str | None]) -> None:
        self._hook = hook
        self._known: set[str] = set()

    def of(self, scope: Scope) -> str:
        """Return the name of a request, "" where the hook leaves it to us."""
        name = self._hook(scope) or ""
        if name and name not in self._known:
            if len(self._known) >= MAX_NAMED:
                return UNMATCHED
            self._known.add(name)
        return name


class RouteTemplates:
    """
    The templates of one application.

    Starlette and FastAPI leave the route that answered in the scope, but not the mounts above it: those are found
    once, by walking the application's routes. Litestar leaves a template. Quart is asked which rule matches, and so
    is anything with routes behind middleware that hands on a copy of the scope.
    """

    def __init__(self, app: Any) -> None:
        self._root = _holder_of_routes(app)
        self._known: dict[int, tuple[Any, list[str]]] = {}

    def of(self, scope: Scope) -> str:
        """Return the template for a scope the application has handled, or 'unmatched'."""
        route, endpoint = scope.get("route"), scope.get("endpoint")
        if route is not None or endpoint is not None:
            # FastAPI names its own routes, but of a plain Starlette route or a mount the endpoint alone.
            return self._of_object(route, scope) or self._of_object(endpoint, scope) or UNMATCHED
        if ROUTE in scope:
            return str(scope[ROUTE])
        if "path_template" in scope:
            return plain(scope["path_template"]) or self._mounted_in_litestar(scope.get("route_handler"))
        if "router" not in scope and self._root is not None:
            return self._ask(scope)
        return UNMATCHED

    def _of_object(self, route: Any, scope: Scope) -> str:
        """Return the template of a route, an endpoint or an application mounted whole; "" for what is none of them."""
        if route is None:
            return ""
        known = self._known.get(id(route)) or self._learn(route)
        templates = known[1]
        return plain(templates[0]) if len(templates) == 1 else _fitting(templates, scope)

    def _learn(self, route: Any) -> tuple[Any, list[str]]:
        if len(self._known) >= MAX_ROUTES:
            return route, [UNMATCHED]
        found: dict[int, tuple[Any, list[str]]] = {}
        for one, template in self._walk():
            templates = found.setdefault(id(one), (one, []))[1]
            if template not in templates:
                templates.append(template)
        self._known.update(found)
        # The object is kept beside its templates, so that its id is never another's.
        return self._known.setdefault(id(route), (route, [getattr(route, "path", "")]))

    def _walk(self) -> Iterator[tuple[Any, str]]:
        return _walk(getattr(self._root, "routes", ()), "")

    def _mounted_in_litestar(self, handler: Any) -> str:
        for route in getattr(self._root, "routes", ()):
            if getattr(route, "route_handler", None) is handler:
                return plain(f"{route.path}/{{path}}")
        return UNMATCHED

    def _ask(self, scope: Scope) -> str:
        url_map = getattr(self._root, "url_map", None)
        if url_map is not None:
            return _rule(url_map, scope)
        return _fitting([template for _, template in self._walk() if template], scope) or UNMATCHED


@lru_cache(MAX_ROUTES)
def plain(template: str) -> str:
    """Return a template without converters: `/users/{id:int}` is `/users/{id}`."""
    return _PARAMETER.sub(r"{\1}", template)


_template = lru_cache(MAX_ROUTES)(Template)


def _holder_of_routes(app: Any) -> Any:
    """Return the framework's application inside middleware that keeps what it wraps in ``app``."""
    for _ in range(20):
        if app is None or hasattr(app, "routes") or hasattr(app, "url_map"):
            return app
        app = getattr(app, "app", None)
    return None


def _walk(routes: Iterable[Any], prefix: str) -> Iterator[tuple[Any, str]]:
    """Yield every route with its full template, converters included; a route mounted twice comes twice."""
    for route in routes:
        for one, path in _included(route):
            inner = _inner_routes(one)
            if inner:
                yield one, ""
                yield from _walk(inner, prefix + path)
                continue
            mounted = not hasattr(one, "endpoint") and hasattr(one, "app")
            template = f"{prefix}{path}/{{path:path}}" if mounted else prefix + path
            yield one, template
            yield one.app if mounted else getattr(one, "endpoint", None), template


def _included(route: Any) -> Iterator[tuple[Any, str]]:
    """Yield the routes behind one entry: FastAPI keeps an included router as one entry with many."""
    contexts = getattr(route, "effective_route_contexts", None)
    if contexts is None:
        yield route, getattr(route, "path", "")
        return
    for context in contexts():
        if context.starlette_route is None:
            yield context.original_route, context.path
        else:
            yield context.starlette_route, context.starlette_route.path
            yield context.original_route, context.starlette_route.path


def _inner_routes(route: Any) -> Iterable[Any]:
    own: Iterable[Any] = getattr(route, "routes", ())
    # A mount does not see the routes of an application that middleware wraps.
    return own or getattr(_holder_of_routes(getattr(route, "app", None)), "routes", ())


def _fitting(templates: list[str], scope: Scope) -> str:
    """Return the template that the path fits, "" if none does."""
    path = path_below(scope, handled=True)
    return next((plain(text) for text in templates if text and _template(text).fits(path)), "")


def _rule(url_map: Any, scope: Scope) -> str:
    adapter = url_map.bind("")
    try:
        rule, _ = adapter.match(
            scope["path"], scope.get("method"), return_rule=True, websocket=scope["type"] == "websocket"
        )
    except Exception:  # noqa: BLE001 - werkzeug tells "no such rule" by HTTP exceptions of many kinds
        return UNMATCHED
    return rule_template(rule.rule)
