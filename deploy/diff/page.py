"""How do changes look on a page, panel beside panel?"""

from collections.abc import Sequence

from deploy.diff.change import ObjectChange
from deploy.diff.markdown import render_markdown


def render_html(changes: Sequence[ObjectChange]) -> str:
    """Write a self-contained page."""
    return f"<pre>{render_markdown(changes)}</pre>"
