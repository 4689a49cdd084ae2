"""What is wrong, where, and what would be right instead?"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """
    Something a person has to change.

    ``where`` is what they open (`dashboards/api.py panel 'Error ratio'`), ``what`` the fault, ``instead`` what
    would do, and ``check`` the id of the check that found it.
    """

    where: str
    what: str
    instead: str
    check: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.instead}" if self.instead else f"{self.where}: {self.what}"
