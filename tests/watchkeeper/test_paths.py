"""A path fits a template or not, in a time that grows no faster than the path, and a prefix ends with a segment."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.paths import Template, path_below

PARTS = ("/", "a", "-", "/a", "{x}", "{y}", "{p:path}", "{q:path}", "{n:int}")


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join), st.text("/a-é\n", max_size=14))
def test_a_template_fits_what_a_regular_expression_fits(text: str, path: str) -> None:
    """However parameters and literals are put together, the verdict is that of trying all ways."""
    kinds = {"{p:path}": ".*", "{q:path}": ".*", "{x}": "[^/]+", "{y}": "[^/]+", "{n:int}": "[^/]+"}
    pattern = "".join(kinds.get(part, part) for part in re.split(r"({[^}]*})", text))

    assert Template(text).fits(path) == (re.fullmatch(pattern, path, re.DOTALL) is not None)


@pytest.mark.parametrize("end", ["", "/", "/x/"])
@pytest.mark.parametrize("unit", ["-", ".", "/", "a-", "/a", "/x/"])
@pytest.mark.parametrize("text", ["/{a}-{b}-{c}-{d}", "/{p:path}.{kind}", "/{p:path}/x/{q:path}/y", "/{a}/{p:path}/y"])
def test_the_time_grows_no_faster_than_the_path(text: str, unit: str, end: str) -> None:
    """Sixteen times the path takes about sixteen times the CPU (quadratic: 256), whatever the template."""
    template = Template(text)
    small, large = (spent(template, "/" + unit * (length // len(unit)) + end) for length in (2_000, 32_000))

    assert large < 64 * max(small, 0.000_1)


def spent(template: Template, path: str) -> float:
    """Return the CPU seconds that comparing takes, the least of three."""
    times = []
    for _ in range(3):
        began = time.thread_time()
        template.fits(path)
        times.append(time.thread_time() - began)
    return min(times)


@pytest.mark.parametrize(
    ("prefix", "path", "below"),
    [
        ("", "/things", "/things"),
        ("/api", "/api/things", "/things"),
        ("/api/", "/api/things", "/things"),
        ("/api", "/apiary", "/apiary"),
        ("/api", "/things", "/things"),
        ("/api", "/api", "/api"),
    ],
)
def test_a_prefix_ends_where_a_segment_does(prefix: str, path: str, below: str) -> None:
    """A path that only begins with the same letters is not below the prefix."""
    assert path_below({"path": path, "root_path": prefix}) == below
