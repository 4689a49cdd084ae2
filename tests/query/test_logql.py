"""LogQL is read as far as its stream selectors, which is where labels must exist."""

import pytest

from obs.query import logql
from obs.query.expr import Condition


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ('{service="a"} | json', (Condition("service", "=", "a"),)),
        (
            '{service=~"a|b", level!="debug"} |= "}"',
            (Condition("service", "=~", "a|b"), Condition("level", "!=", "debug")),
        ),
        ("sum(rate({service=`a`} [5m]))", (Condition("service", "=", "a"),)),
        ("{service=a}", None),
        ("{}", None),
    ],
)
def test_a_stream_selector_is_read(text: str, conditions: tuple[Condition, ...] | None) -> None:
    """Its conditions, or nothing where it is none."""
    (found,) = logql.selected(text)

    read = None if found.conditions is None else tuple(condition for condition, _ in found.conditions)
    assert read == conditions
    for _, part in found.conditions or ():
        assert text.startswith(part.text, part.start)
