"""What changed between two states of dashboards and rules, in words a reviewer can act on?"""

from deploy.diff.change import DiffError, ObjectChange, Sentence, Tile
from deploy.diff.dashboard import diff_dashboard
from deploy.diff.machine import render_json
from deploy.diff.markdown import render_markdown
from deploy.diff.objects import diff_object
from deploy.diff.page import render_html
from deploy.diff.rules import diff_rule_group
from deploy.diff.terminal import render_terminal
from deploy.diff.trees import diff_trees

__all__ = [
    "DiffError",
    "ObjectChange",
    "Sentence",
    "Tile",
    "diff_dashboard",
    "diff_object",
    "diff_rule_group",
    "diff_trees",
    "render_html",
    "render_json",
    "render_markdown",
    "render_terminal",
]
