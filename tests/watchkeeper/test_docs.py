"""What the package says of itself is true."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.watchkeeper.serving import client, samples
from watchkeeper.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "watchkeeper/README.md").read_text()
GUIDE = (ROOT / "docs/telemetry.md").read_text()
ROW = re.compile(r"^\| (?:`(\w+)` )?\| `(\w+)` \|", re.MULTILINE)


def test_every_setting_is_documented_with_its_variable() -> None:
    """The table has a row for each setting, and no other."""
    rows = {keyword: variable for variable, keyword in ROW.findall(README)}

    assert rows == {entry.name: entry.metadata.get("variable", "") for entry in fields(Settings)}


async def test_the_first_example_runs() -> None:
    """A stranger who copies it gets what it promises."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)  # noqa: S102 - our own README
    app: Any = namespace["app"]

    async with client(app) as session:
        answer = await session.get("/v1/users/42")
        text = (await session.get("/api/metrics/prometheus")).text

    assert len(answer.headers["x-trace-id"]) == 32
    assert samples(text, "http_requests_total") == {'{method="GET",route="/v1/users/{id}",status="200"}': 1}


@pytest.mark.parametrize("link", re.findall(r"\]\(([^):]+)\)", GUIDE))
def test_the_guide_links_to_what_exists(link: str) -> None:
    """No link leads nowhere."""
    assert (ROOT / "docs" / link).exists()
