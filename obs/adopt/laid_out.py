"""How does the formatter lay out a call or a tuple?"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 120


@dataclass(frozen=True, slots=True)
class Written:
    """A call or a tuple, laid out as the formatter leaves it: on one line, its items on one, or an item a line."""

    opening: str
    items: "Sequence[str | Written]"
    closing: str

    def line(self) -> str:
        """Return it on one line."""
        return self.opening + ", ".join(map(_line, self.items)) + self.closing

    def at(self, indent: str = "", after: str = "") -> str:
        """Return it below ``indent``, with ``after`` behind it."""
        if len(indent + self.line() + after) <= WIDTH:
            return indent + self.line() + after
        inner = f"{indent}    "
        together = inner + ", ".join(map(_line, self.items))
        call = not self.opening.endswith((" (", "=(")) and self.opening != "("
        if call and len(together) <= WIDTH:
            return f"{indent}{self.opening}\n{together}\n{indent}{self.closing}{after}"
        each = (item.at(inner, ",") if isinstance(item, Written) else f"{inner}{item}," for item in self.items)
        return "\n".join((indent + self.opening, *each, indent + self.closing + after))


def _line(item: "str | Written") -> str:
    return item if isinstance(item, str) else item.line()
