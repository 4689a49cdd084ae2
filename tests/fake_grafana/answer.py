"""What does the fake get asked, and what may it answer?"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``path`` is split and percent-decoded; ``query`` keeps every value of a repeated name."""

    method: str
    path: tuple[str, ...]
    query: dict[str, list[str]]
    body: Any
    headers: dict[str, str]

    def one(self, name: str, default: str = "") -> str:
        """Return one query value."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a ``body`` of None is empty."""

    status: int
    body: Any = None


class Problem(Exception):  # noqa: N818  it is an answer, not an error of the fake
    """An answer that ends the handling of a request."""

    def __init__(self, code: int, message: str, /, **more: Any) -> None:
        super().__init__(message)
        self.answer = Answer(code, {"message": message, **more})


def known_fields(body: Any, allowed: set[str], what: str) -> dict[str, Any]:
    """Return an object body; refuse what is not one, and fields Grafana would drop without a word."""
    if not isinstance(body, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "bad request data")
    if unknown := sorted(set(body) - allowed):
        raise Problem(HTTPStatus.BAD_REQUEST, f"strict: {what} has no field {', '.join(unknown)}")
    return body


@dataclass(slots=True)
class Counter:
    """Numbers given out once each."""

    last: int = field(default=0)

    def next(self) -> int:
        """Return the next number."""
        self.last += 1
        return self.last
