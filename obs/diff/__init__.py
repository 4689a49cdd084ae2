"""What changed between two states of dashboards and rules, in words a reviewer can act on?"""

from obs.diff.change import DiffError, ObjectChange, Sentence, Tile
from obs.diff.dashboard import diff_dashboard
from obs.diff.machine import render_json
from obs.diff.markdown import render_markdown
from obs.diff.objects import diff_object
from obs.diff.page import render_html
from obs.diff.rules import diff_rule_group
from obs.diff.terminal import render_terminal
from obs.diff.trees import diff_trees

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
