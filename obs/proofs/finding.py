"""What is wrong, where, and what would be right instead?"""

from dataclasses import dataclass, field

from obs.place import Place


@dataclass(frozen=True, slots=True)
class Fault:
    """
    What a check has found: the place a person opens, what is wrong there, and what would do instead.

    Where it is inside an expression, ``expr`` is that expression and ``part`` the guilty part as it stands in it at
    the offset ``start``.
    """

    place: Place
    what: str
    instead: str = ""
    expr: str = ""
    part: str = ""
    start: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and the id of the check that found it: its page in docs/checks, and what a waiver names."""

    fault: Fault
    check: str

    @property
    def where(self) -> str:
        """The place in words, such as `dashboards/api.py:31 panel 'Errors'`: what a waiver names."""
        return str(self.fault.place)

    def __str__(self) -> str:
        said = f"{self.fault.what}; {self.fault.instead}" if self.fault.instead else self.fault.what
        return f"{self.where}: {said}"
