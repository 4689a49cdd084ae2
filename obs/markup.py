"""How is a text shown in GitHub's Markdown as it is?"""

import re
from collections.abc import Sequence


def escaped(text: str) -> str:
    """Make GitHub show the text as it is: no emphasis, tags, mentions of people or links to issues."""
    marked = re.sub(r"[\\`*\[\]<&~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", " ".join(text.split()))
    return re.sub(r"@(?=\w)|#(?=\d)", "\\g<0>\u200b", marked)


def fenced(lines: Sequence[str], language: str) -> str:
    """Return lines as a block of code below an item of a list, whatever backticks they hold."""
    longest = max((len(run) for run in re.findall("`+", "".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    return "".join(f"  {line}\n" for line in (f"{fence}{language}", *lines, fence))
