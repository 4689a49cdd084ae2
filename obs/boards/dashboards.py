"""Which dashboards does Grafana show for this stack, and what do they look like as JSON?"""

import contextlib
from collections.abc import Iterator

import orjson

from obs import content
from obs.boards.board import Dashboard
from obs.stack import AbsentError, Stack

WRITTEN = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def boards(stack: Stack) -> Iterator[Dashboard]:
    """
    Build every dashboard of a stack; raise ContentError.

    Those that ask for a part that the stack does not have are left out: all of them, where there is no Grafana.
    """
    slugs = content.here().dashboards if stack.grafana.url else ()
    for slug in slugs:
        with contextlib.suppress(AbsentError):
            yield build(slug, stack)


def build(slug: str, stack: Stack) -> Dashboard:
    """Build one dashboard; raise ContentError, naming file, line and function, and AbsentError."""
    return content.ask(content.here().dashboards[slug], stack, Dashboard)


def path(slug: str) -> str:
    """Return where a dashboard is written, below infra/observability."""
    return f"grafana/dashboards/{slug}.json"


def render_board(dashboard: Dashboard) -> str:
    """Return a dashboard as JSON, its keys sorted so that a diff shows changes alone."""
    return orjson.dumps(dashboard.model, option=WRITTEN).decode()


def render(stack: Stack) -> dict[str, str]:
    """Return the dashboard files, path below infra/observability to text."""
    return {path(dashboard.slug): render_board(dashboard) for dashboard in boards(stack)}
