"""Addresses from browsers become a bounded set of page templates."""

import pytest

from watchkeeper.vitals.pages import Pages

PAGES = Pages(["/rooms/{id}", "/", "/rooms/new", "/docs/{rest:path}"])


@pytest.mark.parametrize(
    ("address", "template"),
    [
        ("/", "/"),
        ("https://chat.example", "/"),
        ("https://chat.example/", "/"),
        ("/rooms/7", "/rooms/{id}"),
        ("/rooms/7/", "/rooms/{id}"),
        ("/rooms/new", "/rooms/new"),
        ("https://chat.example/rooms/7?token=x#top", "/rooms/{id}"),
        ("/docs/a/b", "/docs/{rest:path}"),
        ("/rooms/7/edit", "other"),
        ("", "other"),
        ("//[", "other"),
        ("/rooms/" + "x" * 5000, "other"),
    ],
)
def test_an_address_becomes_a_template(address: str, template: str) -> None:
    """Queries, hosts and trailing slashes do not matter; literal templates win; the rest is 'other'."""
    assert PAGES.template(address) == template


def test_a_template_begins_with_a_slash() -> None:
    """A template that could never match is refused when it is configured."""
    with pytest.raises(ValueError, match="'rooms' does not begin with '/'"):
        Pages(["rooms"])
