"""How does Django tell of a request: the route that its resolver matched, and the exception that it answered itself?"""

import re
import sys
from functools import lru_cache
from typing import Any

from watchkeeper.frameworks.carrier import ERROR, ROUTE
from watchkeeper.logs.lines import answered
from watchkeeper.paths import rule_template

LOGGER = "django.request"
MAX_ROUTES = 2000
_REGEX = re.compile(r"\(\?P<|[\^$\\]")


def observe(app: Any) -> bool:
    """Have the handler inside ``app`` tell; say whether there is one."""
    handler = _handler(app)
    if handler is None:
        return False
    from django.core.signals import got_request_exception  # noqa: PLC0415 - its application is there, so it is installed

    handler.request_class = _telling(handler.request_class)
    got_request_exception.connect(_raised, dispatch_uid="watchkeeper")
    return True


def _handler(app: Any) -> Any:
    """Return Django's application inside middleware that keeps what it wraps, None if there is none."""
    for _ in range(20):
        if app is None or (hasattr(app, "request_class") and hasattr(app, "resolve_request")):
            return app
        app = getattr(app, "application", None) or getattr(app, "app", None)
    return None


def _telling(request_class: Any) -> type:
    class Telling(request_class):  # type: ignore[misc] # a class of Django's, which has no types
        """A request that notes its route where it came from: the request itself there would be a circle."""

        @property
        def resolver_match(self) -> Any:
            return self.__dict__.get("resolver_match")

        @resolver_match.setter
        def resolver_match(self, match: Any) -> None:
            self.__dict__["resolver_match"] = match
            if match is not None:
                _carrier(self)[ROUTE] = template(match.route)

    return Telling


def _carrier(request: Any) -> Any:
    return request.scope if hasattr(request, "scope") else request.environ


def _raised(request: Any = None, **_: Any) -> None:
    error = sys.exc_info()[1]
    if request is not None and error is not None:
        _carrier(request)[ERROR] = error
        answered(error, LOGGER)


@lru_cache(MAX_ROUTES)
def template(route: str) -> str:
    """Return a route of Django's as a template: `users/<int:id>/` and `^users/(?P<id>[0-9]+)/$` are `/users/{id}/`."""
    if _REGEX.search(route):
        from django.contrib.admindocs import utils  # noqa: PLC0415 - as above

        route = utils.replace_unnamed_groups(utils.replace_named_groups(utils.remove_non_capturing_groups(route)))
        route = utils.replace_metacharacters(route)
    return "/" + rule_template(route).removeprefix("/")
